#include "tools/list_models.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "graph/base/status.h"
#include "models/training/screen_text.h"
#include "models/training/session_plan.h"

namespace tools {
namespace {

struct ModelCost {
  int64_t parameters = 0;      // trainable elements
  double flops_per_image = 0;  // SessionPlan's, at the recipe's batch size
};

absl::StatusOr<ModelCost> CountModel(const models::ZooEntry& entry,
                                     const graph::SchemaRegistry& registry,
                                     const graph::Backend& backend) {
  // The number of classes hardly matters.
  const std::unique_ptr<models::Model> model = entry.make(entry, 10);
  models::SessionOptions options;
  options.compile.registry = &registry;
  options.compile.backend = &backend;
  options.recipe = entry.recipe;
  options.step.micro_batch = entry.recipe.batch_size;
  options.evaluations = false;
  ASSIGN_OR_RETURN(const models::SessionPlan plan, models::PlanSession(*model, options));
  ModelCost cost;
  cost.flops_per_image = plan.flops_per_image;
  for (const models::Parameter& p : plan.parameters) {
    cost.parameters += p.trained() ? p.type.elements() : 0;
  }
  return cost;
}

}  // namespace

absl::StatusOr<std::string> ListModels(const models::Zoo& zoo,
                                       const graph::SchemaRegistry& registry,
                                       const graph::Backend& backend, int columns) {
  std::string text = absl::StrFormat("%-17s %10s %12s %7s %6s\n", "model", "parameters",
                                     "GFLOP/image", "epochs", "batch");
  const auto add = [&text, columns](const std::string& words) {
    text += "    ";
    models::AppendWrapped(words, 6, columns, &text);
  };
  for (const models::ZooEntry& entry : zoo.entries()) {
    ASSIGN_OR_RETURN(const ModelCost cost, CountModel(entry, registry, backend));
    absl::StrAppendFormat(&text, "%-17s %9.2fM %12.2f %7d %6d\n", entry.name,
                          static_cast<double>(cost.parameters) / 1e6, cost.flops_per_image / 1e9,
                          entry.recipe.epochs, entry.recipe.batch_size);
    add(entry.summary);
    if (!entry.aliases.empty()) {
      add(absl::StrCat("also called ", absl::StrJoin(entry.aliases, ", ")));
    }
  }
  return text;
}

}  // namespace tools
