// The best rates of this machine or of its GPU, measured in a second, for plans and profiles to
// compare with.
// //tools:bench measures longer, on the products of the net itself (roofline.h).
#ifndef TOOLS_BENCHMARK_MACHINE_RATES_H_
#define TOOLS_BENCHMARK_MACHINE_RATES_H_

#include "absl/status/statusor.h"
#include "graph/ir/net.h"
#include "graph/runtime/device.h"

namespace tools {

// 0: unknown.
struct MachineRates {
  double f32_gflops = 0;   // products of 1024 rows, 768 by 3072
  double bf16_gflops = 0;  // 0 also if the CPU has no such products
  double i8_gflops = 0;    // not measured
  double gb_per_s = 0;     // the device's memory, read and written: a copy of 128 MiB
};

// The rate of products with the types of `op`'s inputs.
double ProductRate(const graph::Net& net, const graph::Op& op, const MachineRates& rates);

// Best of a few runs on `threads` threads. Uses 256 MiB of the device's memory while it runs. Of a
// device whose memory the host cannot reach only gb_per_s is measured: products are the CPU's.
absl::StatusOr<MachineRates> MeasureMachineRates(graph::Device* device, int threads);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_MACHINE_RATES_H_
