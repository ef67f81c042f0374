// The best rates of this machine, measured in a second, for plans and profiles to compare with.
// //tools:bench measures longer, on the products of the net itself (roofline.h).
#ifndef TOOLS_BENCHMARK_MACHINE_RATES_H_
#define TOOLS_BENCHMARK_MACHINE_RATES_H_

#include "absl/status/statusor.h"
#include "graph/ir/net.h"

namespace tools {

// 0: unknown.
struct MachineRates {
  double f32_gflops = 0;   // products of 1024 rows, 768 by 3072
  double bf16_gflops = 0;  // 0 also if the CPU has no such products
  double i8_gflops = 0;    // not measured
  double gb_per_s = 0;     // main memory, read and written: a copy of 128 MiB
};

// The rate of products with the types of `op`'s inputs.
double ProductRate(const graph::Net& net, const graph::Op& op, const MachineRates& rates);

// Best of a few runs on `threads` threads. Uses 256 MiB while it runs.
absl::StatusOr<MachineRates> MeasureMachineRates(int threads);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_MACHINE_RATES_H_
