#include "tools/flags/pass_options.h"

#include "graph/base/status.h"
#include "models/training/recompute.h"

namespace tools {

graph::PipelineOptions PassOptions(const ResolvedFlags& resolved) {
  const TrainFlags& flags = resolved.flags;
  graph::PipelineOptions options;
  options.enabled = flags.passes.value_or(true);
  if (flags.disable_pass) {
    options.disabled = {flags.disable_pass->begin(), flags.disable_pass->end()};
  }
  if (flags.precision == "bf16") options.precision = graph::ComputePrecision::kBF16;
  if (resolved.entry.options != nullptr) {
    for (const models::ProductPrecision& of : resolved.entry.options->Precisions()) {
      if (of.precision == "same") continue;
      options.precision_overrides.push_back({std::string(of.part),
                                             of.precision == "int8"
                                                 ? graph::ComputePrecision::kInt8Products
                                                 : graph::ComputePrecision::kBF16});
    }
  }
  auto segments = models::RecomputeSegments(flags.recompute.value_or("none"));
  CHECK(segments.ok());  // the flag's table lists what there is
  options.recompute_segment = *std::move(segments);
  return options;
}

}  // namespace tools
