// Times a net that --dump_graph wrote, operator by operator: --net.
#ifndef TOOLS_BENCHMARK_NET_BENCH_H_
#define TOOLS_BENCHMARK_NET_BENCH_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"
#include "graph/schema/schema.h"
#include "tools/benchmark/op_times.h"
#include "tools/benchmark/timing.h"

namespace tools {

struct NetBenchOptions {
  // Files of serialized NetDefs, or their text forms if they end in .pbtxt (graph/ir/serialize.h);
  // relative to the current folder.
  std::string net;
  // Run once to set the states. Empty: X_init_net.* beside X_predict_net.*, if it exists; else the
  // states are zero, which makes times less meaningful.
  std::string init_net;
  int64_t ids = 1;  // see FillRandom
  int warmup = 1;
  int runs = 5;
};

struct NetBenchResult {
  std::string net;       // its name
  std::string init_net;  // the file that set the states; empty: none
  Spread seconds;        // of a run without a hook
  std::vector<OpTime> ops;
  size_t arena_bytes = 0;
  size_t persistent_bytes = 0;
};

// Runs the net as it is in the file, without passes: a dumped net has been through them.
// Inputs: images and the like normally distributed, keys random bits, `lr` 1e-4, the loss's limit
// infinity, other numbers {1} 1. Errors name the file: it is missing, holds no net, breaks the rule
// book, or has an operator that the backend cannot run.
absl::StatusOr<NetBenchResult> BenchNet(const graph::SchemaRegistry& registry,
                                        const graph::Backend& backend,
                                        const NetBenchOptions& options);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_NET_BENCH_H_
