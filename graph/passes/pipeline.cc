#include "graph/passes/pipeline.h"

#include <chrono>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "graph/ir/part.h"
#include "graph/ir/text.h"
#include "graph/ir/verify.h"
#include "graph/passes/cse.h"
#include "graph/passes/dead_op.h"
#include "graph/passes/gelu_derivative.h"
#include "graph/passes/in_place.h"
#include "graph/passes/linear_fusion.h"
#include "graph/passes/mixed_precision.h"
#include "graph/passes/quantize.h"
#include "graph/passes/recompute.h"
#include "graph/passes/residual_norm_fusion.h"
#include "graph/passes/row_pruning.h"
#include "graph/passes/shared_rows.h"
#include "graph/passes/stop_gradient.h"
#include "graph/passes/tensor_grouping.h"
#include "graph/passes/weight_packing.h"

namespace graph {
namespace {

absl::Status CheckDisabled(const std::vector<std::unique_ptr<Pass>>& passes,
                           const std::set<std::string>& disabled) {
  std::vector<std::string> names;
  for (const auto& pass : passes) names.emplace_back(pass->name());
  for (const std::string& wanted : disabled) {
    bool known = false;
    for (const std::string& name : names) known |= name == wanted;
    if (!known) {
      return InvalidArgument("there is no pass '", wanted,
                             "' to disable; the passes are: ", absl::StrJoin(names, ", "));
    }
  }
  return absl::OkStatus();
}

// A pass answers for its own promise: what goes wrong in it is this program's
// fault, never the user's.
absl::Status Blame(const Pass& pass, absl::string_view what) {
  return absl::InternalError(absl::StrCat("pass '", pass.name(), "' ", what));
}

// By name of operator: what a pass may not change without giving it another name.
using Places = absl::flat_hash_map<std::string, std::pair<Phase, std::string>>;

Places PlacesOf(const Net& net) {
  Places places;
  for (const Op& op : net.ops) places[op.name] = {op.phase, op.part};
  return places;
}

absl::Status CheckPlaces(const Pass& pass, const Places& before, const Places& after) {
  for (const auto& [name, place] : after) {
    const auto it = before.find(name);
    if (it == before.end() || it->second == place) continue;
    return Blame(pass, absl::StrCat("moved operator '", name, "' from ", it->second.second, ", ",
                                    PhaseName(it->second.first), ", to ", place.second, ", ",
                                    PhaseName(place.first)));
  }
  return absl::OkStatus();
}

}  // namespace

DType PrecisionOf(const PipelineOptions& options, absl::string_view part) {
  for (const PartPrecision& override : options.precision_overrides) {
    if (IsWithin(part, override.part)) return override.precision;
  }
  return options.precision;
}

std::vector<std::unique_ptr<Pass>> DefaultPasses(const PipelineOptions& options) {
  std::vector<std::unique_ptr<Pass>> passes;
  passes.push_back(std::make_unique<StopGradientPass>());
  passes.push_back(std::make_unique<CsePass>());
  passes.push_back(std::make_unique<DeadOpPass>());
  passes.push_back(std::make_unique<SharedRowsPass>(options));
  passes.push_back(std::make_unique<RowPruningPass>());
  passes.push_back(std::make_unique<LinearFusionPass>());
  passes.push_back(std::make_unique<GeluDerivativePass>());
  passes.push_back(std::make_unique<RecomputePass>(options.recompute_segment));
  passes.push_back(std::make_unique<ResidualNormFusionPass>());
  passes.push_back(std::make_unique<MixedPrecisionPass>(options));
  std::vector<std::string> quantized;
  for (const PartPrecision& override : options.precision_overrides) {
    if (override.precision == DType::kI8) quantized.push_back(override.part);
  }
  passes.push_back(std::make_unique<QuantizePass>(std::move(quantized)));
  passes.push_back(std::make_unique<WeightPackingPass>());
  passes.push_back(std::make_unique<TensorGroupingPass>());
  passes.push_back(std::make_unique<InPlacePass>());
  return passes;
}

absl::StatusOr<std::vector<PassReport>> RunPipeline(
    Net* net, const SchemaRegistry& registry, const std::vector<std::unique_ptr<Pass>>& passes,
    const PipelineOptions& options) {
  RETURN_IF_ERROR(CheckDisabled(passes, options.disabled));
  if (absl::Status status = Verify(*net, registry); !status.ok()) {
    return Annotate(status, "before the first pass");
  }
  if (options.dump) options.dump("00_built", *net);

  std::vector<PassReport> reports;
  if (!options.enabled) return reports;
  std::string text = ToText(*net);
  Places places = PlacesOf(*net);
  for (size_t i = 0; i < passes.size(); ++i) {
    const Pass& pass = *passes[i];
    PassReport report;
    report.pass = std::string(pass.name());
    if (options.disabled.count(report.pass) > 0) continue;
    report.ops_before = static_cast<int>(net->ops.size());

    const auto start = std::chrono::steady_clock::now();
    const absl::StatusOr<bool> changed = pass.Run(net, registry);
    const std::chrono::duration<double, std::milli> elapsed =
        std::chrono::steady_clock::now() - start;
    if (!changed.ok()) {
      return Annotate(changed.status(), absl::StrCat("pass '", pass.name(), "'"));
    }
    report.changed = *changed;
    report.ops_after = static_cast<int>(net->ops.size());
    report.milliseconds = elapsed.count();
    reports.push_back(report);

    // Before the text is made, which relies on ids in range.
    if (*changed) {
      if (absl::Status status = Verify(*net, registry); !status.ok()) {
        return Blame(pass, absl::StrCat("made a bad net: ", status.message()));
      }
      Places after = PlacesOf(*net);
      RETURN_IF_ERROR(CheckPlaces(pass, places, after));
      places = std::move(after);
    }
    std::string text_after = ToText(*net);
    if (!*changed && text_after != text) {
      return Blame(pass, "said that it left the net alone, but changed it");
    }
    if (*changed && text_after == text) {
      return Blame(pass, "said that it changed the net, but left it alone");
    }
    text = std::move(text_after);
    if (*changed && options.dump) {
      options.dump(absl::StrFormat("%02d_%s", i + 1, pass.name()), *net);
    }
  }
  return reports;
}

}  // namespace graph
