// A warp has a patch. A lane takes kWidth neighbouring pixels at a time, that is a vector of each
// colour plane and three vectors of pred, in which the channel comes last. Mean and variance read
// the patch again from the cache (3 KiB of 16 x 16 pixels). Sums in double, as a patch of one
// colour has no variance whatever the colour is.
//
// Forward: a block an image, then the images in order. Traffic: pred and pixels of the hidden
// patches once (2 x 231 MB at 512 images, 147 patches of 768).
// Gradient: the number of hidden patches, then a warp a patch. Traffic: the same, and dpred.
#include "backends/cuda/droppos/pixel_loss_launch.h"

#include <type_traits>

#include "backends/cuda/device.h"
#include "backends/cuda/droppos/image_sums.h"

namespace backends::cuda::droppos {
namespace {

constexpr int kRowWarps = 4;  // of the block of patches of dpred
enum Sum { kError, kMasked, kSums };

// Where the pixels of a patch are, and how they become targets.
template <int kWidth>  // divides the patch's and the image's width
struct Target {
  using V = Vector<float, kWidth>;

  const float* corner;  // of the red plane
  int64_t plane;
  int width, patch;
  double mean, inverse;
  bool normalise;

  // Of the whole warp.
  __device__ Target(const PixelLossArgs& p, int64_t image, int index, int lane)
      : plane(static_cast<int64_t>(p.height) * p.width),
        width(p.width),
        patch(p.patch),
        mean(0),
        inverse(1),
        normalise(p.normalise) {
    const int across = p.width / p.patch;
    corner = p.images + image * 3 * plane +
             (static_cast<int64_t>(index / across) * p.width + index % across) * p.patch;
    if (!normalise) return;
    const double n = 3.0 * patch * patch;
    double sum = 0, squares = 0;
    VisitPixels(lane, [&](int, int, float x) { sum += x; });
    const double average = WarpSum(sum) / n;
    VisitPixels(lane, [&](int, int, float x) { squares += (x - average) * (x - average); });
    mean = average;
    inverse = 1 / sqrt(WarpSum(squares) / (n - 1) + p.variance_eps);
  }

  // Groups of kWidth pixels.
  __device__ int groups() const { return patch * patch / kWidth; }

  // Channel c of group g.
  __device__ V Pixels(int g, int c) const {
    const int at = g * kWidth;
    return Load<V>(corner + c * plane + static_cast<int64_t>(at / patch) * width + at % patch);
  }

  // The targets of group g, as pred has them: 3 vectors, channels last.
  __device__ void Get(int g, float (&t)[3 * kWidth]) const {
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      const V v = Pixels(g, c);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        t[3 * k + c] = normalise ? static_cast<float>((v.v[k] - mean) * inverse) : v.v[k];
      }
    }
  }

 private:
  template <typename Visit>
  __device__ void VisitPixels(int lane, const Visit& visit) const {
    for (int g = lane; g < groups(); g += 32) {
#pragma unroll
      for (int c = 0; c < 3; ++c) {
        const V v = Pixels(g, c);
#pragma unroll
        for (int k = 0; k < kWidth; ++k) visit(g, c, v.v[k]);
      }
    }
  }
};

// Patches of an image.
__host__ __device__ int Patches(const PixelLossArgs& p) {
  return p.height / p.patch * (p.width / p.patch);
}

template <int kWidth>
__global__ void __launch_bounds__(kMaxWarps * 32)
    ErrorOfImages(PixelLossArgs p, float* per_image, double* images) {
  using V = Vector<float, kWidth>;
  const int lane = threadIdx.x % 32, patches = Patches(p), size = 3 * p.patch * p.patch;
  const int64_t image = blockIdx.x;
  double error = 0, masked = 0;
  for (int l = threadIdx.x / 32; l < patches; l += blockDim.x / 32) {
    const int64_t row = image * patches + l;
    if (p.mask[row] == 0) continue;
    const Target<kWidth> target(p, image, l, lane);
    const float* const pred = p.pred + row * size;
    double sum = 0;
    for (int g = lane; g < target.groups(); g += 32) {
      float t[3 * kWidth];
      target.Get(g, t);
#pragma unroll
      for (int c = 0; c < 3; ++c) {
        const V x = Load<V>(pred + (3 * g + c) * kWidth);
#pragma unroll
        for (int k = 0; k < kWidth; ++k) {
          const double difference =
              static_cast<double>(x.v[k]) - static_cast<double>(t[c * kWidth + k]);
          sum += difference * difference;
        }
      }
    }
    error += WarpSum(sum) / size;
    masked += 1;
  }
  double sums[kSums] = {error, masked};
  AddWarps(sums);
  if (threadIdx.x != 0) return;
#pragma unroll
  for (int i = 0; i < kSums; ++i) images[image * kSums + i] = sums[i];
  per_image[image] = sums[kMasked] == 0 ? 0.0f : static_cast<float>(sums[kError] / sums[kMasked]);
}

