// Lists of the good images of a folder, which --data_path reads in place of the folder.
#ifndef TOOLS_DATA_CHECK_IMAGE_LISTS_H_
#define TOOLS_DATA_CHECK_IMAGE_LISTS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "models/data/open_dataset.h"
#include "tools/data_check/data_check.h"
#include "tools/output/staged_output.h"

namespace tools {

// train.txt, and val.txt beside it if the data have a val/ of their own, because the classes of its
// folders mean nothing beside a list.
class ImageLists {
 public:
  // Checks, before images are decoded, that the list `path` can be written and be read as the same
  // images with the same labels. `data` is opened with val_fraction 0, so that what is held out by
  // hash is in the list, in its place; it must outlive this. Errors name --write_list and the way
  // out.
  static absl::StatusOr<ImageLists> Choose(const std::string& path, bool overwrite,
                                           const models::Datasets& data);

  // Writes all lists, without the bad images of `report`, or none. Returns a line about each.
  absl::StatusOr<std::vector<std::string>> Write(const DataReport& report);

 private:
  struct Part {
    const models::Dataset* images;
    std::string below;  // "train/", of the images' names, to be left out
    StagedOutput file;
  };
  explicit ImageLists(std::vector<Part> parts) : parts_(std::move(parts)) {}

  absl::Status WriteFrom(size_t part, const std::vector<std::string>& texts);

  std::vector<Part> parts_;
};

}  // namespace tools

#endif  // TOOLS_DATA_CHECK_IMAGE_LISTS_H_
