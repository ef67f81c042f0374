#include "backends/reference/kernel_table.h"

#include "backends/reference/kernels.h"

namespace backends {
namespace reference {

graph::Backend MakeBackend() {
  graph::Backend backend;
  backend.name = "reference";
  backend.description = "naive loops in double precision, one thread";
  RegisterAdamW(&backend.kernels);
  RegisterAdd(&backend.kernels);
  RegisterAddLayerNorm(&backend.kernels);
  RegisterAttention(&backend.kernels);
  RegisterBiasAdd(&backend.kernels);
  RegisterCast(&backend.kernels);
  RegisterClipFactors(&backend.kernels);
  RegisterFill(&backend.kernels);
  RegisterGatherRows(&backend.kernels);
  RegisterGelu(&backend.kernels);
  RegisterGeluWithDerivative(&backend.kernels);
  RegisterGradNorm(&backend.kernels);
  RegisterIncrement(&backend.kernels);
  RegisterInitialize(&backend.kernels);
  RegisterLayerNorm(&backend.kernels);
  RegisterLinear(&backend.kernels);
  RegisterMatMul(&backend.kernels);
  RegisterPackWeights(&backend.kernels);
  RegisterPatchify(&backend.kernels);
  RegisterPrependToken(&backend.kernels);
  RegisterQuantizedLinear(&backend.kernels);
  RegisterScale(&backend.kernels);
  RegisterSliceRows(&backend.kernels);
  RegisterSoftmaxCrossEntropy(&backend.kernels);
  RegisterStopGradient(&backend.kernels);
  RegisterSumToShape(&backend.kernels);
  return backend;
}

}  // namespace reference
}  // namespace backends
