// Records what a loader's threads do, for the profiler. Thread-safe.
#ifndef TOOLS_PROFILE_LOADER_WATCH_H_
#define TOOLS_PROFILE_LOADER_WATCH_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

#include "models/data/loader.h"

namespace tools {

// One piece of a loader thread's work.
struct LoaderEvent {
  int worker;
  models::LoaderWork work;
  int64_t image;       // index in the data set
  int64_t begin, end;  // nanoseconds, since a time that the owner defines
};

// Records events until Stop(): three pieces of work per image, 40 bytes each.
class LoaderWatch : public models::LoaderObserver {
 public:
  bool Watching() const override { return watching_.load(std::memory_order_relaxed); }
  void Worked(int worker, models::LoaderWork work, int64_t image, Time begin, Time end) override;

  // Drops events that ended before `time`, on steady_clock.
  void ForgetBefore(int64_t time);
  // Work that begins after this is not recorded; work in progress still is.
  void Stop() { watching_.store(false, std::memory_order_relaxed); }
  // Events that have ended so far, in the order in which their ends arrived; times on steady_clock.
  std::vector<LoaderEvent> Events() const;

 private:
  std::atomic<bool> watching_{true};
  mutable std::mutex mu_;
  std::vector<LoaderEvent> events_;  // guarded by mu_
};

}  // namespace tools

#endif  // TOOLS_PROFILE_LOADER_WATCH_H_
