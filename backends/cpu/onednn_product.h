// oneDNN's product of a matrix of weights, plain or packed, and how those are stored.
#ifndef BACKENDS_CPU_ONEDNN_PRODUCT_H_
#define BACKENDS_CPU_ONEDNN_PRODUCT_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "backends/cpu/onednn.h"
#include "graph/runtime/kernel.h"

namespace backends::cpu {

// The layout of a (k, n) matrix of weights of `dtype`: in bf16 with AMX the tiles of
// product_amx.h, which oneDNN's matmul reads, too; else what oneDNN's matmul prefers
// for x of k columns, asked with a fixed number of rows, so that it depends on
// nothing but k, n, dtype and the machine. Where that takes more than the bytes of
// the padded matrix (backends/cpu/ops/pack_weights.h), it is the transposed matrix, plain: its
// rows are long, but, unlike those of the matrix itself, products read them well
// when they are multiples of 4096 bytes apart. Throws dnnl::error where oneDNN has
// no product of these types.
dnnl::memory::desc PackedWeights(int64_t k, int64_t n, graph::DType dtype);

// The kernel of x·w for x, input 0, and w, input 1, which lies as `weights` says for (k, n) and its
// type; where there is a third input, times that, or, with the attribute activation, act(x·w + b).
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeOneDnnProduct(
    const graph::KernelSpec& spec,
    dnnl::memory::desc (*weights)(int64_t k, int64_t n, graph::DType dtype));

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_ONEDNN_PRODUCT_H_
