#include <cmath>
#include <utility>
#include <vector>

#include "backends/cpu/kernel_util.h"
#include "backends/cpu/tensor_pieces.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/grad_norm.cc"
// The order counts.
// clang-format off
#include "hwy/foreach_target.h"
#include "backends/cpu/simd-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

// Four sums, so that none waits for its last addition; combined in a fixed order.
double SumOfSquares(const float* x, int64_t n) {
  const hn::ScalableTag<double> d;
  const hn::Rebind<float, decltype(d)> half;
  constexpr int64_t kStep = hn::MaxLanes(d);
  const auto add = [&](int64_t i, auto sum) {
    const auto v = hn::PromoteTo(d, hn::LoadU(half, x + i));
    return hn::MulAdd(v, v, sum);
  };
  auto a = hn::Zero(d), b = a, c = a, e = a;
  int64_t i = 0;
  for (; i + 4 * kStep <= n; i += 4 * kStep) {
    a = add(i, a);
    b = add(i + kStep, b);
    c = add(i + 2 * kStep, c);
    e = add(i + 3 * kStep, e);
  }
  double rest = 0.0;
  for (; i < n; ++i) rest += static_cast<double>(x[i]) * x[i];
  return hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(a, b), hn::Add(c, e)))) + rest;
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backends::cpu {
namespace {

constexpr int64_t kChunk = 16384;

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeGradNorm(const graph::KernelSpec& spec) {
  const auto sum_of_squares = BACKENDS_CPU_CHOOSE(SumOfSquares);
  std::vector<int64_t> elements;
  for (const graph::TensorType& type : spec.inputs) elements.push_back(type.elements());
  TensorPieces pieces(elements, kChunk, spec.threads);
  const size_t scratch_bytes = pieces.size() * sizeof(double);
  return MakeKernel(
      [=, pieces = std::move(pieces)](const graph::KernelArgs& args) {
        double* partial = static_cast<double*>(args.scratch);
        pieces.ForEach([&](const TensorPieces::Piece& piece) {
          partial[piece.index] =
              sum_of_squares(In<float>(args, piece.tensor) + piece.begin, piece.count);
        });
        const double* next = partial;
        for (size_t i = 0; i < elements.size(); ++i) {
          double total = 0.0;
          for (int64_t left = CeilDiv(elements[i], kChunk); left > 0; --left) total += *next++;
          *Out<float>(args, static_cast<int>(i)) = static_cast<float>(std::sqrt(total));
        }
      },
      scratch_bytes);
}

}  // namespace

void RegisterGradNorm(graph::KernelTable* table) { AddFloat32(table, "GradNorm", MakeGradNorm); }

}  // namespace backends::cpu
#endif  // HWY_ONCE
