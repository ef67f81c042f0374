// MatMul and MatMulWeightGrad, each one oneDNN matmul, or our own product on AMX tiles
// where that knows the case (weight_grad_amx.h). A plain matrix that a product reads transposed is
// described to oneDNN by its strides, never copied by us.
//
// Products are faster on weights in oneDNN's own layout. Parameters get it once a run
// (packed_product.cc); the second factor of a weight gradient, which is as tall as the
// batch, is reordered here where that pays.
#include <omp.h>

#include "backends/cpu/amx_session.h"
#include "backends/cpu/gemm.h"
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/onednn.h"
#include "backends/cpu/onednn_product.h"
#include "backends/cpu/weight_grad_amx.h"

namespace backends::cpu {
namespace {

// y (rows, n) = x (rows, k) * w, w as (k, n) or, with trans_w, as (n, k).
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeMatMul(const graph::KernelSpec& spec) {
  return MakeOneDnnProduct(spec, spec.op->Int("trans_w") != 0 ? TransposedMatrix : Matrix);
}

// Whether aᵀ·b for a (rows, m) and b (rows, n) gains more from a reordered b than the
// pass over b costs, which takes 1/m of the product's time. Measured on AVX-512 with
// AMX at 800 to 12608 rows, m of 192 to 3072 and n of 384 to 4096:
//   f32   rows a multiple of 4096 bytes apart meet in the same few sets of the
//         cache, and the product runs at 0.4 of its speed (n = 3072); where n is a
//         power of two oneDNN copies b itself. Else 1.08 from m = 2048 on, less below.
//   bf16  1.05 to 1.17 from m = 512 on where rows are long, from 1024 on where they
//         are short; a loss below. Those are oneDNN's products on AMX, where ours
//         stand now; with AVX512-BF16 alone the rule was not measured.
// Without AVX-512 oneDNN has no layout of its own, and there is nothing to reorder.
bool ReorderPays(int64_t m, int64_t n, graph::DType dtype) {
  if (dtype == graph::DType::kBF16) return m >= (n >= 1024 ? 512 : 1024);
  const bool power_of_two = (n & (n - 1)) == 0;
  return m >= 2048 || (n % 1024 == 0 && !power_of_two);
}

// f32 of bf16 factors, at about twice the speed of oneDNN 3.2.
class AmxWeightGradKernel final : public graph::Kernel {
 public:
  explicit AmxWeightGradKernel(const graph::KernelSpec& spec)
      : elements_(spec.in(0).elements() + spec.in(1).elements()),
        threads_(spec.threads),
        product_(spec.in(0).rows(), spec.in(0).cols(), spec.in(1).cols(), threads_) {}

  size_t scratch_bytes() const override { return product_.scratch_bytes(); }
  std::string implementation() const override { return "own:amx-bf16"; }

  absl::Status Run() override {
    const uint16_t* a = in<uint16_t>(0);
    const uint16_t* b = in<uint16_t>(1);
    float* const c = out<float>(0);
#pragma omp parallel num_threads(elements_ < SerialElements() ? 1 : threads_)
    {
      const AmxSession session;
      const int thread = omp_get_thread_num(), team = omp_get_num_threads();
      for (int64_t block = 0; block < product_.blocks(); ++block) {
        product_.Pack(a, b, block, thread, team, scratch());
#pragma omp barrier
        product_.Multiply(a, b, block, thread, team, scratch(), c);
#pragma omp barrier
      }
    }
    return absl::OkStatus();
  }

 private:
  const int64_t elements_;
  const int threads_;
  const AmxWeightGrad product_;
};

bool OwnWeightGrad(const graph::KernelSpec& spec) {
  return HasAmx() && spec.in(0).dtype == graph::DType::kBF16 &&
         spec.in(1).dtype == graph::DType::kBF16 && spec.out(0).dtype == graph::DType::kF32 &&
         spec.in(0).elements() > 0 && spec.in(1).elements() > 0;
}

// (m, n) = aᵀ·b for a (rows, m) and b (rows, n).
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeWeightGrad(const graph::KernelSpec& spec) {
  if (OwnWeightGrad(spec)) return std::make_unique<AmxWeightGradKernel>(spec);
  const int64_t rows = spec.in(0).rows(), m = spec.in(0).cols(), n = spec.in(1).cols();
  const graph::DType dtype = spec.in(0).dtype;
  const bool reorder = ReorderPays(m, n, dtype);
  const dnnl::memory::desc b = Matrix(rows, n, dtype);
  return PrimitiveKernel::Make(
      spec, {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS}, {DNNL_ARG_DST},
      [&](const dnnl::primitive_attr& attr) {
        return dnnl::matmul::primitive_desc(Engine(), TransposedMatrix(m, rows, dtype),
                                            reorder ? AnyMatrix(rows, n, dtype) : b,
                                            Matrix(m, n, spec.out(0).dtype), attr);
      },
      dnnl::primitive_attr(), b);
}

}  // namespace

void RegisterMatMul(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "MatMul", MakeMatMul, {"onednn"});
  AddFloat32OrBfloat16(table, "MatMulWeightGrad", MakeWeightGrad, {"onednn", "own"});
}

}  // namespace backends::cpu
