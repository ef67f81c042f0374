#include "graph/passes/pipeline.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "graph/ir/part.h"
#include "graph/ir/text.h"
#include "graph/ir/verify.h"
#include "graph/passes/passes.h"

namespace graph {
namespace {

absl::Status CheckDisabled(const Passes& passes, const std::set<std::string>& disabled) {
  std::vector<std::string> names;
  for (const Pass& pass : passes) names.push_back(pass.name);
  for (const std::string& wanted : disabled) {
    if (std::find(names.begin(), names.end(), wanted) != names.end()) continue;
    return InvalidArgument("there is no pass '", wanted,
                           "' to disable; the passes are: ", absl::StrJoin(names, ", "));
  }
  return absl::OkStatus();
}

// A pass answers for its own promise: what goes wrong in it is this program's
// fault, never the user's.
absl::Status Blame(const Pass& pass, absl::string_view what) {
  return absl::InternalError(absl::StrCat("pass '", pass.name, "' ", what));
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

ComputePrecision PrecisionOf(const PipelineOptions& options, absl::string_view part) {
  for (const PartPrecision& override : options.precision_overrides) {
    if (IsWithin(part, override.part)) return override.precision;
  }
  return options.precision;
}

Passes MakePasses(const PipelineOptions& options, const Lowering& lowering) {
  Passes passes = {StopGradientPass(), CsePass(), DeadOpPass(), SharedRowsPass(options),
                   RowPruningPass()};
  const auto append = [&passes](const Passes& more) {
    passes.insert(passes.end(), more.begin(), more.end());
  };
  append(lowering.before_recompute);
  append({RecomputePass(options.recompute_segment)});
  append(lowering.after_recompute);
  append({MixedPrecisionPass(options)});
  append(lowering.after_precision);
  append({TensorGroupingPass(), InPlacePass()});
  return passes;
}

absl::StatusOr<std::vector<std::string>> RunPipeline(Net* net, const SchemaRegistry& registry,
                                                     const Passes& passes,
                                                     const PipelineOptions& options) {
  RETURN_IF_ERROR(CheckDisabled(passes, options.disabled));
  RETURN_IF_ERROR(Annotate(Verify(*net, registry), "before the first pass"));
  if (options.dump) options.dump("00_built", *net);

  std::vector<std::string> effective;
  if (!options.enabled) return effective;
  std::string text = ToText(*net);
  Places places = PlacesOf(*net);
  for (size_t i = 0; i < passes.size(); ++i) {
    const Pass& pass = passes[i];
    if (options.disabled.count(pass.name) > 0) continue;
    const absl::StatusOr<bool> changed = pass.run(net, registry);
    RETURN_IF_ERROR(Annotate(changed.status(), absl::StrCat("pass '", pass.name, "'")));
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
    if (!*changed) continue;
    text = std::move(text_after);
    effective.push_back(pass.name);
    if (options.dump) options.dump(absl::StrFormat("%02d_%s", i + 1, pass.name), *net);
  }
  return effective;
}

}  // namespace graph
