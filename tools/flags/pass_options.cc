#include "tools/flags/pass_options.h"

#include "graph/base/status.h"
#include "models/training/recompute.h"

namespace tools {

graph::PipelineOptions PassOptions(const TrainFlags& flags) {
  graph::PipelineOptions options;
  options.enabled = flags.passes.value_or(true);
  if (flags.disable_pass) {
    options.disabled = {flags.disable_pass->begin(), flags.disable_pass->end()};
  }
  if (flags.precision == "bf16") options.precision = graph::ComputePrecision::kBF16;
  if (flags.guide_precision == "bf16") {
    options.precision_overrides = {{"guide", graph::ComputePrecision::kBF16}};
  } else if (flags.guide_precision == "int8") {
    options.precision_overrides = {{"guide", graph::ComputePrecision::kInt8Products}};
  }
  auto segments = models::RecomputeSegments(flags.recompute.value_or("none"));
  CHECK(segments.ok());  // the flag's table lists what there is
  options.recompute_segment = *std::move(segments);
  return options;
}

}  // namespace tools
