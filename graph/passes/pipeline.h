// Runs passes in order and owns everything that crosses them.
#ifndef GRAPH_PASSES_PIPELINE_H_
#define GRAPH_PASSES_PIPELINE_H_

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/ir/net.h"
#include "graph/passes/pass.h"
#include "graph/schema/schema.h"

namespace graph {

struct PassReport {
  std::string pass;
  bool changed = false;
  int ops_before = 0;
  int ops_after = 0;
  double milliseconds = 0;
};

// Element type of the operators within a part of the model (part.h).
struct PartPrecision {
  std::string part;  // "guide"
  DType precision = DType::kF32;
};

struct PipelineOptions {
  bool enabled = true;             // false: nothing runs
  std::set<std::string> disabled;  // pass names; an unknown one is an error that lists all
  // The mixed_precision pass: kF32 leaves the net alone, kBF16 computes in bf16
  // what the schemas allow. The first override that an operator lies in wins; kI8, for
  // forward operators without a gradient, is `precision` with products in 8 bits.
  DType precision = DType::kF32;
  std::vector<PartPrecision> precision_overrides;
  // The recompute pass: the segment a forward operator belongs to, by its part;
  // empty for operators whose results are kept. Not set: everything is kept.
  std::function<std::string(absl::string_view part)> recompute_segment;
  // Called with the net before the first pass ("00_built") and after each pass
  // that changed it ("04_linear_fusion": the fourth of the passes, whatever the
  // others did, so that dumps of two runs compare file by file).
  std::function<void(const std::string& stage, const Net& net)> dump;
};

// That of the first override that `part` lies in, else `precision`.
DType PrecisionOf(const PipelineOptions& options, absl::string_view part);

// The passes every training or evaluation net goes through, in order:
// stop_gradient, cse, dead_op, shared_rows, row_pruning, linear_fusion, gelu_derivative,
// recompute, residual_norm_fusion, mixed_precision, quantize, weight_packing, tensor_grouping,
// in_place.
std::vector<std::unique_ptr<Pass>> DefaultPasses(const PipelineOptions& options = {});

// Verifies before the first pass, even when none is to run, and after each pass
// that changed something. A pass that leaves a net that does not verify, that changes the
// phase or the part of an operator that keeps its name, or that
// reports "unchanged" and changed the net, or the reverse (the text forms are
// compared), is an INTERNAL error that names the pass. The result has one report
// for each pass that ran; after an error the net is not to be used.
absl::StatusOr<std::vector<PassReport>> RunPipeline(
    Net* net, const SchemaRegistry& registry, const std::vector<std::unique_ptr<Pass>>& passes,
    const PipelineOptions& options);

}  // namespace graph

#endif  // GRAPH_PASSES_PIPELINE_H_
