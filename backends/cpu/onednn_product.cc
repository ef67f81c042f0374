#include "backends/cpu/onednn_product.h"

#include <vector>

#include "backends/cpu/gemm.h"
#include "backends/cpu/ops/pack_weights.h"

namespace backends::cpu {

dnnl::memory::desc PackedWeights(int64_t k, int64_t n, graph::DType dtype) {
  if (dtype == graph::DType::kBF16 && HasAmx()) {
    return {{k, n}, DnnlType(dtype), dnnl::memory::format_tag::BA16a16b2a};
  }
  constexpr int64_t kRows = 1024;
  const dnnl::matmul::primitive_desc product(Engine(), Matrix(kRows, k, dtype),
                                             AnyMatrix(k, n, dtype), Matrix(kRows, n, dtype));
  const dnnl::memory::desc preferred = product.weights_desc();
  const graph::TensorType blob{dtype, ops::cpu::PackedShape(k, n)};
  return preferred.get_size() <= blob.bytes() ? preferred : TransposedMatrix(k, n, dtype);
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeOneDnnProduct(
    const graph::KernelSpec& spec,
    dnnl::memory::desc (*weights)(int64_t k, int64_t n, graph::DType dtype)) {
  const int64_t rows = spec.in(0).rows(), k = spec.in(0).cols(), n = spec.out(0).cols();
  const bool linear = spec.op->attrs.count("activation") > 0;
  std::vector<int> inputs = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS};
  dnnl::post_ops epilogue;
  if (linear) {
    inputs.push_back(DNNL_ARG_BIAS);
    if (spec.op->Str("activation") == "gelu") {
      epilogue.append_eltwise(dnnl::algorithm::eltwise_gelu_erf, 0.0f, 0.0f);
    }
  } else if (spec.inputs.size() > 2) {
    inputs.push_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1);
    epilogue.append_binary(dnnl::algorithm::binary_mul, Matrix(rows, n, spec.in(2).dtype));
  }
  dnnl::primitive_attr with_epilogue;
  with_epilogue.set_post_ops(epilogue);
  return PrimitiveKernel::Make(
      spec, inputs, {DNNL_ARG_DST},
      [&](const dnnl::primitive_attr& attr) {
        const dnnl::memory::desc x = Matrix(rows, k, spec.in(0).dtype),
                                 w = weights(k, n, spec.in(1).dtype),
                                 y = Matrix(rows, n, spec.out(0).dtype);
        if (!linear) return dnnl::matmul::primitive_desc(Engine(), x, w, y, attr);
        return dnnl::matmul::primitive_desc(Engine(), x, w, Matrix(1, n, spec.in(2).dtype), y,
                                            attr);
      },
      with_epilogue);
}

}  // namespace backends::cpu
