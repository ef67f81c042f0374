// MatMul and MatMulWeightGrad, each one oneDNN matmul. A plain matrix that a
// product reads transposed is described by its strides, never copied by us.
//
// Rows that lie a multiple of 4096 bytes apart meet in the same few sets of the
// first-level cache, and a product that walks down such columns runs at half its
// speed. Weights avoid that by being packed (packed_weights.h); the second factor
// of a weight gradient, which has as many rows as the batch, is reordered here.
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/onednn.h"
#include "backends/cpu/packed_weights.h"

namespace backends::cpu {
namespace {

// y (rows, n) = x (rows, k) * w, w as (k, n) or, with trans_w, as (n, k).
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeMatMul(const graph::KernelSpec& spec) {
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

// (m, n) = aᵀ·b for a (rows, m) and b (rows, n).
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeWeightGrad(const graph::KernelSpec& spec) {
  const int64_t rows = spec.in(0).rows(), m = spec.in(0).cols(), n = spec.in(1).cols();
  const graph::DType dtype = spec.in(0).dtype;
  const bool aliases = n * graph::ByteSize(dtype) % 4096 == 0;
  const dnnl::memory::desc b = Matrix(rows, n, dtype);
  return PrimitiveKernel::Make(
      spec, {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS}, {DNNL_ARG_DST},
      [&](const dnnl::primitive_attr& attr) {
        return dnnl::matmul::primitive_desc(
            Engine(), TransposedMatrix(m, rows, dtype), aliases ? AnyMatrix(rows, n, dtype) : b,
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
