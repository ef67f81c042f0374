// What a person should know of the pictures in a folder that are not read.
#ifndef MODELS_DATA_FOLDER_NOTES_H_
#define MODELS_DATA_FOLDER_NOTES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "models/data/image_folder.h"

namespace models {

// Of files under `root` that are pictures of kinds that no decoder here reads (HEIC, AVIF ...), by
// their endings (FolderListing::others), with the command that converts them; "" for none.
std::string UnreadPictures(const std::string& root, const std::map<std::string, int64_t>& others);

// Of picture files under `root`/`below` that changed after the list train.txt of `root`, which has
// `items`, and that it does not name: older ones were left out on purpose. Nothing tells new files
// from those that a copy of the folder made after the list. "" for none, or if looking takes longer
// than `most`, because a list is also the way not to scan a slow file system.
std::string UnlistedPictures(const std::string& root, const std::string& below,
                             const std::vector<ImageFolderDataset::Item>& items,
                             absl::Duration most);

}  // namespace models

#endif  // MODELS_DATA_FOLDER_NOTES_H_
