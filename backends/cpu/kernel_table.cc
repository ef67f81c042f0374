#include "backends/cpu/kernel_table.h"

#include "backends/cpu/onednn.h"
#include "backends/cpu/openmp.h"
#include "graph/base/status.h"

namespace backends::cpu {

// Of the lines of ops/ops.bzl.
#define OP(Name) void Register##Name(graph::KernelTable* table);
#include "ops/core_ops.inc"
#undef OP

absl::StatusOr<graph::Backend> MakeBackend(int threads) {
  RETURN_IF_ERROR(StartTeam(threads));
  graph::Backend backend;
  backend.name = "cpu";
  backend.device = graph::MakeHostDevice(threads);
  backend.capabilities.bf16_products = HasBfloat16();
  backend.capabilities.int8_products = HasInt8();
  backend.description = absl::StrCat("oneDNN ", OneDnnVersion(), ", ", EffectiveIsa(), ", ",
                                     threads, threads == 1 ? " thread" : " threads");
  graph::KernelTable* table = &backend.kernels;
#define OP(Name) Register##Name(table);
#include "ops/core_ops.inc"
#undef OP
  return backend;
}

bool HasBfloat16Products() { return HasBfloat16(); }

bool HasInt8Products() { return HasInt8(); }

}  // namespace backends::cpu
