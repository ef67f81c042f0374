#include "models/training/watchdog.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace models {
namespace {

constexpr size_t kStretches = 31;   // computing times whose median is the "usual" one
constexpr double kLongestGap = 10;  // between two looks at the clock; a longer gap means that the
                                    // process was stopped

std::string SecondsText(double seconds) {
  return absl::StrFormat(seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
}

const char* WorkText(LoaderWork work) {
  switch (work) {
    case LoaderWork::kDecode:
      return "decoding";
    case LoaderWork::kCrop:
      return "cropping";
    case LoaderWork::kCopy:
      return "copying";
  }
  return "";
}

}  // namespace

// What the threads of one loader are doing. The watchdog's mutex guards its state.
class Watchdog::Observer : public LoaderObserver {
 public:
  struct Work {
    LoaderWork work;
    int64_t image;
    double since;
    bool next_watches;
  };

  Observer(Watchdog* watchdog, const Dataset* images, LoaderObserver* next)
      : watchdog_(watchdog), images_(images), next_(next) {}

  bool Watching() const override { return true; }
  void Begins(int worker, LoaderWork work, int64_t image) override {
    const bool next_watches = next_ != nullptr && next_->Watching();
    if (next_watches) next_->Begins(worker, work, image);
    const std::lock_guard<std::mutex> lock(watchdog_->mu_);
    at_work_[worker] = {work, image, watchdog_->Seconds(), next_watches};
  }
  void Worked(int worker, LoaderWork work, int64_t image, Time begin, Time end) override {
    bool next_watches = false;
    {
      const std::lock_guard<std::mutex> lock(watchdog_->mu_);
      const double seconds = watchdog_->Seconds();
      const auto at = at_work_.find(worker);
      if (at != at_work_.end()) {
        next_watches = at->second.next_watches;
        at_work_.erase(at);
      }
      const Phase phase = watchdog_->phase_;
      if (phase == Phase::kImages || phase == Phase::kOther) watchdog_->Progress(seconds);
    }
    if (next_watches) next_->Worked(worker, work, image, begin, end);
  }

  const std::map<int, Work>& at_work() const { return at_work_; }
  std::string Name(int64_t image) const { return images_->name(image); }

 private:
  Watchdog* const watchdog_;
  const Dataset* const images_;
  LoaderObserver* const next_;
  std::map<int, Work> at_work_;
};

Watchdog::Watchdog(WatchdogOptions options)
    : options_(std::move(options)),
      last_look_(options_.now ? options_.now() : std::chrono::steady_clock::now()),
      next_line_(options_.limit_seconds) {
  if (options_.limit_seconds <= 0 || options_.now) return;
  thread_ = std::thread([this] {
    const std::chrono::duration<double> interval(std::min(options_.limit_seconds / 4, 1.0));
    while (true) {
      {
        std::unique_lock<std::mutex> lock(mu_);
        if (stopped_.wait_for(lock, interval, [this] { return stop_; })) return;
      }
      Check();
    }
  });
}

Watchdog::~Watchdog() {
  {
    const std::lock_guard<std::mutex> lock(mu_);
    stop_ = true;
  }
  stopped_.notify_all();
  if (thread_.joinable()) thread_.join();
}

double Watchdog::Seconds() {
  const Time now = options_.now ? options_.now() : std::chrono::steady_clock::now();
  const double passed = std::chrono::duration<double>(now - last_look_).count();
  last_look_ = now;
  // The thread looks more often than that, so longer gaps are no stall of the run.
  if (passed > 0 && passed <= kLongestGap) seconds_ += passed;
  return seconds_;
}

void Watchdog::Progress(double seconds) {
  if (next_line_ > options_.limit_seconds) {
    options_.say(absl::StrCat("watchdog: went on after ", SecondsText(seconds - progress_)));
  }
  progress_ = seconds;
  next_line_ = options_.limit_seconds;
}

void Watchdog::Begin(Phase phase, int64_t step, const std::string& what) {
  const std::lock_guard<std::mutex> lock(mu_);
  const double seconds = Seconds();
  if (phase_ == Phase::kStep) {
    if (computed_.size() < kStretches) {
      computed_.push_back(seconds - began_);
    } else {
      computed_[oldest_] = seconds - began_;
      oldest_ = (oldest_ + 1) % kStretches;
    }
  }
  Progress(seconds);
  phase_ = phase;
  step_ = step;
  what_ = what;
  began_ = seconds;
}

void Watchdog::WaitForImages() { Begin(Phase::kImages, 0, ""); }
void Watchdog::ComputeStep(int64_t step) { Begin(Phase::kStep, step, ""); }
void Watchdog::Do(const std::string& what) { Begin(Phase::kOther, 0, what); }
void Watchdog::Rest() { Begin(Phase::kRest, 0, ""); }

LoaderObserver* Watchdog::Observe(const Dataset* images, LoaderObserver* next) {
  const std::lock_guard<std::mutex> lock(mu_);
  observers_.push_back(std::make_unique<Observer>(this, images, next));
  return observers_.back().get();
}

void Watchdog::Check() {
  const std::lock_guard<std::mutex> lock(mu_);
  const double seconds = Seconds();
  if (options_.limit_seconds <= 0 || phase_ == Phase::kRest) return;
  if (seconds - progress_ < next_line_) return;
  while (next_line_ <= seconds - progress_) next_line_ *= 2;
  options_.say(absl::StrCat("watchdog: ", Describe(seconds)));
}

std::string Watchdog::Describe(double seconds) const {
  const std::string since = SecondsText(seconds - progress_);
  switch (phase_) {
    case Phase::kRest:
      break;
    case Phase::kImages:
      return absl::StrCat("waiting for images for ", since, AtWork(seconds));
    case Phase::kStep:
      return absl::StrCat("step ", step_, " has been computing for ", since, Usual());
    case Phase::kOther:
      return absl::StrCat(what_, " without progress for ", since, AtWork(seconds));
  }
  return "";
}

// The loader thread that has worked longest on its current image.
std::string Watchdog::AtWork(double seconds) const {
  const Observer* loader = nullptr;
  std::pair<int, Observer::Work> longest;
  for (const std::unique_ptr<Observer>& observer : observers_) {
    for (const auto& [worker, work] : observer->at_work()) {
      if (loader != nullptr && work.since >= longest.second.since) continue;
      loader = observer.get();
      longest = {worker, work};
    }
  }
  if (loader == nullptr) {
    return phase_ == Phase::kImages ? " (no thread of the loader is at work)" : "";
  }
  const Observer::Work& work = longest.second;
  return absl::StrCat(" (worker ", longest.first, " has been ", WorkText(work.work), " ",
                      loader->Name(work.image), " for ", SecondsText(seconds - work.since), ")");
}

std::string Watchdog::Usual() const {
  if (computed_.empty()) return "";
  std::vector<double> sorted = computed_;
  std::nth_element(sorted.begin(), sorted.begin() + static_cast<int64_t>(sorted.size() / 2),
                   sorted.end());
  return absl::StrCat(" (usual: ", SecondsText(sorted[sorted.size() / 2]), ")");
}

}  // namespace models
