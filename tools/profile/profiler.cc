#include "tools/profile/profiler.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "graph/base/status.h"

namespace tools {
namespace {

constexpr double kMs = 1e-6;  // of a nanosecond

using Clock = std::chrono::steady_clock;

int64_t Nanoseconds(Clock::time_point time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}
int64_t Now() { return Nanoseconds(Clock::now()); }

void SetRoofline(double gflops, double gb_per_s, OpProfile* p) {
  if ((p->flops > 0 && gflops <= 0) || (p->bytes > 0 && gb_per_s <= 0)) return;
  const double compute = p->flops > 0 ? static_cast<double>(p->flops) / gflops * kMs : 0;
  const double memory = p->bytes > 0 ? static_cast<double>(p->bytes) / gb_per_s * kMs : 0;
  p->roofline_ms = std::max(compute, memory);
  p->compute_bound = compute > memory;
}

}  // namespace

double Profile::step_ms() const {
  if (steps.empty()) return 0;
  double sum = 0;
  for (const Span& s : steps) sum += static_cast<double>(s.end - s.begin);
  return sum * kMs / static_cast<double>(steps.size());
}

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

Profiler::Profiler(const graph::SchemaRegistry& registry,
                   std::vector<graph::Executable*> executables, const ProfileOptions& options)
    : registry_(registry), executables_(std::move(executables)), options_(options) {
  CHECK(!executables_.empty() && options_.steps > 0 && options_.warmup >= 0);
  size_t most = 0;
  for (graph::Executable* executable : executables_) {
    times_.emplace_back(executable->net().ops.size());
    most = std::max(most, executable->net().ops.size());
    executable->AddTraceHook(this);
  }
  const size_t traced = std::min(options_.steps, options_.trace_steps);
  const size_t runs = std::max<size_t>(executables_.size(), options_.micro_batches);
  events_.reserve(traced * runs * most);
  waits_.reserve(traced * runs);
  steps_.reserve(options_.steps);
}

Profiler::~Profiler() { Detach(); }

void Profiler::Detach() {
  for (graph::Executable* executable : executables_) executable->RemoveTraceHook(this);
}

void Profiler::EnterStep(int64_t now) {
  if (in_step_) return;
  in_step_ = true;
  step_begin_ = now;
  waited_in_step_ = 0;
  if (steps_seen_ != options_.warmup) return;
  start_ = now;
  loader_.ForgetBefore(now);
}

void Profiler::EndStep(int64_t now) {
  in_step_ = false;
  if (counting()) {
    steps_.push_back({step_begin_ - start_, now - start_});
    waited_ += waited_in_step_;
  }
  ++steps_seen_;
  if (!tracing()) loader_.Stop();
  if (steps_seen_ < options_.warmup + options_.steps) return;
  done_ = true;
  loader_.Stop();
  Detach();
}

void Profiler::DataAsked() {
  if (done_) return;
  data_begin_ = Now();
  EnterStep(data_begin_);
}

void Profiler::DataCame() {
  if (!counting()) return;
  const int64_t now = Now();
  waited_in_step_ += now - data_begin_;
  if (tracing() && waits_.size() < waits_.capacity()) {
    waits_.push_back({data_begin_ - start_, now - start_});
  }
}

void Profiler::BeforeOp(const graph::Net&, graph::OpId) {
  op_begin_ = Now();
  EnterStep(op_begin_);
}

void Profiler::AfterOp(const graph::Net& net, graph::OpId op,
                       absl::Span<const graph::ConstTensor>) {
  const int64_t now = Now();
  size_t e = 0;
  while (e < executables_.size() && &executables_[e]->net() != &net) ++e;
  if (e == executables_.size()) return;
  if (counting()) {
    const int64_t took = now - op_begin_;
    Times& t = times_[e][op];
    t.min = t.calls == 0 ? took : std::min(t.min, took);
    ++t.calls;
    t.sum += took;
    const double off = static_cast<double>(took) - t.mean;
    t.mean += off / static_cast<double>(t.calls);
    t.squares += off * (static_cast<double>(took) - t.mean);
    if (tracing() && events_.size() < events_.capacity()) {
      events_.push_back({static_cast<int>(e), op, op_begin_ - start_, now - start_});
    }
  }
  op_end_ = now;
  if (e + 1 == executables_.size() && op + 1 == static_cast<int>(net.ops.size())) EndStep(now);
}

void Profiler::StepEnded() {
  if (in_step_) EndStep(op_end_);
}

Profile Profiler::Result() const {
  Profile profile;
  profile.rates = options_.rates;
  profile.steps = steps_;
  profile.events = events_;
  profile.waits = waits_;
  const size_t traced = std::min<size_t>(steps_.size(), options_.trace_steps);
  const int64_t traced_end = traced > 0 ? steps_[traced - 1].end : 0;
  for (LoaderEvent e : loader_.Events()) {
    e.begin = std::max<int64_t>(e.begin - start_, 0);
    e.end -= start_;
    if (e.begin < traced_end) profile.loader_events.push_back(e);
  }
  if (!steps_.empty()) {
    profile.wait_ms = static_cast<double>(waited_) * kMs / static_cast<double>(steps_.size());
  }
  for (size_t e = 0; e < executables_.size(); ++e) {
    profile.executables.push_back(executables_[e]);
    const graph::Net& net = executables_[e]->net();
    for (size_t i = 0; i < net.ops.size(); ++i) {
      const Times& t = times_[e][i];
      OpProfile p;
      p.executable = static_cast<int>(e);
      p.op = static_cast<graph::OpId>(i);
      p.role = RoleOf(net, net.ops[i]);
      p.calls = t.calls;
      p.mean_ms = t.mean * kMs;
      p.std_ms = t.calls > 1 ? std::sqrt(t.squares / static_cast<double>(t.calls - 1)) * kMs : 0;
      p.min_ms = static_cast<double>(t.min) * kMs;
      p.total_ms = static_cast<double>(t.sum) * kMs;
      const graph::Cost cost = registry_.OpCost(net, net.ops[i]);
      p.flops = cost.flops;
      p.bytes = cost.bytes;
      SetRoofline(ProductRate(net, net.ops[i], options_.rates), options_.rates.gb_per_s, &p);
      profile.ops.push_back(p);
    }
  }
  return profile;
}

}  // namespace tools
