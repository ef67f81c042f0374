// The kernels of the CPU backend, one function per operator stem of ops/: each
// adds the kernels of the operators whose contract ops/<stem>.h is.
//
// They take f32, and bf16 where the contract has it, with sums in f32, and refuse
// other floats; they use at most KernelSpec::threads threads and give equal bits for
// equal inputs and an equal number of threads.
#ifndef BACKENDS_CPU_KERNELS_H_
#define BACKENDS_CPU_KERNELS_H_

#include "graph/runtime/kernel.h"

namespace backends::cpu {

void RegisterAdamW(graph::KernelTable* table);
void RegisterAdd(graph::KernelTable* table);
void RegisterAddLayerNorm(graph::KernelTable* table);
void RegisterAttention(graph::KernelTable* table);
void RegisterBiasAdd(graph::KernelTable* table);
void RegisterCast(graph::KernelTable* table);
void RegisterClipFactors(graph::KernelTable* table);
void RegisterFill(graph::KernelTable* table);
void RegisterGatherRows(graph::KernelTable* table);
void RegisterGelu(graph::KernelTable* table);
void RegisterGeluWithDerivative(graph::KernelTable* table);
void RegisterGradNorm(graph::KernelTable* table);
void RegisterIncrement(graph::KernelTable* table);
void RegisterInitialize(graph::KernelTable* table);
void RegisterLayerNorm(graph::KernelTable* table);
void RegisterLinear(graph::KernelTable* table);
void RegisterMatMul(graph::KernelTable* table);
void RegisterPackWeights(graph::KernelTable* table);
void RegisterPatchify(graph::KernelTable* table);
void RegisterPrependToken(graph::KernelTable* table);
void RegisterQuantizedLinear(graph::KernelTable* table);
void RegisterScale(graph::KernelTable* table);
void RegisterSliceRows(graph::KernelTable* table);
void RegisterSoftmaxCrossEntropy(graph::KernelTable* table);
void RegisterStopGradient(graph::KernelTable* table);
void RegisterSumToShape(graph::KernelTable* table);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_KERNELS_H_
