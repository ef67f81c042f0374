// Looks at every image of a data set.
#ifndef TOOLS_DATA_CHECK_DATA_CHECK_H_
#define TOOLS_DATA_CHECK_DATA_CHECK_H_

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "models/data/open_dataset.h"
#include "models/data/picture_limits.h"

namespace tools {

struct DataCheckOptions {
  int num_workers = 0;           // 0: in the calling thread
  int min_side = 32;             // pixels; images with a smaller side are tiny
  models::PictureLimits limits;  // the data set's
};

// Least, middle and largest.
struct Spread {
  int64_t min = 0, median = 0, max = 0;
};

// Images go by their names in the data set; those that are held out too, so that `split` is
// "train" or "held_out".
struct CheckedName {
  std::string split, name;
};

struct DataReport {
  int64_t train_images = 0, held_out_images = 0;  // all, the bad ones too
  // In the order of the data, training images first.
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
  // Of files with the same bytes, within the training or the held-out images: the first
  // keeps its place, the others are here with it.
  struct Duplicate {
    CheckedName image, first;
  };
  std::vector<Duplicate> duplicates;
  std::vector<Duplicate> leaks;            // held-out images that are training images (first), too
  std::vector<CheckedName> grey;           // all of whose pixels are
  std::vector<CheckedName> cmyk;           // JPEG files of four inks
  std::map<std::string, int64_t> formats;  // NameOfFormat(), or "pixels"
  // Images of each class, training and held out, and those without one. Empty without labels.
  std::vector<std::array<int64_t, 2>> classes;
  int64_t unlabelled = 0;
  // Of the good ones.
  Spread width, height, bytes;
};

// `progress` is called in the calling thread, now and then and at the end, with the images
// looked at so far and all there are. The report does not depend on the number of workers. A file
// that is removed meanwhile is a bad one.
DataReport CheckData(const models::Datasets& data, const DataCheckOptions& options,
                     const std::function<void(int64_t done, int64_t all)>& progress);

// What a person reads; of each list at most `most` lines, then "... and N more".
std::string DataReportText(const DataReport& report, const DataCheckOptions& options, int most);
// "warning: ..." of at most `most`, then how many more there are.
std::vector<std::string> WarningLines(const std::vector<std::string>& warnings, int most);
// The whole of it, lists in full. Names that are not UTF-8 have U+FFFD for what is not.
std::string DataReportJson(const DataReport& report, const models::Datasets& data,
                           const DataCheckOptions& options);

}  // namespace tools

#endif  // TOOLS_DATA_CHECK_DATA_CHECK_H_
