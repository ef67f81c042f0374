#include "backends/cpu/kernel_table.h"

#include "backends/cpu/onednn.h"
#include "backends/cpu/openmp.h"
#include "backends/cpu/passes/passes.h"
#include "graph/base/status.h"

namespace backends::cpu {

// Of the lines of ops/ops.bzl and backends/cpu/ops/ops.bzl.
#define OP(Name) void Register##Name(graph::KernelTable* table);
#include "backends/cpu/ops/ops_list.inc"
#include "ops/ops_list.inc"
#undef OP

absl::StatusOr<graph::Backend> MakeBackend(int threads) {
  RETURN_IF_ERROR(StartTeam(threads));
  graph::Backend backend;
  backend.name = "cpu";
  backend.device = graph::MakeHostDevice(threads);
  backend.capabilities = DetectCapabilities();
  backend.lowering = MakeLowering;
  backend.description = absl::StrCat("oneDNN ", OneDnnVersion(), ", ", EffectiveIsa(), ", ",
                                     threads, threads == 1 ? " thread" : " threads");
  graph::KernelTable* table = &backend.kernels;
#define OP(Name) Register##Name(table);
#include "backends/cpu/ops/ops_list.inc"
#include "ops/ops_list.inc"
#undef OP
  return backend;
}

graph::Capabilities DetectCapabilities() { return {HasBfloat16(), HasInt8(), HasFastBfloat16()}; }

}  // namespace backends::cpu
