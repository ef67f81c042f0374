// Times every operator of a training step over N steps.
//
//   Profiler profiler(registry, session->micro_steps(), options);
//   ... train; call DataAsked() and DataCame() before and after taking a batch ...
//   if (profiler.done()) { Profile p = profiler.Result(); WriteProfile(p, dir); }
//
// While it is active, an operator costs two more readings of the clock, about 0.1 µs; nothing is
// allocated.
#ifndef TOOLS_PROFILE_PROFILER_H_
#define TOOLS_PROFILE_PROFILER_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "graph/runtime/executable.h"
#include "graph/schema/schema.h"
#include "models/data/loader.h"
#include "tools/benchmark/machine_rates.h"
#include "tools/profile/op_label.h"

namespace tools {

struct ProfileOptions {
  int warmup = 3;  // steps before the first that counts
  int steps = 10;
  int trace_steps = 10;   // how many of those, the first ones, go into the trace
  int micro_batches = 1;  // per step; room for events is reserved by it
  MachineRates rates;
};

// One operator of one net. Times are per call.
struct OpProfile {
  int executable = 0;
  graph::OpId op = 0;
  Role role = Role::kForward;
  int64_t calls = 0;  // in all steps
  double mean_ms = 0;
  double std_ms = 0;  // of the calls, not of their mean
  double min_ms = 0;
  double total_ms = 0;  // of all calls
  int64_t flops = 0;    // per call, as counted by the schema
  int64_t bytes = 0;
  // The least time that the rates allow: max(flops / rate, bytes / rate). 0: a needed rate is
  // unknown. With data from a cache the operator can be faster.
  double roofline_ms = 0;
  bool compute_bound = false;  // which of the two is larger
};

// Nanoseconds since the start of the first counted step.
struct OpEvent {
  int executable;
  graph::OpId op;
  int64_t begin, end;
};
struct Span {
  int64_t begin, end;
};

// One piece of a loader thread's work.
struct LoaderEvent {
  int worker;
  models::LoaderWork work;
  int64_t image;       // index in the data set
  int64_t begin, end;  // nanoseconds, since a time that the owner defines
};

struct Profile {
  // Alive as long as the session.
  std::vector<const graph::Executable*> executables;
  std::vector<OpProfile> ops;   // net by net, in their order
  std::vector<Span> steps;      // from asking for the first batch to the end of the last operator
  std::vector<OpEvent> events;  // of the first trace_steps
  std::vector<Span> waits;      // for data, in the same steps
  // Of the loader's threads, where they overlap the same steps; earlier parts are cut off.
  std::vector<LoaderEvent> loader_events;
  double wait_ms = 0;  // for data, per step, over all steps
  MachineRates rates;

  const graph::Op& op(const OpProfile& p) const {
    return executables[p.executable]->net().ops[p.op];
  }
  double step_ms() const;  // mean
};

// Records what a loader's threads do until Stop(): three pieces of work per image, 40 bytes each.
// Thread-safe.
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

// Observes the nets of a training window, in order of use; the end of the last net ends a step. It
// is a trace hook of `executables` until it is done() or destroyed. Used by the training thread.
class Profiler : public graph::TraceHook {
 public:
  // `registry` gives the costs. The executables must outlive the profiler.
  Profiler(const graph::SchemaRegistry& registry, std::vector<graph::Executable*> executables,
           const ProfileOptions& options);
  ~Profiler() override;
  Profiler(const Profiler&) = delete;
  Profiler& operator=(const Profiler&) = delete;

  // Call before and after taking a batch. Without these calls a step begins with its first
  // operator, and waiting is not counted.
  void DataAsked();
  void DataCame();

  void BeforeOp(const graph::Net& net, graph::OpId op) override;
  void AfterOp(const graph::Net& net, graph::OpId op,
               absl::Span<const graph::ConstTensor> outputs) override;

  // After each step, for windows that end before the last net was used, as the last one
  // of an epoch may: the step ended with its last operator.
  void StepEnded();

  // For the loader of these steps, whose threads are then recorded in the same steps. The profiler
  // must outlive that loader.
  models::LoaderObserver* loader_observer() { return &loader_; }

  // All steps have been seen.
  bool done() const { return done_; }
  // The profile of the steps seen so far, Result().steps.size() of them.
  Profile Result() const;

 private:
  struct Times {
    int64_t calls = 0, sum = 0, min = 0;
    double mean = 0, squares = 0;  // Welford's
  };

  void EnterStep(int64_t now);
  void EndStep(int64_t now);
  bool counting() const { return steps_seen_ >= options_.warmup && !done_; }
  // The step is one of the first trace_steps.
  bool tracing() const { return static_cast<int>(steps_.size()) < options_.trace_steps; }
  void Detach();

  const graph::SchemaRegistry& registry_;
  std::vector<graph::Executable*> executables_;
  const ProfileOptions options_;
  std::vector<std::vector<Times>> times_;  // by executable and operator
  std::vector<Span> steps_;
  std::vector<OpEvent> events_;
  std::vector<Span> waits_;
  LoaderWatch loader_;
  int64_t start_ = 0;  // the first counted step's
  int64_t step_begin_ = 0, op_begin_ = 0, op_end_ = 0, data_begin_ = 0;
  int64_t waited_ = 0, waited_in_step_ = 0;
  int steps_seen_ = 0;
  bool in_step_ = false;
  bool done_ = false;
};

}  // namespace tools

#endif  // TOOLS_PROFILE_PROFILER_H_
