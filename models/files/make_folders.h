// Makes the folders that lead to a program's output.
#ifndef MODELS_FILES_MAKE_FOLDERS_H_
#define MODELS_FILES_MAKE_FOLDERS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace models {

// OK if `folder` can be written to, or it and its missing parents can be made. Changes nothing.
// Errors name the part of the path that is in the way: "FILE is a file, not a folder", "LINK is a
// link to nothing", "cannot write to FOLDER: REASON".
absl::Status CheckCanMake(const std::string& folder);

// Makes `folder` and its missing parents, and flushes their names to the disk. Returns those made,
// the highest first, for RemoveEmpty(). On an error nothing is left.
absl::StatusOr<std::vector<std::string>> MakeFolders(const std::string& folder);

// Removes the empty ones of `made`, the last first.
void RemoveEmpty(const std::vector<std::string>& made);

}  // namespace models

#endif  // MODELS_FILES_MAKE_FOLDERS_H_
