#include "backends/cpu/packed_weights.h"

#include "backends/cpu/gemm.h"
#include "ops/shapes.h"

namespace backends::cpu {

dnnl::memory::desc PackedWeights(int64_t k, int64_t n, graph::DType dtype) {
  if (dtype == graph::DType::kBF16 && HasAmx()) {
    return {{k, n}, DnnlType(dtype), dnnl::memory::format_tag::BA16a16b2a};
  }
  constexpr int64_t kRows = 1024;
  const dnnl::matmul::primitive_desc product(Engine(), Matrix(kRows, k, dtype),
                                             AnyMatrix(k, n, dtype), Matrix(kRows, n, dtype));
  const dnnl::memory::desc preferred = product.weights_desc();
  const graph::TensorType blob{dtype, ops::PackedShape(k, n)};
  return preferred.get_size() <= blob.bytes() ? preferred : TransposedMatrix(k, n, dtype);
}

dnnl::memory::desc ProductWeights(const graph::KernelSpec& spec, bool trans_w) {
  const int64_t k = spec.in(0).cols(), n = spec.out(0).cols();
  const graph::DType dtype = spec.in(1).dtype;
  if (spec.op->Int("packed") != 0) return PackedWeights(k, n, dtype);
  return trans_w ? TransposedMatrix(k, n, dtype) : Matrix(k, n, dtype);
}

}  // namespace backends::cpu
