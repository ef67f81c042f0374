// QuantizeWeights and QuantizedLinear on AMX tiles. Only where HasAmx() (gemm.h); both or
// neither, as the layout of the weights is theirs: the tiles of product_amx.h.
#ifndef BACKENDS_CPU_QUANTIZED_LINEAR_AMX_H_
#define BACKENDS_CPU_QUANTIZED_LINEAR_AMX_H_

#include <memory>

#include "graph/runtime/kernel.h"

namespace backends::cpu {

std::unique_ptr<graph::Kernel> MakeAmxQuantizeWeights(const graph::KernelSpec& spec);
std::unique_ptr<graph::Kernel> MakeAmxQuantizedLinear(const graph::KernelSpec& spec);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_QUANTIZED_LINEAR_AMX_H_
