// Checks every image of a data set.
#ifndef TOOLS_DATA_CHECK_DATA_CHECK_H_
#define TOOLS_DATA_CHECK_DATA_CHECK_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "models/data/open_dataset.h"
#include "models/data/picture_limits.h"

namespace tools {

struct DataCheckOptions {
  int num_workers = 1;           // threads, the calling one among them
  int min_side = 32;             // pixels; images with a smaller side are tiny
  models::PictureLimits limits;  // the data set's
};

// Smallest, median and largest.
struct Spread {
  int64_t min = 0, median = 0, max = 0;
};

// An image by its name in its data set; `split` is "train" or "held_out".
struct CheckedName {
  std::string split, name;
};

struct DataReport {
  int64_t train_images = 0, held_out_images = 0;  // including bad ones
  // All lists are in the order of the data, training images first.
  struct Bad {
    CheckedName image;
    std::string reason;  // names file, or shard and member, and says what to do
  };
  std::vector<Bad> bad;
  struct Tiny {
    CheckedName image;
    int width, height;
  };
  std::vector<Tiny> tiny;
  // Files with the same bytes, within the training or within the held-out images: each except the
  // first is listed with the first.
  struct Duplicate {
    CheckedName image, first;
  };
  std::vector<Duplicate> duplicates;
  std::vector<Duplicate> leaks;            // held-out images that are also training images (first)
  std::vector<CheckedName> grey;           // all pixels are grey
  std::vector<CheckedName> cmyk;           // JPEG files of four inks
  std::map<std::string, int64_t> formats;  // NameOfFormat(), or "pixels"
  // Images of each class, training and held out; then those without a class. Empty without labels.
  std::vector<std::array<int64_t, 2>> classes;
  int64_t unlabelled = 0;
  std::map<std::string, int64_t> ignored;  // Datasets::ignored
  // Of the good images.
  Spread width, height, bytes;
};

// `progress` is called in the calling thread, now and then and at the end, with the images checked
// so far and the total. The report does not depend on the number of workers. A file that is removed
// meanwhile is a bad one.
DataReport CheckData(const models::Datasets& data, const DataCheckOptions& options,
                     const std::function<void(int64_t done, int64_t all)>& progress);

// The report for people; at most `most` lines of each list, then "... and N more".
std::string DataReportText(const DataReport& report, const DataCheckOptions& options, int most);
// "warning: ..." for at most `most` warnings, then how many more there are.
std::vector<std::string> WarningLines(const std::vector<std::string>& warnings, int most);
// The whole report, lists in full. In names that are not UTF-8, invalid bytes become U+FFFD.
std::string DataReportJson(const DataReport& report, const models::Datasets& data,
                           const DataCheckOptions& options);

}  // namespace tools

#endif  // TOOLS_DATA_CHECK_DATA_CHECK_H_
