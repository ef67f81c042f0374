// JPEG, PNG and WebP files on disk: found by walking a folder, or named by a list file.
#ifndef MODELS_DATA_IMAGE_FOLDER_H_
#define MODELS_DATA_IMAGE_FOLDER_H_

#include <memory>
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

// The picture files at or below `root`/`below`, as paths relative to `root`, in
// byte order. A picture file is one whose name ends in .jpg, .jpeg, .jpe, .jfif,
// .png or .webp in any case; names that begin with a dot are passed over. Symbolic links are
// followed, each real folder once. `others` counts the files passed over by name.
// NotFound / PermissionDenied name the folder that cannot be read.
struct FolderListing {
  std::vector<std::string> paths;
  int64_t others = 0;
};
absl::StatusOr<FolderListing> ListPictures(const std::string& root, const std::string& below);

// Gives each path, relative to the root of `prefix` ("" or "train/"), the class of
// its first folder below the prefix: `classes` is sorted, and a path whose folder is
// not in it gets -1. CollectClasses returns no class when some path has no folder.
std::vector<std::string> CollectClasses(const std::vector<std::string>& paths,
                                        const std::string& prefix);
std::vector<ImageFolderDataset::Item> LabelByFolder(const std::vector<std::string>& paths,
                                                    const std::string& prefix,
                                                    const std::vector<std::string>& classes);

// The official list file: one image a line, "path label", the label being the last
// field, the path (spaces and UTF-8 welcome) relative to the folder `images` under
// the data folder; the items' paths begin with `images`. Blank lines are passed
// over. Errors name file and line: no label, a label that is no number from 0 to
// 1,000,000, an absolute path or one that leaves the folder with "..", no line at all.
absl::StatusOr<std::vector<ImageFolderDataset::Item>> ReadListFile(const std::string& list_path,
                                                                   const std::string& images);
// The same from the file's text; `list_path` is for the messages.
absl::StatusOr<std::vector<ImageFolderDataset::Item>> ParseList(absl::string_view text,
                                                                const std::string& list_path,
                                                                const std::string& images);

}  // namespace models

#endif  // MODELS_DATA_IMAGE_FOLDER_H_
