// GPUs that need not be here, by their data sheets: what --plan and op_report describe.
#ifndef TOOLS_PLAN_GPU_CHIPS_H_
#define TOOLS_PLAN_GPU_CHIPS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "backends/cuda/gpu_properties.h"
#include "tools/benchmark/machine_rates.h"

namespace tools {

struct GpuChip {
  std::string flag;  // "h100"
  backends::cuda::GpuProperties properties;
  // The data sheet's peaks: dense products of bf16 with sums in f32, products of f32 without TF32,
  // and the memory.
  MachineRates rates;
};

// "a100-40, a100, ...": what GpuChips takes.
std::string GpuChipNames();

// INVALID_ARGUMENT lists the known names where one of `flags` is another.
absl::StatusOr<std::vector<GpuChip>> GpuChips(absl::Span<const std::string> flags);

}  // namespace tools

#endif  // TOOLS_PLAN_GPU_CHIPS_H_
