#include "tools/plan/step_time.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "graph/ir/text.h"
#include "tools/benchmark/op_bench.h"

namespace tools {
namespace {

constexpr double kTimedFlops = 100e9;               // a third of a second in fp32 on two cores
constexpr int64_t kLargestOp = int64_t{512} << 20;  // bytes

// `op` alone, with its inputs as the net's. Outputs get memory of their own: in place, a second run
// would compute from the first one's results.
graph::Net OneOpNet(const graph::Net& net, const graph::Op& op) {
  graph::Net alone;
  alone.name = "op";
  std::map<graph::BlobId, graph::BlobId> moved;
  const auto move = [&](graph::BlobId blob) {
    const auto [it, is_new] = moved.emplace(blob, graph::kNone);
    if (is_new) it->second = alone.AddBlob(net.blob(blob).name, net.type(blob));
    return std::make_pair(it->second, is_new);
  };
  graph::Op copy = op;
  copy.in_place.clear();
  for (graph::BlobId& blob : copy.inputs) {
    const auto [id, is_new] = move(blob);
    blob = id;
    if (is_new) alone.inputs.push_back(id);
  }
  for (graph::BlobId& blob : copy.outputs) alone.outputs.push_back(blob = move(blob).first);
  alone.ops.push_back(std::move(copy));
  return alone;
}

double Work(const graph::Cost& cost) {
  return static_cast<double>(cost.flops > 0 ? cost.flops : cost.bytes);
}

}  // namespace

std::string StepTimer::Key(const graph::Net& net, const graph::Op& op) const {
  std::string key = op.type;
  for (const graph::TensorType& type : net.types(op.inputs)) {
    absl::StrAppend(&key, " ", type.ToString());
  }
  for (const graph::TensorType& type : net.types(op.outputs)) {
    absl::StrAppend(&key, " -> ", type.ToString());
  }
  for (const auto& [name, value] : op.attrs) {
    absl::StrAppend(&key, " ", name, "=", graph::AttrText(value));
  }
  return key;
}

double StepTimer::OpSeconds(const graph::Net& net, const graph::Op& op) {
  const auto [it, is_new] = seconds_.emplace(Key(net, op), 0);
  if (!is_new) return it->second;
  const graph::Cost cost = registry_.OpCost(net, op);
  if (cost.bytes <= kLargestOp) {
    const auto timed = BenchOp(registry_, backend_, OneOpNet(net, op), /*ids=*/1, /*runs=*/1);
    if (timed.ok()) return it->second = timed->seconds.median;
  }
  // Too large to be run by the way, or one that random inputs make fail.
  return it->second = gb_per_s_ > 0 ? static_cast<double>(cost.bytes) / (gb_per_s_ * 1e9) : 0;
}

double StepTimer::NetSeconds(const graph::Net& timed, const graph::Net& net) {
  struct Type {
    double seconds = 0, timed = 0, wanted = 0;
  };
  std::map<std::string, Type> types;
  for (const graph::Op& op : timed.ops) {
    Type& type = types[op.type];
    type.seconds += OpSeconds(timed, op);
    type.timed += Work(registry_.OpCost(timed, op));
  }
  for (const graph::Op& op : net.ops) types[op.type].wanted += Work(registry_.OpCost(net, op));
  double sum = 0;
  for (const auto& [name, type] : types) {
    sum += type.timed > 0 ? type.seconds * type.wanted / type.timed : type.seconds;
  }
  return sum;
}

int StepTimer::TimedBatch(const graph::Net& net, int batch) const {
  std::set<std::string> keys;
  double flops = 0;
  for (const graph::Op& op : net.ops) {
    if (!keys.insert(Key(net, op)).second) continue;
    flops += static_cast<double>(registry_.OpCost(net, op).flops);
  }
  return std::clamp(static_cast<int>(batch * kTimedFlops / std::max(flops, 1.0)), 1, batch);
}

absl::StatusOr<double> StepTimer::WindowSeconds(const models::Model& model,
                                                const models::SessionOptions& options,
                                                const models::SessionPlan& plan) {
  const int batch = options.step.micro_batch;
  if (batch_ == 0) batch_ = TimedBatch(plan.steps.back().net, batch);
  models::SessionOptions at = options;
  at.step.micro_batch = batch_;
  at.evaluations = false;
  at.other_nets = nullptr;
  at.dump = nullptr;
  ASSIGN_OR_RETURN(const models::SessionPlan timed, models::PlanSession(model, at));
  double sum = 0;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const double seconds = NetSeconds(timed.steps[i].net, plan.steps[i].net);
    const bool is_middle = i > 0 && i + 1 < plan.steps.size();
    sum += seconds * (is_middle ? options.step.micro_batches - 2 : 1);
  }
  return sum;
}

}  // namespace tools
