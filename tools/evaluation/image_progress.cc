#include "tools/evaluation/image_progress.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_format.h"
#include "models/training/progress.h"

namespace tools {
namespace {

constexpr std::chrono::seconds kBetweenLines(30);

}  // namespace

ImageProgress::ImageProgress(models::RunLog* log, const models::RunLog::Screen& screen,
                             int64_t total, std::function<Time()> now)
    : log_(*log),
      bar_(screen.terminal),
      total_(total),
      now_(std::move(now)),
      start_(now_()),
      said_(start_) {}

void ImageProgress::Done(int64_t images) {
  done_ += images;
  if (done_ == 0) return;  // all of a batch were skipped
  const Time now = now_();
  const double seconds = std::max(std::chrono::duration<double>(now - start_).count(), 1e-9);
  const auto done = static_cast<double>(done_);
  const auto text = [&] {
    const double left = static_cast<double>(total_ - done_);
    return absl::StrFormat("%d of %d images  eta %s  %s images/s", done_, total_,
                           models::DurationText(seconds / done * left),
                           models::ThreeDigits(done / seconds));
  };
  log_.Progress(done / static_cast<double>(total_), text, done_ == total_);
  if (bar_ || now - said_ < kBetweenLines) return;
  said_ = now;
  log_.Line(text());
}

}  // namespace tools
