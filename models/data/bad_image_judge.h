// Decides when there are too many undecodable images to continue.
#ifndef MODELS_DATA_BAD_IMAGE_JUDGE_H_
#define MODELS_DATA_BAD_IMAGE_JUDGE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace models {

// Of an epoch's images, where nothing else is said.
inline constexpr double kMaxBadShare = 0.05;

// Counts over one epoch. The rules are LoaderOptions::max_bad_share and stop_at_bad_image.
class BadImageJudge {
 public:
  // Starts in an epoch of which `seen` images have been visited, `bad` of them undecodable, the
  // last one decodable.
  BadImageJudge(int64_t data_size, double max_bad_share, bool stop_at_once, int64_t seen,
                int64_t bad)
      : data_size_(data_size),
        max_bad_share_(max_bad_share),
        stop_at_once_(stop_at_once),
        seen_(seen),
        bad_(bad) {}

  void BeginEpoch() { seen_ = bad_ = bad_in_row_ = 0; }
  // Distinct images of this epoch: all, and the undecodable ones.
  int64_t seen() const { return seen_; }
  int64_t bad() const { return bad_; }
  // Call in the order of the epoch. An image that is visited again to fill up the epoch is no
  // `first_visit` and does not count towards the share.
  void SeeGood(bool first_visit);
  void SeeBad(bool first_visit, const absl::Status& reason);
  // `all_seen`: all images of the epoch have been visited once.
  absl::Status Judge(bool all_seen) const;

 private:
  int64_t data_size_;
  double max_bad_share_;
  bool stop_at_once_;
  int64_t seen_, bad_;
  int64_t bad_in_row_ = 0;
  std::string last_reason_;
};

}  // namespace models

#endif  // MODELS_DATA_BAD_IMAGE_JUDGE_H_
