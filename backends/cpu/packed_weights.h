// How this backend stores what PackWeights makes. The packer and the products that
// read it ask here, so they agree.
#ifndef BACKENDS_CPU_PACKED_WEIGHTS_H_
#define BACKENDS_CPU_PACKED_WEIGHTS_H_

#include <cstdint>

#include "backends/cpu/onednn.h"
#include "graph/base/types.h"
#include "graph/runtime/kernel.h"

namespace backends::cpu {

// The layout of a (k, n) matrix of weights of `dtype`: in bf16 with AMX the tiles of
// product_amx.h, which oneDNN's matmul reads, too; else what oneDNN's matmul prefers
// for x of k columns, asked with a fixed number of rows, so that it depends on
// nothing but k, n, dtype and the machine. Where that takes more than the bytes of
// the padded matrix (ops/pack_weights.h), it is the transposed matrix, plain: its
// rows are long, but, unlike those of the matrix itself, products read them well
// when they are multiples of 4096 bytes apart. Throws dnnl::error where oneDNN has
// no product of these types.
dnnl::memory::desc PackedWeights(int64_t k, int64_t n, graph::DType dtype);

// Input 1 of a MatMul or Linear, packed or plain, as a (k, n) matrix.
dnnl::memory::desc ProductWeights(const graph::KernelSpec& spec, bool trans_w);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_PACKED_WEIGHTS_H_
