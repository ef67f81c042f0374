#include "tools/list_models.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "graph/base/status.h"
#include "models/training/nets.h"

namespace tools {
namespace {

struct ModelCost {
  int64_t parameters = 0;      // trainable elements
  double flops_per_image = 0;  // one training step at the recipe's batch size, per image
};

absl::StatusOr<ModelCost> CountModel(const models::ZooEntry& entry,
                                     const graph::SchemaRegistry& registry) {
  // One image is enough to count, and the number of classes hardly matters.
  const std::unique_ptr<models::Model> model = entry.make(entry, 10);
  ASSIGN_OR_RETURN(
      const models::TrainingNet net,
      models::BuildTrainingNet(registry, *model, models::AdamW(entry.recipe), /*batch=*/1,
                               models::MicroStep::kWhole, /*accum_iter=*/1));
  ModelCost cost;
  int64_t update_flops = 0;  // once per step, not per image
  for (const graph::Op& op : net.net.ops) {
    const int64_t flops = registry.OpCost(net.net, op).flops;
    if (op.phase == graph::Phase::kUpdate) {
      update_flops += flops;
    } else {
      cost.flops_per_image += static_cast<double>(flops);
    }
  }
  cost.flops_per_image += static_cast<double>(update_flops) / entry.recipe.batch_size;
  for (const models::Parameter& p : net.parameters) {
    cost.parameters += p.trained() ? p.type.elements() : 0;
  }
  return cost;
}

}  // namespace

absl::StatusOr<std::string> ListModels(const models::Zoo& zoo,
                                       const graph::SchemaRegistry& registry) {
  std::string text = absl::StrFormat("%-17s %10s %12s %7s %6s  %s\n", "model", "parameters",
                                     "GFLOP/image", "epochs", "batch", "what it is");
  for (const models::ZooEntry& entry : zoo.entries()) {
    ASSIGN_OR_RETURN(const ModelCost cost, CountModel(entry, registry));
    absl::StrAppendFormat(&text, "%-17s %9.2fM %12.2f %7d %6d  %s\n", entry.name,
                          static_cast<double>(cost.parameters) / 1e6, cost.flops_per_image / 1e9,
                          entry.recipe.epochs, entry.recipe.batch_size, entry.summary);
    if (!entry.aliases.empty()) {
      absl::StrAppend(&text, "    also called ", absl::StrJoin(entry.aliases, ", "), "\n");
    }
  }
  return text;
}

}  // namespace tools
