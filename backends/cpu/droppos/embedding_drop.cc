#include <algorithm>
#include <memory>
#include <string>

#include "backends/cpu/droppos/masked_row_sum.h"
#include "backends/cpu/kernel_util.h"

namespace backends::cpu::droppos {
namespace {

enum class Substitute { kMaskToken, kZero, kWrongPosition };

Substitute SubstituteOf(const std::string& kind) {
  if (kind == "zeros") return Substitute::kZero;
  return kind == "param" ? Substitute::kMaskToken : Substitute::kWrongPosition;
}

class EmbeddingDropKernel : public graph::Kernel {
 public:
  explicit EmbeddingDropKernel(const graph::KernelSpec& spec)
      : batch_(spec.in(0).dim(0)),
        visible_(spec.in(0).dim(1)),
        dim_(spec.in(0).dim(2)),
        positions_(spec.in(1).rows()),
        substitute_(SubstituteOf(spec.op->Str("kind"))),
        dropped_(substitute_ == Substitute::kWrongPosition ? spec.in(5).dim(1) : 0),
        threads_(spec.threads) {}

  absl::Status Run() override {
    if (!IdsAreRows(args(), 3, batch_ * visible_, positions_)) return absl::OkStatus();
    if (substitute_ == Substitute::kWrongPosition && !CanSubstitute()) return absl::OkStatus();
    const float* tokens = in<float>(0);
    const float* table = in<float>(1);
    const int32_t* ids = in<int32_t>(3);
    const uint8_t* mask_pos = in<uint8_t>(4);
    float* y = out<float>(0);
#pragma omp parallel for schedule(static) num_threads(threads_)
    for (int64_t b = 0; b < batch_; ++b) {
      int64_t dropped = b * dropped_;
      for (int64_t r = b * visible_; r < (b + 1) * visible_; ++r) {
        const float* from = tokens + r * dim_;
        float* to = y + r * dim_;
        const float* position =
            mask_pos[r] == 0 ? table + int64_t{ids[r]} * dim_ : SubstituteRow(b, dropped++);
        if (position == nullptr) {
          if (to != from) std::copy(from, from + dim_, to);
          continue;
        }
#pragma omp simd
        for (int64_t d = 0; d < dim_; ++d) to[d] = from[d] + position[d];
      }
    }
    return absl::OkStatus();
  }

 private:
  // Whether each dropped position has a wrong one, and all of these are positions.
  bool CanSubstitute() const {
    const uint8_t* mask_pos = in<uint8_t>(4);
    for (int64_t r = 0; r < batch_ * visible_; r += visible_) {
      const int64_t ones = visible_ - std::count(mask_pos + r, mask_pos + r + visible_, 0);
      if (ones == dropped_) continue;
      // The value is that of the image, whose first element is named.
      args().ReportOutOfRange(4, r, static_cast<double>(ones), static_cast<double>(dropped_),
                              static_cast<double>(dropped_ + 1));
      return false;
    }
    return IdsAreRows(args(), 5, batch_ * dropped_, positions_) &&
           IdsAreRows(args(), 6, batch_ * dropped_, dropped_);
  }

  // What is added in image `b` for the dropped position `i`, where `i` counts over
  // all images; null for nothing.
  const float* SubstituteRow(int64_t b, int64_t i) const {
    switch (substitute_) {
      case Substitute::kMaskToken:
        return in<float>(2);
      case Substitute::kZero:
        return nullptr;
      case Substitute::kWrongPosition:
        return in<float>(1) + int64_t{in<int32_t>(5)[b * dropped_ + in<int32_t>(6)[i]]} * dim_;
    }
    return nullptr;
  }

  int64_t batch_, visible_, dim_, positions_;
  Substitute substitute_;
  int64_t dropped_;
  int threads_;
};

std::unique_ptr<graph::Kernel> MakeGrad(const graph::KernelSpec& spec) {
  const MaskedRows dropped = {spec.in(0).dim(0), 0, spec.in(0).dim(1), spec.in(0).dim(2)};
  return MakeKernel(
      [dropped, threads = spec.threads](const graph::KernelArgs& args) {
        MaskedRowSum(dropped, In<float>(args, 0), In<uint8_t>(args, 1), args.scratch, threads,
                     Out<float>(args, 0));
      },
      dropped.scratch_bytes());
}

}  // namespace

void RegisterEmbeddingDrop(graph::KernelTable* table) {
  AddFloat32(table, "EmbeddingDrop", KernelOf<EmbeddingDropKernel>);
  AddFloat32(table, "EmbeddingDropGrad", MakeGrad);
}

}  // namespace backends::cpu::droppos
