// Products of bf16 with packed weights on AMX tiles.
#ifndef BACKENDS_CPU_PACKED_PRODUCT_H_
#define BACKENDS_CPU_PACKED_PRODUCT_H_

#include <memory>

#include "graph/runtime/kernel.h"

namespace backends::cpu {

// The kernel of a Linear or of a MatMul, with a third input or without; null where the
// factors are not bf16 or the weights not packed, where what goes in or comes out has a type that
// is not known here (a GELU in f32, `times` in f32), or the processor has no AMX.
//
// It computes in about two thirds of oneDNN's time (docs/performance.md): x is packed once a block
// of rows and stays in the second-level cache, and large results go past the caches.
std::unique_ptr<graph::Kernel> MakePackedProduct(const graph::KernelSpec& spec);

// Whether a result of this type is stored past the caches (AmxProduct::stream): it would leave them
// before anybody reads it. A result of 77 MB so comes at 2.4 TFLOP/s instead of 1.0.
bool StoredPastCaches(const graph::TensorType& y);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_PACKED_PRODUCT_H_
