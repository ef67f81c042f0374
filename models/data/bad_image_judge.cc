#include "models/data/bad_image_judge.h"

#include <cmath>

#include "graph/base/status.h"

namespace models {
namespace {

constexpr int64_t kAlwaysAllowed = 2;
constexpr int64_t kSeenBeforeJudging = 20;

}  // namespace

void BadImageJudge::SeeGood(bool first_visit) {
  if (first_visit) ++seen_;
  bad_in_row_ = 0;
}

void BadImageJudge::SeeBad(bool first_visit, const absl::Status& reason) {
  if (first_visit) {
    ++seen_;
    ++bad_;
  }
  ++bad_in_row_;
  last_reason_ = std::string(reason.message());
}

absl::Status BadImageJudge::Judge(bool all_seen) const {
  if (stop_at_once_ && bad_in_row_ > 0) {
    return graph::InvalidArgument(last_reason_,
                                  " (--on_bad_image=skip skips it; check_data lists "
                                  "every image like it)");
  }
  if (bad_in_row_ >= data_size_) {
    return graph::InvalidArgument("none of the images can be decoded; the last: ", last_reason_);
  }
  // Before the whole epoch has been seen, bad images may cluster by chance: only clearly too many
  // (four standard deviations) stop the run early.
  const double expected = max_bad_share_ * static_cast<double>(seen_);
  const double allowed = all_seen ? expected : expected + 4 * std::sqrt(expected);
  if (bad_ <= kAlwaysAllowed || static_cast<double>(bad_) <= allowed ||
      (seen_ < kSeenBeforeJudging && !all_seen)) {
    return absl::OkStatus();
  }
  return graph::InvalidArgument(
      bad_, " of the first ", seen_, " images cannot be decoded (", bad_ * 100 / seen_,
      "%), more than the ", max_bad_share_ * 100,
      "% that are skipped; repair or remove them (check_data lists them all, and --write_list "
      "the others), or raise --max_bad_share",
      last_reason_.empty() ? "" : ". The last: ", last_reason_);
}

}  // namespace models
