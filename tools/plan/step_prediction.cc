#include "tools/plan/step_prediction.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tools {
namespace {

bool IsProduct(absl::string_view type) {
  return absl::StrContains(type, "MatMul") || absl::StrContains(type, "Linear");
}

bool IsAttention(absl::string_view type) { return absl::StartsWith(type, "Attention"); }

bool IsWeightGradient(absl::string_view type) { return absl::StrContains(type, "WeightGrad"); }

// How often the net at `i` of a plan's steps runs in a window.
int TimesInWindow(const models::SessionPlan& plan, size_t i, int micro_batches) {
  const bool is_middle = i > 0 && i + 1 < plan.steps.size();
  return is_middle ? micro_batches - 2 : 1;
}

}  // namespace

std::string KindOf(const graph::Op& op) {
  if (op.phase == graph::Phase::kUpdate) return "update";
  if (op.recomputed) return "recomputation";
  const size_t slash = op.part.rfind('/');
  const std::string scope = slash == std::string::npos ? "" : op.part.substr(0, slash) + " ";
  if (IsWeightGradient(op.type)) return scope + "weight gradients";
  if (IsProduct(op.type)) {
    if (op.phase == graph::Phase::kBackward) return scope + "input gradients";
    return scope + (scope.empty() ? "forward products" : "products");
  }
  if (IsAttention(op.type)) return scope + "attention";
  if (absl::StrContains(op.type, "LayerNorm")) return scope + "norms";
  if (absl::StrContains(op.type, "Gelu")) return scope + "GELU";
  if (op.type == "SumToShape") return scope + "bias gradients";
  return scope + "other";
}

double PredictedSeconds(const graph::SchemaRegistry& registry, const graph::Net& net,
                        const graph::Op& op, absl::string_view implementation,
                        const MachineRates& rates, const Efficiency& efficiency) {
  const graph::Cost cost = registry.OpCost(net, op);
  const double memory = rates.gb_per_s * 1e9;
  double seconds = static_cast<double>(cost.bytes) / (memory * efficiency.memory);
  const bool product = IsProduct(op.type);
  if (product || IsAttention(op.type)) {
    const double share = !product                    ? efficiency.attention
                         : IsWeightGradient(op.type) ? efficiency.weight_gradients
                                                     : efficiency.products;
    seconds = std::max(
        seconds, static_cast<double>(cost.flops) / (ProductRate(net, op, rates) * 1e9 * share));
  }
  if (product && efficiency.cache > 0 && absl::StrContains(implementation, "own epilogue")) {
    const double sums = static_cast<double>(net.type(op.outputs[0]).elements()) * sizeof(float);
    seconds += 2 * sums / (memory * efficiency.cache);
  }
  return seconds + efficiency.seconds_between;
}

std::vector<KindOfWork> PredictWindow(const graph::SchemaRegistry& registry,
                                      const models::SessionPlan& plan, int micro_batches,
                                      const MachineRates& rates) {
  std::vector<KindOfWork> kinds;
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const graph::Prepared& step = plan.steps[i];
    const int times = TimesInWindow(plan, i, micro_batches);
    for (size_t at = 0; at < step.net.ops.size(); ++at) {
      const graph::Op& op = step.net.ops[at];
      const std::string kind = KindOf(op);
      auto row = std::find_if(kinds.begin(), kinds.end(),
                              [&](const KindOfWork& known) { return known.kind == kind; });
      if (row == kinds.end()) row = kinds.insert(kinds.end(), KindOfWork{kind});
      const graph::Cost cost = registry.OpCost(step.net, op);
      const std::string how = step.kernels[at]->implementation();
      row->operators += times;
      row->flops += times * static_cast<double>(cost.flops);
      row->bytes += times * static_cast<double>(cost.bytes);
      row->floor_seconds += times * PredictedSeconds(registry, step.net, op, how, rates, kFloor);
      row->goal_seconds += times * PredictedSeconds(registry, step.net, op, how, rates, kGoal);
    }
  }
  return kinds;
}

KindOfWork PredictCopies(const models::SessionPlan& plan, int micro_batches,
                         const KindOfWork& work, const MachineRates& rates) {
  KindOfWork copies{"copy of images"};
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const graph::Net& net = plan.steps[i].net;
    const int times = TimesInWindow(plan, i, micro_batches);
    for (const graph::BlobId input : net.inputs) {
      copies.bytes += times * static_cast<double>(net.type(input).bytes());
    }
  }
  const double pcie = copies.bytes / (kPcieGbPerS * 1e9);
  const double host = copies.bytes / (kHostCopyGbPerS * 1e9);
  copies.bytes *= 2;  // read and written
  const double within = copies.bytes / (rates.gb_per_s * 1e9);
  copies.floor_seconds =
      std::max(0.0, pcie - work.floor_seconds) + within / kFloor.memory;
  copies.goal_seconds =
      std::max(0.0, pcie + host - work.goal_seconds) + within / kGoal.memory;
  return copies;
}

KindOfWork Sum(const std::vector<KindOfWork>& kinds) {
  KindOfWork sum{"sum"};
  for (const KindOfWork& kind : kinds) {
    sum.operators += kind.operators;
    sum.flops += kind.flops;
    sum.bytes += kind.bytes;
    sum.floor_seconds += kind.floor_seconds;
    sum.goal_seconds += kind.goal_seconds;
  }
  return sum;
}

}  // namespace tools
