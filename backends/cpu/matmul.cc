// MatMul and MatMulWeightGrad, each one oneDNN matmul, or our own product on AMX tiles
// where that knows the case (packed_product.h). A plain matrix that a product reads
// transposed is described to oneDNN by its strides, never copied by us.
//
// Products are faster on weights in oneDNN's own layout. Parameters get it once a run
// (packed_weights.h); the second factor of a weight gradient, which is as tall as the
// batch, is reordered here where that pays.
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/onednn.h"
#include "backends/cpu/packed_product.h"
#include "backends/cpu/packed_weights.h"

namespace backends::cpu {
namespace {

// y (rows, n) = x (rows, k) * w, w as (k, n) or, with trans_w, as (n, k).
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeMatMul(const graph::KernelSpec& spec) {
  if (auto own = MakePackedProduct(spec)) return own;
  const int64_t rows = spec.in(0).rows(), k = spec.in(0).cols(), n = spec.out(0).cols();
  std::vector<int> inputs = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS};
  dnnl::primitive_attr epilogue;
  if (spec.inputs.size() > 2) {
    inputs.push_back(DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1);
    dnnl::post_ops times;
    times.append_binary(dnnl::algorithm::binary_mul, Matrix(rows, n, spec.in(2).dtype));
    epilogue.set_post_ops(times);
  }
  return PrimitiveKernel::Make(
      spec, inputs, {DNNL_ARG_DST},
      [&](const dnnl::primitive_attr& attr) {
        return dnnl::matmul::primitive_desc(
            Engine(), Matrix(rows, k, spec.in(0).dtype),
            ProductWeights(spec, spec.op->Int("trans_w") != 0),
            Matrix(rows, n, spec.out(0).dtype), attr);
      },
      epilogue);
}

// Whether aᵀ·b for a (rows, m) and b (rows, n) gains more from a reordered b than the
// pass over b costs, which takes 1/m of the product's time. Measured on AVX-512 with
// AMX at 800 to 12608 rows, m of 192 to 3072 and n of 384 to 4096:
//   f32   rows a multiple of 4096 bytes apart meet in the same few sets of the
//         cache, and the product runs at 0.4 of its speed (n = 3072); where n is a
//         power of two oneDNN copies b itself. Else 1.08 from m = 2048 on, less below.
//   bf16  1.05 to 1.17 from m = 512 on where rows are long, from 1024 on where they
//         are short; a loss below.
// Without AVX-512 oneDNN has no layout of its own, and there is nothing to reorder.
bool ReorderPays(int64_t m, int64_t n, graph::DType dtype) {
  if (dtype == graph::DType::kBF16) return m >= (n >= 1024 ? 512 : 1024);
  const bool power_of_two = (n & (n - 1)) == 0;
  return m >= 2048 || (n % 1024 == 0 && !power_of_two);
}

// (m, n) = aᵀ·b for a (rows, m) and b (rows, n).
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeWeightGrad(const graph::KernelSpec& spec) {
  const int64_t rows = spec.in(0).rows(), m = spec.in(0).cols(), n = spec.in(1).cols();
  const graph::DType dtype = spec.in(0).dtype;
  const bool reorder = ReorderPays(m, n, dtype);
  const dnnl::memory::desc b = Matrix(rows, n, dtype);
  return PrimitiveKernel::Make(
      spec, {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS}, {DNNL_ARG_DST},
      [&](const dnnl::primitive_attr& attr) {
        return dnnl::matmul::primitive_desc(
            Engine(), TransposedMatrix(m, rows, dtype), reorder ? AnyMatrix(rows, n, dtype) : b,
            Matrix(m, n, spec.out(0).dtype), attr);
      },
      dnnl::primitive_attr(), {}, {{DNNL_ARG_WEIGHTS, b}});
}

}  // namespace

void RegisterMatMul(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "MatMul", MakeMatMul);
  AddFloat32OrBfloat16(table, "MatMulWeightGrad", MakeWeightGrad);
}

}  // namespace backends::cpu
