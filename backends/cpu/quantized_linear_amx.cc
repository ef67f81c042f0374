// Some images at a time per thread, or one where the cache takes no more: an image is read
// once for its scale and, while most of it is near, once more to be quantized, straight into
// the tiles that are multiplied.
#include "backends/cpu/quantized_linear_amx.h"

#include <algorithm>
#include <cstring>

#include "backends/cpu/amx_session.h"
#include "backends/cpu/gelu.h"
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/product_amx.h"
#include "backends/cpu/quantize_bytes.h"

namespace backends::cpu {
namespace {

using graph::AlignUp;

// Sixteen rows of w at a time become a column of tiles.
class QuantizeWeightsKernel final : public graph::Kernel {
 public:
  explicit QuantizeWeightsKernel(const graph::KernelSpec& spec)
      : threads_(spec.threads),
        n_(spec.in(0).dim(0)),
        k_(n_ == 0 ? 0 : spec.in(0).elements() / n_),
        depths_(AmxDepths(k_, true)),
        bytes_(spec.out(0).bytes()) {}

  size_t scratch_bytes() const override { return threads_ * StripBytes(); }

  absl::Status Run() override {
    const float* w = in<float>(0);
    int8_t* packed = out<int8_t>(0);
    const int64_t columns = CeilDiv(n_, 16);
    ParallelFor(threads_, threads_, CeilDiv(n_ * k_, threads_), [&](int64_t part) {
      int8_t* strip = static_cast<int8_t*>(scratch()) + part * StripBytes();
      std::memset(strip, 0, StripBytes());
      for (int64_t j = columns * part / threads_; j < columns * (part + 1) / threads_; ++j) {
        for (int64_t i = 0; i < 16; ++i) {
          const int64_t row = j * 16 + i;
          int8_t* to = strip + i * depths_ * 64;
          if (row >= n_) {
            std::memset(to, 0, depths_ * 64);
            continue;
          }
          const ops::cpu::QuantizationScale scale = ScaleOf(w + row * k_, k_);
          QuantizeBytes(w + row * k_, k_, scale, to);
          out<float>(1)[row] = scale.scale;
        }
        AmxPackByteColumns(strip, depths_, packed + j * depths_ * kAmxTileBytes);
      }
    });
    const size_t used = columns * depths_ * kAmxTileBytes;
    std::memset(packed + used, 0, bytes_ - used);
    return absl::OkStatus();
  }

 private:
  size_t StripBytes() const { return AlignUp(16 * depths_ * 64); }

  const int threads_;
  const int64_t n_, k_, depths_;
  const size_t bytes_;
};

template <typename T>
class QuantizedLinearKernel final : public graph::Kernel {
 public:
  explicit QuantizedLinearKernel(const graph::KernelSpec& spec)
      : threads_(spec.threads), images_(spec.in(0).dim(0)), tokens_(spec.in(0).dim(1)) {
    product_.integers = true;
    product_.k = spec.in(0).dim(2);
    product_.n = spec.out(0).dim(2);
    product_.f32 = spec.out(0).dtype == graph::DType::kF32;
    const bool gelu = spec.op->Str("activation") == "gelu";
    product_.gelu = gelu && !product_.f32;
    gelu_afterwards_ = gelu && product_.f32;
    product_.stream =
        !gelu_afterwards_ &&
        AmxStreams(spec.out(0).bytes(), spec.out(0).cols() * graph::ByteSize(spec.out(0).dtype));
    depths_ = AmxDepths(product_.k, true);
    const int64_t images = CeilDiv(images_, threads_);
    const int64_t fit =
        std::max<int64_t>(1, AmxBlockRows(product_.k, true) / std::max<int64_t>(1, tokens_));
    // Of equal size, as small groups read all weights for few rows.
    group_ = std::max<int64_t>(1, CeilDiv(images, std::max<int64_t>(1, CeilDiv(images, fit))));
    tile_bytes_ = AmxPackedBytes(group_ * tokens_, product_.k, true);
    thread_bytes_ = AlignUp(kAmxSumBytes + tile_bytes_ + group_ * tokens_ * sizeof(float));
  }

  size_t scratch_bytes() const override { return threads_ * thread_bytes_; }
  std::string implementation() const override { return "own:amx-int8"; }

  absl::Status Bind(const graph::KernelArgs& args) override {
    RETURN_IF_ERROR(Kernel::Bind(args));
    product_.b = args.inputs[1];
    product_.scales = in<float>(2);
    product_.bias = in<float>(3);
    product_.y = args.outputs[0];
    return absl::OkStatus();
  }

  absl::Status Run() override {
    const int64_t work = CeilDiv(images_, threads_) * tokens_ * product_.k;
    ParallelFor(threads_, threads_, work, [this](int64_t part) {
      const int64_t end = images_ * (part + 1) / threads_;
      const AmxSession session;
      for (int64_t image = images_ * part / threads_; image < end; image += group_) {
        Group(part, image, std::min(group_, end - image));
      }
    });
    return absl::OkStatus();
  }

 private:
  void Group(int64_t part, int64_t first, int64_t images) {
    char* const sums = static_cast<char*>(scratch()) + part * thread_bytes_;
    char* const tiles = sums + kAmxSumBytes;
    float* const scales = reinterpret_cast<float*>(tiles + tile_bytes_);
    const int64_t k = product_.k, n = product_.n, rows = images * tokens_;
    const T* x = in<T>(0) + first * tokens_ * k;
    for (int64_t row = 0; row < rows; row += tokens_) {
      const ops::cpu::QuantizationScale scale = ScaleOf(x + row * k, tokens_ * k);
      for (int64_t i = row; i < row + tokens_; ++i) {
        char* const to = tiles + i / 16 * depths_ * kAmxTileBytes + i % 16 * 64;
        // The last depth's bytes after k are not written by the row.
        if (k % 64 != 0) std::memset(to + (depths_ - 1) * kAmxTileBytes, 0, 64);
        QuantizeBytes(x + i * k, k, scale, reinterpret_cast<int8_t*>(to), kAmxTileBytes);
        scales[i] = scale.scale;
      }
    }
    AmxMultiply(product_, tiles, scales, first * tokens_, rows, sums);
    if (gelu_afterwards_) GeluInPlace(out<float>(0) + first * tokens_ * n, rows * n);
  }

  const int threads_;
  const int64_t images_, tokens_;
  AmxProduct product_;
  bool gelu_afterwards_ = false;  // results that are not rounded want GELU to the last digit
  int64_t depths_ = 0, group_ = 1;
  size_t tile_bytes_ = 0, thread_bytes_ = 0;
};

}  // namespace

std::unique_ptr<graph::Kernel> MakeAmxQuantizeWeights(const graph::KernelSpec& spec) {
  return std::make_unique<QuantizeWeightsKernel>(spec);
}

std::unique_ptr<graph::Kernel> MakeAmxQuantizedLinear(const graph::KernelSpec& spec) {
  return VisitFloat(spec.in(0).dtype, [&](auto x) -> std::unique_ptr<graph::Kernel> {
    return std::make_unique<QuantizedLinearKernel<decltype(x)>>(spec);
  });
}

}  // namespace backends::cpu
