// Decides when undecodable images are too many to go on.
#ifndef MODELS_DATA_BAD_IMAGE_JUDGE_H_
#define MODELS_DATA_BAD_IMAGE_JUDGE_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace models {

// Counts over one epoch. The rule is in LoaderOptions::max_bad_share.
class BadImageJudge {
 public:
  BadImageJudge(int64_t data_size, double max_bad_share)
      : data_size_(data_size), max_bad_share_(max_bad_share) {}

  void BeginEpoch() { seen_ = bad_ = bad_in_row_ = 0; }
  // In the order of the epoch. An image that is visited again to fill the epoch up
  // is no `first_visit`: it does not count towards the share.
  void SeeGood(bool first_visit);
  void SeeBad(bool first_visit, const absl::Status& reason);
  // `all_seen`: the epoch's images have all been visited once.
  absl::Status Judge(bool all_seen) const;

 private:
  int64_t data_size_;
  double max_bad_share_;
  int64_t seen_ = 0, bad_ = 0;  // distinct images
  int64_t bad_in_row_ = 0;
  std::string last_reason_;
};

}  // namespace models

#endif  // MODELS_DATA_BAD_IMAGE_JUDGE_H_
