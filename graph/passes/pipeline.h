// Runs passes in order and owns everything that crosses them.
#ifndef GRAPH_PASSES_PIPELINE_H_
#define GRAPH_PASSES_PIPELINE_H_

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/ir/net.h"
#include "graph/schema/schema.h"

namespace graph {

// A rewrite of a verified net into a verified net that computes the same values (or, where a pass
// says so, the same within rounding). A pass has only its rewrite: verification, dumps and
// switching off by name belong to the pipeline.
struct Pass {
  std::string name;
  // True when the net was changed; the pipeline checks that this is so.
  std::function<absl::StatusOr<bool>(Net* net, const SchemaRegistry& registry)> run;
};
using Passes = std::vector<Pass>;

// What operators compute in.
enum class ComputePrecision {
  kF32,
  kBF16,          // bf16 where the schemas allow it
  kInt8Products,  // of a part: as the rest, but products of 8-bit integers in forward operators
};

// Precision of the operators within a part of the model (part.h).
struct PartPrecision {
  std::string part;  // "guide"
  ComputePrecision precision = ComputePrecision::kF32;
};

// The segment of recomputation that a forward operator belongs to, by its part; empty for operators
// whose results are kept.
using SegmentOf = std::function<std::string(absl::string_view part)>;

struct PipelineOptions {
  bool enabled = true;             // false: nothing runs
  std::set<std::string> disabled;  // pass names; an unknown one is an error that lists all
  // kF32 or kBF16. The first override that an operator lies in wins; kInt8Products is for parts
  // without a gradient.
  ComputePrecision precision = ComputePrecision::kF32;
  std::vector<PartPrecision> precision_overrides;
  SegmentOf recompute_segment;  // not set: everything is kept
  // Called with the net before the first pass ("00_built") and after each pass
  // that changed it ("03_dead_op": the third of the passes, whatever the
  // others did, so that dumps of two runs compare file by file).
  std::function<void(const std::string& stage, const Net& net)> dump;
};

// That of the first override that `part` lies in, else `precision`.
ComputePrecision PrecisionOf(const PipelineOptions& options, absl::string_view part);

// The passes that a backend adds to those of every backend. Where they run is what they may see:
struct Lowering {
  Passes before_recompute;  // one element type; recompute copies what they make
  Passes after_recompute;   // one element type; may join operators across a segment's border
  Passes after_precision;   // final element types, which operators made here must have
};

// The passes every training or evaluation net goes through, in order: stop_gradient, cse, dead_op,
// shared_rows, row_pruning, `before_recompute`, recompute, `after_recompute`, mixed_precision,
// `after_precision`, tensor_grouping, in_place.
Passes MakePasses(const PipelineOptions& options = {}, const Lowering& lowering = {});

// Verifies before the first pass, even when none is to run, and after each pass
// that changed something. A pass that leaves a net that does not verify, that changes the
// phase or the part of an operator that keeps its name, or that
// reports "unchanged" and changed the net, or the reverse (the text forms are
// compared), is an INTERNAL error that names the pass. The result names the
// passes that changed the net, in order; after an error the net is not to be used.
absl::StatusOr<std::vector<std::string>> RunPipeline(Net* net, const SchemaRegistry& registry,
                                                     const Passes& passes,
                                                     const PipelineOptions& options);

}  // namespace graph

#endif  // GRAPH_PASSES_PIPELINE_H_
