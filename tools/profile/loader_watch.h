// What the threads of a loader do, for the profiler. Thread-safe.
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
  int64_t begin, end;  // nanoseconds, from what the owner says
};

// Keeps what it is told until Stop(): three pieces of work an image, 40 bytes each.
class LoaderWatch : public models::LoaderObserver {
 public:
  bool Watching() const override { return watching_.load(std::memory_order_relaxed); }
  void Worked(int worker, models::LoaderWork work, int64_t image, Time begin, Time end) override;

  // Forgets what ended before `time`, on steady_clock.
  void ForgetBefore(int64_t time);
  // Nothing that begins after this is watched. What is under way still comes.
  void Stop() { watching_.store(false, std::memory_order_relaxed); }
  // What has ended so far, in the order of the ends as they came in; times on steady_clock.
  std::vector<LoaderEvent> Events() const;

 private:
  std::atomic<bool> watching_{true};
  mutable std::mutex mu_;
  std::vector<LoaderEvent> events_;  // guarded by mu_
};

}  // namespace tools

#endif  // TOOLS_PROFILE_LOADER_WATCH_H_