// One warp.
__global__ void TotalError(const double* images, int batch, float* loss) {
  double sums[kSums];
  AddImages(images, batch, sums);
  if (threadIdx.x != 0) return;
  *loss = sums[kMasked] == 0 ? 0.0f : static_cast<float>(sums[kError] / sums[kMasked]);
}

// One block; a byte of each patch, which is too little to be shared out.
__global__ void __launch_bounds__(kMaxWarps * 32)
    CountMasked(const uint8_t* mask, int64_t n, double* count) {
  using V = Vector16<uint8_t>;
  const int64_t vectors = n / V::count;
  int64_t mine = 0;
  for (int64_t i = threadIdx.x; i < vectors; i += blockDim.x) {
    const V v = Load<V>(mask + i * V::count);
#pragma unroll
    for (int k = 0; k < V::count; ++k) mine += v.v[k] != 0;
  }
  const int64_t rest = vectors * V::count + threadIdx.x;
  if (rest < n) mine += mask[rest] != 0;
  double sums[1] = {WarpSum(static_cast<double>(mine))};
  AddWarps(sums);
  if (threadIdx.x == 0) *count = sums[0];
}

template <int kWidth>
__global__ void __launch_bounds__(kRowWarps * 32)
    GradOfPatches(PixelLossArgs p, const double* masked, const float* dloss, float* dpred) {
  using V = Vector<float, kWidth>;
  const int lane = threadIdx.x % 32, patches = Patches(p), size = 3 * p.patch * p.patch;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowWarps + threadIdx.x / 32;
  if (row >= static_cast<int64_t>(p.batch) * patches) return;  // a whole warp
  float* const dx = dpred + row * size;
  if (p.mask[row] == 0) {
    for (int i = lane * kWidth; i < size; i += 32 * kWidth) Store(dx + i, V{});
    return;
  }
  const float factor = static_cast<float>(2.0 * *dloss / *masked / size);
  const Target<kWidth> target(p, row / patches, static_cast<int>(row % patches), lane);
  const float* const pred = p.pred + row * size;
  for (int g = lane; g < target.groups(); g += 32) {
    float t[3 * kWidth];
    target.Get(g, t);
#pragma unroll
    for (int c = 0; c < 3; ++c) {
      V x = Load<V>(pred + (3 * g + c) * kWidth);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) x.v[k] = factor * (x.v[k] - t[c * kWidth + k]);
      Store(dx + (3 * g + c) * kWidth, x);
    }
  }
}

template <typename Function>
int VisitWidth(const PixelLossArgs& p, const Function& launch) {
  return p.patch % 4 == 0 ? launch(std::integral_constant<int, 4>())
                          : launch(std::integral_constant<int, 1>());
}

}  // namespace

size_t PixelLossScratch(int batch) { return static_cast<size_t>(batch) * kSums * sizeof(double); }

int PixelLoss(const PixelLossArgs& p, float* loss, float* per_image, Stream stream) {
  auto* const images = static_cast<double*>(p.scratch);
  if (p.batch > 0) {
    const int error = VisitWidth(p, [&](auto width) {
      return CUDA_LAUNCH(ErrorOfImages<width()>, p.batch, WarpsOf(Patches(p)) * 32, 0, stream, p,
                         per_image, images);
    });
    if (error != 0) return error;
  }
  return CUDA_LAUNCH(TotalError, 1, 32, 0, stream, images, p.batch, loss);
}

int PixelLossGrad(const PixelLossArgs& p, const float* dloss, float* dpred, Stream stream) {
  const int64_t rows = static_cast<int64_t>(p.batch) * Patches(p);
  if (rows == 0) return 0;
  auto* const masked = static_cast<double*>(p.scratch);
  const int error =
      CUDA_LAUNCH(CountMasked, 1, WarpsOf(rows / 512) * 32, 0, stream, p.mask, rows, masked);
  if (error != 0) return error;
  const auto blocks = static_cast<unsigned>((rows + kRowWarps - 1) / kRowWarps);
  return VisitWidth(p, [&](auto width) {
    return CUDA_LAUNCH(GradOfPatches<width()>, blocks, kRowWarps * 32, 0, stream, p, masked, dloss,
                       dpred);
  });
}

}  // namespace backends::cuda::droppos
