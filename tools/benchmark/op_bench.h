// Times one operator on one backend: --what=op.
#ifndef TOOLS_BENCHMARK_OP_BENCH_H_
#define TOOLS_BENCHMARK_OP_BENCH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"
#include "graph/ir/net.h"
#include "graph/schema/schema.h"
#include "tools/benchmark/timing.h"

namespace tools {

// "bf16[3200,768] f32[3072,768] f32[3072]", in the order of the operator's inputs.
// InvalidArgument quotes the text that is no tensor type.
absl::StatusOr<std::vector<graph::TensorType>> ParseTypes(const std::string& text);

// "eps=1e-6,dtype=bf16,axes=[0,2]": `schema` determines the types of values. InvalidArgument names
// the attribute and lists the existing ones.
absl::StatusOr<graph::Attrs> ParseAttrs(const graph::Schema& schema, const std::string& text);

struct OpBenchOptions {
  std::string op;      // "Linear"
  std::string shapes;  // for ParseTypes
  std::string attrs;   // for ParseAttrs
  int64_t ids = 1;     // see FillRandom
  int runs = 5;
};

struct OpBenchResult {
  std::string text;  // the operator with its types, as in a net's text form
  std::string implementation;
  Spread seconds;  // of a call
  int64_t calls_per_run = 0;
  graph::Cost cost;
  double gflops() const { return static_cast<double>(cost.flops) / seconds.median / 1e9; }
  double gbytes() const { return static_cast<double>(cost.bytes) / seconds.median / 1e9; }
};

// Inputs are random; outputs do not alias inputs. A run is as many calls as take about 5 ms;
// operands that fit into a cache are in it, as they are after the preceding operator. Errors: an
// unknown operator (with the nearest name), what the schema refuses, what the backend cannot run.
absl::StatusOr<OpBenchResult> BenchOp(const graph::SchemaRegistry& registry,
                                      const graph::Backend& backend, const OpBenchOptions& options);

// The same of a net of one operator that has inputs and no states.
absl::StatusOr<OpBenchResult> BenchOp(const graph::SchemaRegistry& registry,
                                      const graph::Backend& backend, graph::Net net, int64_t ids,
                                      int runs);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_OP_BENCH_H_
