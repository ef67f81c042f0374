#include "backends/cpu/kernel_table.h"

#include "backends/cpu/kernels.h"
#include "backends/cpu/onednn.h"
#include "backends/cpu/openmp.h"
#include "graph/base/status.h"

namespace backends::cpu {

absl::StatusOr<graph::Backend> MakeBackend(int threads) {
  RETURN_IF_ERROR(StartTeam(threads));
  graph::Backend backend;
  backend.name = "cpu";
  backend.description = absl::StrCat("oneDNN ", OneDnnVersion(), ", ", EffectiveIsa(), ", ",
                                     threads, threads == 1 ? " thread" : " threads");
  graph::KernelTable* table = &backend.kernels;
  RegisterAdamW(table);
  RegisterAdd(table);
  RegisterAddLayerNorm(table);
  RegisterAttention(table);
  RegisterBiasAdd(table);
  RegisterCast(table);
  RegisterClipFactors(table);
  RegisterFill(table);
  RegisterGatherRows(table);
  RegisterGelu(table);
  RegisterGeluWithDerivative(table);
  RegisterGradNorm(table);
  RegisterIncrement(table);
  RegisterInitialize(table);
  RegisterLayerNorm(table);
  RegisterLinear(table);
  RegisterMatMul(table);
  RegisterPackWeights(table);
  RegisterPatchify(table);
  RegisterPrependToken(table);
  RegisterQuantizedLinear(table);
  RegisterScale(table);
  RegisterSliceRows(table);
  RegisterSoftmaxCrossEntropy(table);
  RegisterStopGradient(table);
  RegisterSumToShape(table);
  return backend;
}

bool HasBfloat16Products() { return HasBfloat16(); }

bool HasInt8Products() { return HasInt8(); }

}  // namespace backends::cpu
