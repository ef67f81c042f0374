// What this machine reaches at best, in a second of measuring: for plans and profiles,
// which compare with it. //tools:bench measures longer, over the products of the net
// itself (roofline.h).
#ifndef TOOLS_BENCHMARK_MACHINE_RATES_H_
#define TOOLS_BENCHMARK_MACHINE_RATES_H_

#include "absl/status/statusor.h"

namespace tools {

struct MeasuredRates {
  double f32_gflops = 0;   // products of 1024 rows, 768 by 3072
  double bf16_gflops = 0;  // 0: no such products on this CPU
  double gb_per_s = 0;     // main memory, read and written: a copy of 128 MiB
};

// Best of a few runs on `threads` threads. Takes 256 MiB while it runs.
absl::StatusOr<MeasuredRates> MeasureMachineRates(int threads);

}  // namespace tools

#endif  // TOOLS_BENCHMARK_MACHINE_RATES_H_
