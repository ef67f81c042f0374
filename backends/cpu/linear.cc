// One product with the bias, and the GELU if asked for, in its epilogue: our own on AMX
// tiles where that knows the case (packed_product.h), else oneDNN's.
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/onednn.h"
#include "backends/cpu/packed_product.h"
#include "backends/cpu/packed_weights.h"

namespace backends::cpu {
namespace {

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeLinear(const graph::KernelSpec& spec) {
  if (auto own = MakePackedProduct(spec)) return own;
  const int64_t rows = spec.in(0).rows(), k = spec.in(0).cols(), n = spec.out(0).cols();
  dnnl::primitive_attr epilogue;
  if (spec.op->Str("activation") == "gelu") {
    dnnl::post_ops gelu;
    gelu.append_eltwise(dnnl::algorithm::eltwise_gelu_erf, 0.0f, 0.0f);
    epilogue.set_post_ops(gelu);
  }
  return PrimitiveKernel::Make(
      spec, {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS}, {DNNL_ARG_DST},
      [&](const dnnl::primitive_attr& attr) {
        return dnnl::matmul::primitive_desc(
            Engine(), Matrix(rows, k, spec.in(0).dtype), ProductWeights(spec, /*trans_w=*/true),
            Matrix(1, n, spec.in(2).dtype), Matrix(rows, n, spec.out(0).dtype), attr);
      },
      epilogue);
}

}  // namespace

void RegisterLinear(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "Linear", MakeLinear);
}

}  // namespace backends::cpu
