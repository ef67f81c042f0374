// MatMul and MatMulWeightGrad, each one oneDNN matmul on plain row-major
// weights: oneDNN's own blocked layout gains 3-6%, but weights change every
// step. A matrix that a product reads transposed is described by its strides,
// never copied by us.
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/onednn.h"

namespace backends::cpu {
namespace {

// y (rows, n) = x (rows, k) * w, w as (k, n) or, with trans_w, as (n, k).
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeMatMul(const graph::KernelSpec& spec) {
  return PrimitiveKernel::Make(spec, {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS}, {DNNL_ARG_DST},
                               [&](const dnnl::primitive_attr& attr) {
                                 const int64_t rows = spec.in(0).rows();
                                 const int64_t k = spec.in(0).cols();
                                 const int64_t n = spec.out(0).cols();
                                 const bool trans_w = spec.op->Int("trans_w") != 0;
                                 return dnnl::matmul::primitive_desc(
                                     Engine(), Matrix(rows, k),
                                     trans_w ? TransposedMatrix(k, n) : Matrix(k, n),
                                     Matrix(rows, n), attr);
                               });
}

// (m, n) = aᵀ·b for a (rows, m) and b (rows, n).
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeWeightGrad(const graph::KernelSpec& spec) {
  return PrimitiveKernel::Make(spec, {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS}, {DNNL_ARG_DST},
                               [&](const dnnl::primitive_attr& attr) {
                                 const int64_t rows = spec.in(0).rows();
                                 const int64_t m = spec.in(0).cols();
                                 const int64_t n = spec.in(1).cols();
                                 return dnnl::matmul::primitive_desc(
                                     Engine(), TransposedMatrix(m, rows), Matrix(rows, n),
                                     Matrix(m, n), attr);
                               });
}

}  // namespace

void RegisterMatMul(graph::KernelTable* table) {
  AddFloat32(table, "MatMul", MakeMatMul);
  AddFloat32(table, "MatMulWeightGrad", MakeWeightGrad);
}

}  // namespace backends::cpu
