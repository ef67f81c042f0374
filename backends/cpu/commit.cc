#include "ops/commit.h"

#include <cstring>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {

void RegisterCommit(graph::KernelTable* table) {
  using Args = ops::CommitArgs;
  AddFloat32(table, "Commit", [](const graph::KernelSpec& spec) {
    const size_t bytes = spec.in(Args::kBefore).bytes();
    return MakeKernel([=](const graph::KernelArgs& args) {
      const bool applied = *In<int32_t>(args, Args::kApplied) != 0;
      const float* from = In<float>(args, applied ? Args::kAfter : Args::kBefore);
      float* y = Out<float>(args, 0);
      if (y != from && bytes > 0) std::memcpy(y, from, bytes);
    });
  });
}

}  // namespace backends::cpu
