#include "tools/plan/plan_report.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "models/training/recompute.h"
#include "models/training/session_plan.h"

namespace tools {
namespace {

using models::SessionOptions;
using models::SessionPlan;

constexpr size_t kTopOps = 10;
constexpr size_t kPeakRows = 15;

template <typename T>
double MiB(T bytes) {
  return static_cast<double>(bytes) / (1024.0 * 1024.0);
}

struct Row {
  std::string name;
  int count = 0;
  graph::Cost cost;
};

void Append(std::string* text, const std::string& title, const std::vector<Row>& rows,
            const graph::Cost& all) {
  absl::StrAppendFormat(text, "%-54s %6s %10s %6s %12s\n", title, "count", "GFLOP", "share",
                        "MiB moved");
  for (const Row& row : rows) {
    const double flops = static_cast<double>(row.cost.flops);
    absl::StrAppendFormat(
        text, "  %-52s %6d %10.3f %5.1f%% %12.1f\n", row.name, row.count, flops / 1e9,
        all.flops > 0 ? 100 * flops / static_cast<double>(all.flops) : 0.0, MiB(row.cost.bytes));
  }
}

// Sorts by cost; operators without FLOPs by bytes moved.
void Sort(std::vector<Row>* rows) {
  std::stable_sort(rows->begin(), rows->end(), [](const Row& a, const Row& b) {
    return a.cost.flops != b.cost.flops ? a.cost.flops > b.cost.flops : a.cost.bytes > b.cost.bytes;
  });
}

// The time that the rates allow.
double LeastSeconds(const graph::SchemaRegistry& registry, const graph::Net& net,
                    const MachineRates& rates) {
  const auto seconds = [](int64_t amount, double rate) {
    return rate > 0 ? static_cast<double>(amount) / (rate * 1e9) : 0.0;
  };
  double sum = 0;
  for (const graph::Op& op : net.ops) {
    const graph::Cost cost = registry.OpCost(net, op);
    sum += std::max(seconds(cost.flops, ProductRate(net, op, rates)),
                    seconds(cost.bytes, rates.gb_per_s));
  }
  return sum;
}

std::string Operators(const graph::SchemaRegistry& registry, const graph::Net& net,
                      const graph::Cost& all) {
  std::map<std::string, Row> types;
  std::vector<Row> ops;
  for (const graph::Op& op : net.ops) {
    const graph::Cost cost = registry.OpCost(net, op);
    Row& type = types[op.type];
    type.name = op.type;
    ++type.count;
    type.cost.flops += cost.flops;
    type.cost.bytes += cost.bytes;
    ops.push_back({op.Describe(), 1, cost});
  }
  std::vector<Row> by_type;
  for (const auto& [name, row] : types) by_type.push_back(row);
  Sort(&by_type);
  Sort(&ops);
  ops.resize(std::min(ops.size(), kTopOps));
  std::string text;
  Append(&text, "operator type", by_type, all);
  text += "\n";
  Append(&text, absl::StrCat("largest ", ops.size(), " operators"), ops, all);
  return text;
}

// The first lines of ExplainPlan.
std::string AtThePeak(const graph::Prepared& planned) {
  const std::string all = graph::ExplainPlan(planned.net, planned.plan);
  size_t end = 0, lines = 0;
  while (end < all.size() && lines < 3 + kPeakRows) lines += all[end++] == '\n';
  const int64_t left = std::count(all.begin() + static_cast<int64_t>(end), all.end(), '\n');
  std::string text = all.substr(0, end);
  if (left > 0) absl::StrAppendFormat(&text, "%14s and %d smaller ones\n", "", left);
  return text;
}

std::string Memory(const SessionPlan& plan, const graph::Prepared& update) {
  // Gradients are what GradNorm reads, packed copies what PackWeights writes; both lie
  // in the arena.
  size_t gradients = 0, packed = 0;
  const graph::Net& net = update.net;
  for (const graph::Op& op : net.ops) {
    if (op.type == "GradNorm") {
      for (graph::BlobId b : op.inputs) gradients += net.type(b).bytes();
    }
    if (op.type != "PackWeights") continue;
    for (graph::BlobId b : op.outputs) packed += net.type(b).bytes();
  }
  const models::MemoryNeeds& m = plan.memory;
  std::string text = absl::StrFormat("%-54s %12s\n", "memory", "MiB");
  const auto row = [&text](const char* what, size_t bytes) {
    absl::StrAppendFormat(&text, "  %-52s %12.1f\n", what, MiB(bytes));
  };
  row("parameters", m.parameters);
  row("state of the optimizer", m.optimizer);
  if (m.accumulators > 0) row("accumulated gradients", m.accumulators);
  row("inputs, counters and other states", m.other);
  row("arena", m.arena);
  row("  in it, over time: gradients of parameters", gradients);
  row("  in it, over time: packed weights", packed);
  row("  least that any plan needs (the updating net)", update.plan.lower_bound_bytes);
  row("  planned (the updating net)", update.plan.arena_bytes);
  if (m.host == 0) row("batches of the loader", m.loader);
  row("total", m.total());
  if (m.host > 0) row("and of the host's memory, batches of the loader", m.host);
  return text;
}

// Saved bytes and added FLOPs of each mode, compared with no recomputation.
absl::StatusOr<std::string> Recompute(const models::Model& model, const SessionOptions& options) {
  const graph::SchemaRegistry& registry = *options.compile.registry;
  const graph::PipelineOptions& passes = options.compile.passes;
  if (!passes.enabled || passes.disabled.count("recompute") > 0) {
    return std::string("recomputation: none, its pass is left out\n");
  }
  std::string text = absl::StrFormat("%-54s %12s %12s %12s\n", "recomputation", "total MiB",
                                     "saved MiB", "more GFLOP");
  double total = 0, flops = 0;
  for (const char* mode : {"none", "mlp", "block"}) {
    SessionOptions with = options;
    with.dump = nullptr;
    with.evaluations = false;
    with.other_nets = nullptr;
    ASSIGN_OR_RETURN(with.compile.passes.recompute_segment, models::RecomputeSegments(mode));
    ASSIGN_OR_RETURN(const SessionPlan plan, models::PlanSession(model, with));
    const double now = static_cast<double>(plan.memory.total());
    const double cost = static_cast<double>(registry.NetCost(plan.steps.back().net).flops);
    if (total == 0) {
      total = now;
      flops = cost;
    }
    absl::StrAppendFormat(&text, "  %-52s %12.1f %12.1f %12.4g\n",
                          absl::StrCat("--recompute=", mode), MiB(now), MiB(total - now),
                          (cost - flops) / 1e9);
  }
  return text;
}

}  // namespace

absl::StatusOr<std::string> PlanReport(const models::Model& model, const SessionOptions& options,
                                       const MachineRates& rates) {
  const graph::SchemaRegistry& registry = *options.compile.registry;
  SessionOptions quiet = options;
  quiet.dump = nullptr;
  ASSIGN_OR_RETURN(const SessionPlan plan, models::PlanSession(model, quiet));
  const graph::Prepared& update = plan.steps.back();
  const graph::Cost cost = registry.NetCost(update.net);
  const double seconds = LeastSeconds(registry, update.net, rates);
  const int batch = options.step.micro_batch;

  std::string text = absl::StrFormat(
      "net '%s': batch %d, %d operators, %.3f GFLOP and %.1f MiB moved a run, %.3f GFLOP an "
      "image\n\n",
      update.net.name, batch, update.net.ops.size(), static_cast<double>(cost.flops) / 1e9,
      MiB(cost.bytes), plan.flops_per_image / 1e9);
  text += Operators(registry, update.net, cost) + "\n" + Memory(plan, update) + "\n" +
          AtThePeak(update) + "\n";
  ASSIGN_OR_RETURN(const std::string recompute, Recompute(model, options));
  text += recompute + "\n";

  if (seconds > 0) {
    const char* const step = plan.steps.size() > 1 ? "window's last micro-step" : "step";
    const std::string bf16 =
        rates.bf16_gflops > 0 ? absl::StrFormat(" (bf16: %.0f)", rates.bf16_gflops) : "";
    if (rates.f32_gflops == 0) {
      return absl::StrFormat(
          "%sat %.1f GB/s, its products not counted, a %s takes at least %.3f s\n", text,
          rates.gb_per_s, step, seconds);
    }
    absl::StrAppendFormat(
        &text, "at %.0f GFLOP/s%s and %.1f GB/s a %s takes at least %.3f s: %.2f images/s\n",
        rates.f32_gflops, bf16, rates.gb_per_s, step, seconds, batch / seconds);
  }
  return text;
}

}  // namespace tools
