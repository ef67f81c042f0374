// Images in tar shards of WebDataset's layout, read in any order without unpacking.
//
// A sample is the members of one shard that share a key: the path up to the first dot of the file's
// name. The rest of the name is the field. `jpg` or another picture's ending (file_kind.h) is the
// image; else the first field that ends so (`cam0.jpg`); else the member without a field, if its
// first bytes are a picture's. `cls` holds the label, a whole number in text. Other fields and
// samples without an image are skipped. If several images share a key, one is used and a warning
// counts the others.
//
// A plain shard is read at its members' offsets; a gzip shard is first unpacked into an unnamed
// temporary file (spool_file.h). If a field comes twice, the first one counts. A hard link is the
// file it links to; symbolic links are skipped with a warning.
#ifndef MODELS_DATA_SHARD_DATASET_H_
#define MODELS_DATA_SHARD_DATASET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "models/data/dataset.h"
#include "models/data/picture_limits.h"
#include "models/data/spool_file.h"
#include "models/data/tar_index.h"

namespace models {

// "a/b.seg.png" -> ("a/b", "seg.png"), the field in lower case. A name without a dot, or that
// begins with one, is all key.
std::pair<absl::string_view, std::string> SampleKeyAndField(absl::string_view path);

class ShardDataset : public Dataset {
 public:
  // Findings of indexing the shards.
  struct Report {
    int64_t gzip_shards = 0;
    int64_t spooled_bytes = 0;  // on disk until the program ends
    std::string spool_folder;
    int64_t without_image = 0;          // samples
    std::vector<std::string> warnings;  // shard, member, reason and what to do
  };

  // Indexes the shards `names` below `root`. Errors name the shard, the reason and the way out:
  // unreadable, not a tar archive (and what it is), no room to unpack. A truncated shard gives the
  // samples before the cut; what is missing counts as one image that cannot be loaded. A complete
  // shard with a wrong checksum gives its samples and a warning.
  static absl::StatusOr<std::unique_ptr<ShardDataset>> Open(const std::string& root,
                                                            const std::vector<std::string>& names,
                                                            Report* report,
                                                            const PictureLimits& limits = {});

  int64_t size() const override { return static_cast<int64_t>(samples_.size()); }
  // "shard:member", the shard relative to the root: moving the whole data set does not change it.
  std::string name(int64_t i) const override;
  int label(int64_t i) const override { return samples_[i].label; }
  int num_classes() const override { return num_classes_; }
  absl::Status LoadPart(int64_t i, const PartPlan& plan, PicturePart* part) const override;
  absl::StatusOr<std::string> LoadBytes(int64_t i) const override { return Read(i); }
  std::string description() const override;

  // Sets num_classes() of both to the larger one.
  void ShareClasses(ShardDataset* other);
  // Moves the images `indices` (ascending) into a new data set.
  std::unique_ptr<ShardDataset> Take(const std::vector<int64_t>& indices);

 private:
  struct Shard {
    std::string name;      // relative to the root
    std::string path;      // to open; for a gzip shard, its path before unpacking
    std::string shown;     // in messages
    bool spooled = false;  // offsets are relative to `base` in the spool file
    int64_t base = 0;
    int64_t bytes = 0, modified_ns = 0;  // of a plain shard, at indexing
  };
  struct Sample {
    int32_t shard = 0;
    int32_t label = -1;
    int64_t offset = 0;
    int64_t size = -1;   // -1: cannot be read
    std::string member;  // its path; if it cannot be read, "path\0reason; hint"
  };
  struct Shards {
    std::vector<Shard> all;
    std::unique_ptr<SpoolFile> spool;  // null without gzip shards
  };

  ShardDataset() = default;
  absl::Status Index(int32_t shard, Report* report);
  void AddSamples(int32_t shard, TarIndex index, Report* report);
  absl::StatusOr<std::string> Read(int64_t i) const;
  std::string Where(int64_t i) const;  // path of the shard and member

  std::shared_ptr<Shards> shards_;  // shared with data sets made by Take()
  std::vector<Sample> samples_;
  int num_classes_ = 0;
  PictureLimits limits_;
};

}  // namespace models

#endif  // MODELS_DATA_SHARD_DATASET_H_
