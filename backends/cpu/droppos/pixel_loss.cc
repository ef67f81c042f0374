#include "ops/droppos/pixel_loss.h"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu::droppos {
namespace {

using Args = ops::droppos::PixelLossArgs;

// Shared by forward and gradient: sizes and the target of one patch. Both go over
// the masked patches of all images; each thread has room for one target.
class PixelKernel : public graph::Kernel {
 public:
  explicit PixelKernel(const graph::KernelSpec& spec)
      : batch_(spec.in(Args::kPred).dim(0)),
        patches_(spec.in(Args::kPred).dim(1)),
        size_(spec.in(Args::kPred).dim(2)),
        patch_(spec.op->Int("patch")),
        height_(spec.in(Args::kImages).dim(2)),
        width_(spec.in(Args::kImages).dim(3)),
        normalise_(spec.op->Int("norm_pix_loss") == 1),
        threads_(spec.threads) {}

 protected:
  size_t target_bytes() const { return graph::AlignUp(size_ * sizeof(float)); }
  float* ThreadTarget(char* targets) const {
    return reinterpret_cast<float*>(targets + omp_get_thread_num() * target_bytes());
  }

  // t = the target of patch `r` of all images.
  void Target(int64_t r, float* t) const {
    const int64_t across = width_ / patch_, plane = height_ * width_;
    const int64_t b = r / patches_, l = r % patches_;
    const float* corner =
        in<float>(Args::kImages) + b * 3 * plane + (l / across * width_ + l % across) * patch_;
    for (int64_t y = 0; y < patch_; ++y) {
      const float* red = corner + y * width_;
      const float* green = red + plane;
      const float* blue = green + plane;
      float* to = t + y * patch_ * 3;
#pragma omp simd
      for (int64_t x = 0; x < patch_; ++x) {
        to[3 * x] = red[x];
        to[3 * x + 1] = green[x];
        to[3 * x + 2] = blue[x];
      }
    }
    if (normalise_) Normalise(t);
  }

  int64_t batch_, patches_, size_;
  int64_t patch_, height_, width_;
  bool normalise_;
  int threads_;

 private:
  void Normalise(float* t) const {
    const auto n = static_cast<double>(size_);
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < size_; ++j) sum += t[j];
    const double mean = sum / n;
    double squares = 0;
#pragma omp simd reduction(+ : squares)
    for (int64_t j = 0; j < size_; ++j) squares += (t[j] - mean) * (t[j] - mean);
    const double inverse = 1 / std::sqrt(squares / (n - 1) + ops::droppos::kPixelVarianceEps);
#pragma omp simd
    for (int64_t j = 0; j < size_; ++j) t[j] = static_cast<float>((t[j] - mean) * inverse);
  }
};

class PixelLossKernel : public PixelKernel {
 public:
  using PixelKernel::PixelKernel;

  size_t scratch_bytes() const override { return error_bytes() + threads_ * target_bytes(); }

  absl::Status Run() override {
    double* errors = static_cast<double*>(scratch());
    char* targets = static_cast<char*>(scratch()) + error_bytes();
    const uint8_t* mask = in<uint8_t>(Args::kMask);
    ParallelFor(threads_, batch_ * patches_, size_, [&](int64_t r) {
      if (mask[r] != 0) errors[r] = Error(r, ThreadTarget(targets));
    });
    double loss = 0;
    int64_t all_masked = 0;
    for (int64_t b = 0; b < batch_; ++b) {
      double sum = 0;
      int64_t masked = 0;
      for (int64_t r = b * patches_; r < (b + 1) * patches_; ++r) {
        if (mask[r] == 0) continue;
        sum += errors[r];
        ++masked;
      }
      out<float>(Args::kPerImage)[b] = Mean(sum, masked);
      loss += sum;
      all_masked += masked;
    }
    *out<float>(Args::kLoss) = Mean(loss, all_masked);
    return absl::OkStatus();
  }

 private:
  size_t error_bytes() const { return graph::AlignUp(batch_ * patches_ * sizeof(double)); }

  static float Mean(double sum, int64_t n) {
    return n == 0 ? 0 : static_cast<float>(sum / static_cast<double>(n));
  }

  // The error of patch `r`; `t` is room for its target.
  double Error(int64_t r, float* t) const {
    Target(r, t);
    const float* pred = in<float>(Args::kPred) + r * size_;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < size_; ++j) {
      const double difference = static_cast<double>(pred[j]) - static_cast<double>(t[j]);
      sum += difference * difference;
    }
    return sum / static_cast<double>(size_);
  }
};

class PixelLossGradKernel : public PixelKernel {
 public:
  using PixelKernel::PixelKernel;

  size_t scratch_bytes() const override { return threads_ * target_bytes(); }

  absl::Status Run() override {
    char* targets = static_cast<char*>(scratch());
    const uint8_t* mask = in<uint8_t>(Args::kMask);
    const int64_t masked = batch_ * patches_ - std::count(mask, mask + batch_ * patches_, 0);
    // Not used if nothing is masked.
    const auto factor = static_cast<float>(2.0 * in<float>(Args::kDLoss)[0] /
                                           static_cast<double>(std::max<int64_t>(masked, 1)) /
                                           static_cast<double>(size_));
    ParallelFor(threads_, batch_ * patches_, size_, [&](int64_t r) {
      // Element by element, because dpred may be pred.
      float* dpred = out<float>(0) + r * size_;
      if (mask[r] == 0) {
        std::fill(dpred, dpred + size_, 0.0f);
        return;
      }
      float* t = ThreadTarget(targets);
      Target(r, t);
      const float* pred = in<float>(Args::kPred) + r * size_;
#pragma omp simd
      for (int64_t j = 0; j < size_; ++j) dpred[j] = factor * (pred[j] - t[j]);
    });
    return absl::OkStatus();
  }
};

}  // namespace

void RegisterPixelLoss(graph::KernelTable* table) {
  AddFloat32(table, "PixelLoss", KernelOf<PixelLossKernel>);
  AddFloat32(table, "PixelLossGrad", KernelOf<PixelLossGradKernel>);
}

}  // namespace backends::cpu::droppos
