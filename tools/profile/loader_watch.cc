#include "tools/profile/loader_watch.h"

#include <algorithm>

namespace tools {
namespace {

int64_t Nanoseconds(models::LoaderObserver::Time time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

}  // namespace

void LoaderWatch::Worked(int worker, models::LoaderWork work, int64_t image, Time begin, Time end) {
  const LoaderEvent event = {worker, work, image, Nanoseconds(begin), Nanoseconds(end)};
  const std::lock_guard<std::mutex> lock(mu_);
  events_.push_back(event);
}

void LoaderWatch::ForgetBefore(int64_t time) {
  const std::lock_guard<std::mutex> lock(mu_);
  events_.erase(std::remove_if(events_.begin(), events_.end(),
                               [time](const LoaderEvent& e) { return e.end <= time; }),
                events_.end());
}

std::vector<LoaderEvent> LoaderWatch::Events() const {
  const std::lock_guard<std::mutex> lock(mu_);
  return events_;
}

}  // namespace tools
