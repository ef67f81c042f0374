// Picture files on disk: found by walking a folder, or named by a list file.
#ifndef MODELS_DATA_IMAGE_FOLDER_H_
#define MODELS_DATA_IMAGE_FOLDER_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/data/dataset.h"
#include "models/data/picture_limits.h"

namespace models {

// Paths (relative to a root) and labels, decoded on demand. Listing does not open
// the images, so an undecodable one shows when it is loaded.
class ImageFolderDataset : public Dataset {
 public:
  struct Item {
    std::string path;  // relative to the root
    int label;         // -1: none
    // How many items before it have the same path: another draw of the same picture.
    int32_t occurrence = 0;
  };
  ImageFolderDataset(std::string root, std::vector<Item> items, int num_classes,
                     std::string description, const PictureLimits& limits = {});

  int64_t size() const override { return static_cast<int64_t>(items_.size()); }
  uint64_t image_id(int64_t i) const override;
  std::string name(int64_t i) const override { return items_[i].path; }
  int label(int64_t i) const override { return items_[i].label; }
  int num_classes() const override { return num_classes_; }
  absl::StatusOr<Image> Load(int64_t i) const override;
  absl::Status LoadPart(int64_t i, const PartPlan& plan, PicturePart* part) const override;
  absl::StatusOr<std::string> LoadBytes(int64_t i) const override;
  std::string description() const override { return description_; }

 private:
  std::string root_;
  std::vector<Item> items_;
  int num_classes_;
  std::string description_;
  PictureLimits limits_;
};

// The picture files at or below `root`/`below`, as paths relative to `root`, in byte order,
// whatever order the file system has them in. Which files are pictures is said in file_kind.h.
//
// A link to a folder is a folder like others, so that one folder may count under two names; but
// one that leads to a folder above itself is passed over. So are names that begin with a dot, the
// folders in which a system keeps its own files (lost+found, $RECYCLE.BIN, System Volume
// Information, @eaDir, #recycle, #snapshot), and the pictures that a run drew: `vis` in a folder
// that holds a run.
//
// Errors name the folder that cannot be read, or the name of which cannot be said whether it is
// one; a link to nothing is a file like others, and loading it says why.
struct FolderListing {
  std::vector<std::string> paths;
  // Files passed over, by their ending in lower case: ".txt", or "" where there is none.
  std::map<std::string, int64_t> others;
  // Those of them that are archives by their names (file_kind.h).
  std::vector<std::string> archives;
  int64_t linked_folders = 0;  // links to folders that were followed
};
// Without the folder `except`, a path relative to `root`, too.
absl::StatusOr<FolderListing> ListPictures(const std::string& root, const std::string& below,
                                           const std::string& except = "");

// One of those pictures, always the same, found without looking further; empty where there is
// none, or a folder that cannot be read comes first. `archives`: of what was walked until then.
std::string FindPicture(const std::string& root, const std::string& below,
                        std::vector<std::string>* archives = nullptr);

// Gives each path, relative to the root of `prefix` ("" or "train/"), the class of
// its first folder below the prefix: `classes` is sorted, and a path whose folder is
// not in it, or that has none, gets -1.
std::vector<std::string> CollectClasses(const std::vector<std::string>& paths,
                                        const std::string& prefix);
std::vector<ImageFolderDataset::Item> LabelByFolder(const std::vector<std::string>& paths,
                                                    const std::string& prefix,
                                                    const std::vector<std::string>& classes);

// The official list file: one image a line, "path label", the label being the last
// field, the path (spaces and UTF-8 welcome) relative to the folder `images` under
// the data folder; the items' paths begin with `images`. Blank lines are passed
// over, and so is a byte order mark before a line; lines may end as on any system. A path may come
// again: each line is a draw of its own. Errors name file and line: no label, a label that is no
// number from 0 to 1,000,000, an absolute path or one that leaves the folder with "..", a zero
// byte; or that there is no line at all, or text in UTF-16.
absl::StatusOr<std::vector<ImageFolderDataset::Item>> ReadListFile(const std::string& list_path,
                                                                   const std::string& images);
// The same from the file's text; `list_path` is for the messages.
absl::StatusOr<std::vector<ImageFolderDataset::Item>> ParseList(absl::string_view text,
                                                                const std::string& list_path,
                                                                const std::string& images);

}  // namespace models

#endif  // MODELS_DATA_IMAGE_FOLDER_H_
