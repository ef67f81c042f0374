// Picture files on disk, found by walking a folder or named by a list file.
#ifndef MODELS_DATA_IMAGE_FOLDER_H_
#define MODELS_DATA_IMAGE_FOLDER_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/data/dataset.h"
#include "models/data/picture_limits.h"
#include "models/data/scan_progress.h"

namespace models {

// Paths (relative to a root) and labels; images are decoded on demand. Listing does not open them,
// so an undecodable image is found only when it is loaded.
class ImageFolderDataset : public Dataset {
 public:
  struct Item {
    std::string path;  // relative to the root
    int label;         // -1: none
    // How many earlier items have the same path: another draw of the same picture.
    int32_t occurrence = 0;
  };
  ImageFolderDataset(std::string root, std::vector<Item> items, int num_classes,
                     std::string description, const PictureLimits& limits = {});

  int64_t size() const override { return static_cast<int64_t>(items_.size()); }
  uint64_t image_id(int64_t i) const override;
  std::string name(int64_t i) const override { return items_[i].path; }
  int label(int64_t i) const override { return items_[i].label; }
  int num_classes() const override { return num_classes_; }
  absl::Status LoadPart(int64_t i, const PartPlan& plan, PicturePart* part) const override;
  absl::StatusOr<std::string> LoadBytes(int64_t i) const override;
  std::string description() const override { return description_; }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
  std::vector<Item> items_;
  int num_classes_;
  std::string description_;
  PictureLimits limits_;
};

// The picture files at or below `root`/`below`, as paths relative to `root`, in byte order,
// whatever the file system's order. file_kind.h says which files are pictures.
//
// A link to a folder is followed, so one folder may count under two names; a link to a folder above
// itself is skipped. So are names that begin with a dot, system folders (lost+found, $RECYCLE.BIN,
// System Volume Information, @eaDir, #recycle, #snapshot), and the pictures that a run drew: `vis`
// in a folder that holds a run.
//
// Errors name a folder that cannot be read, or a path that cannot be examined. A broken link is
// listed like any file; loading it reports the error.
struct FolderListing {
  std::vector<std::string> paths;
  // Files skipped, by their ending in lower case: ".txt", or "" for none.
  std::map<std::string, int64_t> others;
  // Those of the skipped files that are archives by their names (file_kind.h).
  std::vector<std::string> archives;
  int64_t linked_folders = 0;  // links to folders that were followed
};
using ScanDeadline = std::chrono::steady_clock::time_point;

// Also skips the folder `except`, a path relative to `root`. `progress` sees each file; may be
// null. No file is examined whose kind its folder tells. DeadlineExceeded if it takes until `end`.
absl::StatusOr<FolderListing> ListPictures(const std::string& root, const std::string& below,
                                           const std::string& except = "",
                                           ScanProgress* progress = nullptr,
                                           ScanDeadline end = ScanDeadline::max());

// One of those pictures, always the same, found without listing the rest; empty if there is none or
// if a folder that cannot be read comes first. `archives` gets those seen on the way.
std::string FindPicture(const std::string& root, const std::string& below,
                        std::vector<std::string>* archives = nullptr);

// Gives each path (relative to the root, below `prefix`: "" or "train/") the class of its first
// folder below the prefix. `classes` is sorted; a path without a folder, or with one that is not in
// `classes`, gets -1.
std::vector<std::string> CollectClasses(const std::vector<std::string>& paths,
                                        const std::string& prefix);
std::vector<ImageFolderDataset::Item> LabelByFolder(const std::vector<std::string>& paths,
                                                    const std::string& prefix,
                                                    const std::vector<std::string>& classes);

// Reads the official list file: one image a line, "path label". The label is the last field; the
// path (spaces and UTF-8 allowed) is relative to the folder `images` under the data folder, and the
// items' paths begin with `images`. Blank lines and a byte order mark before a line are skipped;
// any line ending is accepted. A path may occur again: each line is a separate draw. Errors name
// file and line: no label, a label that is neither a number from 0 to 1,000,000 nor -1 (none), an
// absolute path or one that leaves the folder with "..", a zero byte; or, for the file, no line at
// all or text in UTF-16.
absl::StatusOr<std::vector<ImageFolderDataset::Item>> ReadListFile(const std::string& list_path,
                                                                   const std::string& images);
// The same from the file's text; messages use `list_path`.
absl::StatusOr<std::vector<ImageFolderDataset::Item>> ParseList(absl::string_view text,
                                                                const std::string& list_path,
                                                                const std::string& images);

}  // namespace models

#endif  // MODELS_DATA_IMAGE_FOLDER_H_
