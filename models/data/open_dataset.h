// Opens the data in a folder, whatever kind it is.
#ifndef MODELS_DATA_OPEN_DATASET_H_
#define MODELS_DATA_OPEN_DATASET_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "models/data/dataset.h"
#include "models/data/picture_limits.h"
#include "models/data/scan_progress.h"

namespace models {

// Held-out images, unless --val_fraction or the data says otherwise: accuracies of fewer are rough.
inline constexpr int64_t kLeastHeldOut = 50;

struct OpenOptions {
  std::string data_path;  // empty: the embedded data set
  // The model's input size in pixels; scenes of the embedded set are drawn at it.
  int input_height = 0;
  int input_width = 0;
  // Share of the training images to hold out if the data has no held-out part: the images with the
  // smallest path hashes, at least 1 if there are 2 images, at most 2,000. All draws of one picture
  // (lines of a list) stay together; the share is then an upper bound, except for the first
  // picture's draws. 0 holds out nothing. In [0, 1).
  double val_fraction = 0.01;
  // A share that gives fewer, but for 0, is raised until it gives so many, to a fifth at most.
  int64_t least_held_out = 0;
  PictureLimits limits;  // --max_image_megapixels
  // Gets lines while a folder is scanned that takes seconds (scan_progress.h); may be empty.
  ScanProgress::Say on_scan;
  // With train.txt, how long to look for pictures that came after it.
  absl::Duration list_scan = absl::Seconds(1);
  // Beyond this number, warnings become one line with their count; 0: no limit.
  int max_warnings = 20;
};

struct Datasets {
  std::unique_ptr<Dataset> train;
  std::unique_ptr<Dataset> held_out;  // null when nothing is held out
  // The share that was held out; unset where the data has a held-out part.
  absl::optional<double> val_fraction;
  std::string description;  // what was recognised as what, for the banner
  // Problems found while opening the data: file, reason, what to do.
  std::vector<std::string> warnings;
  // Files of folders that are no pictures, by their ending in lower case: ".txt", or "" for none.
  std::map<std::string, int64_t> ignored;
};

// In this order, under `data_path`:
//   train.txt          the official list, images under train/, or beside the list if there is no
//                      train/ (DIR/train.txt names it, too)
//   train/             tar shards of WebDataset's layout (*.tar *.tar.gz *.tgz, shard_dataset.h),
//                      else an image folder, where either is in it
//   data_batch_*.bin   CIFAR-10; held out: test_batch.bin
//   *.tar *.tar.gz *.tgz   tar shards; held out, here and in train/: val/ of shards, val-*.tar
//   anything else      an image folder, less val/; a warning names folders called nearly so
// or `data_path` is one shard, or a pattern: DIR/{000..099}.tar, DIR/*.tar (shard_paths.h). If data
// of a later kind in this list is there as well, a warning names it. Held out for lists and
// folders: the list val.txt with images under val/, else the folder val/, else val_fraction of the
// training images. The latter also holds for shards without a held-out part. A list none of whose
// pictures exists is an error. Errors name the folder or file and what to do.
absl::StatusOr<Datasets> OpenDatasets(const OpenOptions& options);

// The folder below `root` to which the paths in the list `split`.txt are relative; "" for `root`.
std::string ListedFolder(const std::string& root, const std::string& split);

// "5 other files (3 .txt, 1 .mp4, 1 without an ending)" of Datasets::ignored, the commonest first,
// at most `most` endings and "..."; "" for none.
std::string OthersText(const std::map<std::string, int64_t>& others, size_t most);

}  // namespace models

#endif  // MODELS_DATA_OPEN_DATASET_H_
