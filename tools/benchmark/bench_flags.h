// The command line of //tools:bench: flags of its own, and those of //tools:train that
// say what a step is.
#ifndef TOOLS_BENCHMARK_BENCH_FLAGS_H_
#define TOOLS_BENCHMARK_BENCH_FLAGS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/benchmark/data_bench.h"
#include "tools/benchmark/net_bench.h"
#include "tools/benchmark/op_bench.h"
#include "tools/benchmark/step_bench.h"
#include "tools/flags/resolve_flags.h"

namespace tools {

struct BenchFlags {
  std::string what = "step";   // or "op", "net", "data"
  std::string device = "cpu";  // for ChooseAnyDevice; steps: not the reference
  int threads = 1;
  bool json = false;
  // The one of `what` is filled in, except `resolved`, which needs the zoo.
  StepBenchOptions step;
  OpBenchOptions op;
  NetBenchOptions net;
  DataBenchOptions data;
  // Steps and data: the arguments that are //tools:train's, for ParseTrainFlags.
  std::vector<std::string> train_args;
};

// False where --help was asked for and has been printed. Both spellings of the trainer
// work for its flags; --steps, --threads and --device are this tool's.
// InvalidArgument: an unknown flag, a value out of its range, a flag that the chosen
// --what does not read.
absl::StatusOr<bool> ParseBenchFlags(int argc, char** argv, const MachineDefaults& machine,
                                     BenchFlags* flags);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_BENCH_FLAGS_H_
