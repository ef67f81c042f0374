// Times whole training steps and compares them with what the machine can do: --what=step.
#ifndef TOOLS_BENCHMARK_STEP_BENCH_H_
#define TOOLS_BENCHMARK_STEP_BENCH_H_

#include <iosfwd>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"
#include "graph/schema/schema.h"
#include "tools/benchmark/op_times.h"
#include "tools/benchmark/timing.h"
#include "tools/flags/resolve_flags.h"

namespace tools {

struct StepBenchOptions {
  ResolvedFlags resolved;
  // Images come through the trainer's loader, whose threads share the CPUs with the step, from
  // --data_path or the embedded data. False: random images in memory.
  bool with_loader = false;
  int warmup = 2;  // steps before the first that counts
  int steps = 2;   // per run
  int runs = 5;
  int roofline_runs = 7;  // for each product
};

struct StepBenchResult {
  double roofline_gflops = 0;  // per second: MeasureRoofline; 0 on a GPU: it measures the CPU
  double official_flops = 0;   // an image: OfficialNet::total
  double guide_flops = 0;      // what of it is computed forward only: the guide's
  double done_flops = 0;       // an image: what the operators that run count
  double images = 0;           // a step
  Spread images_per_s;         // over the runs; best is `most`
  double roofline_share = 0;   // 0 on a GPU; median images/s · official_flops / roofline
  double setup_seconds = 0;    // building, compiling and initialising; in no other number
  // From the process's launch to the end of its first step, without the roofline; 0 if the system
  // does not say.
  double first_step_seconds = 0;
  double data_wait_share = 0;  // share of the runs' time spent waiting for the loader
  double peak_mib = 0;         // resident; of set-up and steps if `peak_reset`
  bool peak_reset = false;     // false: the roofline's memory counts too
  double arena_mib = 0;        // planned
  double persistent_mib = 0;   // parameters, moments, inputs
  std::vector<OpTime> ops;     // of a step's last net, in traced steps after the others
};

// In this order: the roofline (not on a GPU), the session, warm-up, the timed runs, three traced
// steps. `progress` receives messages.
absl::StatusOr<StepBenchResult> BenchStep(const graph::SchemaRegistry& registry,
                                          const graph::Backend& backend,
                                          const StepBenchOptions& options, std::ostream* progress);

// The result for people, and for scripts as one line of JSON; docs/performance.md lists the fields.
std::string StepBenchText(const StepBenchOptions& options, const graph::Backend& backend,
                          const StepBenchResult& result);
std::string StepBenchJson(const StepBenchOptions& options, const graph::Backend& backend,
                          const StepBenchResult& result);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_STEP_BENCH_H_
