// Reports when a run makes no progress, and which part of it.
//
//   watchdog: waiting for images for 300 s (worker 1 has been decoding n01/a.jpg for 299 s)
//   watchdog: step 123 has been computing for 300 s (usual: 2.1 s)
//   watchdog: went on after 412 s
//
// The run's thread says what it begins; a thread of the watchdog looks at the clock. Beginning
// something new is progress; while the run waits for images, so is every image that a loader
// finishes: a slow disk is not a stall. Lines come after 1, 2, 4, 8 ... times the limit. Time in
// which the whole process was stopped (Ctrl-Z, a sleeping laptop) does not count. Thread-safe.
#ifndef MODELS_TRAINING_WATCHDOG_H_
#define MODELS_TRAINING_WATCHDOG_H_

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "models/data/dataset.h"
#include "models/data/loader.h"

namespace models {

struct WatchdogOptions {
  double limit_seconds = 300;  // 0: no reports and no thread
  // Receives the lines, one at a time, from any thread: the run's, the watchdog's, or a loader
  // worker's that resumes. All of them wait for it; it must not call the watchdog.
  std::function<void(const std::string& line)> say;
  // For tests: their own clock, advancing at most 10 seconds between readings, and no thread; they
  // call Check() themselves. Empty: the steady clock and a thread.
  std::function<std::chrono::steady_clock::time_point()> now;
};

class Watchdog {
 public:
  explicit Watchdog(WatchdogOptions options);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();  // ends the thread; loaders that it observes must have ended

  // What the run's thread begins now; this ends its previous activity.
  void WaitForImages();
  void ComputeStep(int64_t step);
  // "evaluating", "saving": images count as progress here too.
  void Do(const std::string& what);
  void Rest();  // idle: no progress is expected

  // Returns an observer, owned by the watchdog, for the loader of `images`, which must outlive the
  // watchdog. `next`, which may be null, is called as if it were the only observer; it must outlive
  // the loader.
  LoaderObserver* Observe(const Dataset* images, LoaderObserver* next);

  // Looks at the clock and reports a stall if there is one.
  void Check();

 private:
  using Time = std::chrono::steady_clock::time_point;
  class Observer;
  enum class Phase { kRest, kImages, kStep, kOther };

  // These require mu_.
  double Seconds();  // the watchdog's own time, which stops while the process is stopped
  void Begin(Phase phase, int64_t step, const std::string& what);
  void Progress(double seconds);
  std::string Describe(double seconds) const;
  std::string AtWork(double seconds) const;
  std::string Usual() const;

  const WatchdogOptions options_;
  std::mutex mu_;
  std::condition_variable stopped_;
  bool stop_ = false;
  Time last_look_;
  double seconds_ = 0;  // own time at last_look_

  Phase phase_ = Phase::kRest;
  int64_t step_ = 0;
  std::string what_;
  double began_ = 0;              // of the phase
  double progress_ = 0;           // of the last progress
  double next_line_;              // without progress, in seconds
  std::vector<double> computed_;  // durations of the last computing stretches
  size_t oldest_ = 0;             // in computed_, once it is full

  std::vector<std::unique_ptr<Observer>> observers_;
  std::thread thread_;  // last: it uses everything above
};

}  // namespace models

#endif  // MODELS_TRAINING_WATCHDOG_H_
