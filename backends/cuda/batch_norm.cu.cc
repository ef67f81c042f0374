// A warp has 32 neighbouring columns, a thread one of them, and the warps of a block go through
// the rows together. Sums are in double: of each warp's rows in order, then of the warps in order.
// The matrix is that of one micro-batch of a linear probe (512 rows of 768, 1.5 MB), so it is read
// again, from the L2 cache, for each sum that needs the one before: x three times.
#include <cmath>

#include "backends/cuda/batch_norm_launch.h"
#include "backends/cuda/device.h"

namespace backends::cuda {
namespace {

constexpr int kCols = 32;
constexpr int kWarps = 8;
constexpr int kThreads = kCols * kWarps;

__device__ __forceinline__ int Lane() { return static_cast<int>(threadIdx.x) % kCols; }
__device__ __forceinline__ int Warp() { return static_cast<int>(threadIdx.x) / kCols; }
__device__ __forceinline__ int ColumnOfThread() {
  return static_cast<int>(blockIdx.x) * kCols + Lane();
}

// Calls `fn(element)` for the elements of column `col` in every kWarps-th row from this warp's on.
template <typename Function>
__device__ __forceinline__ void ForRows(int64_t rows, int cols, int col, const Function& fn) {
  if (col >= cols) return;
#pragma unroll 4
  for (int64_t row = Warp(); row < rows; row += kWarps) fn(row * cols + col);
}

// All threads of a column get its sums of what `add(element, sums)` adds. The block calls it
// together.
template <int kSums, typename Add>
__device__ void SumColumn(int64_t rows, int cols, int col, const Add& add, double (&sums)[kSums]) {
  __shared__ double parts[kSums][kWarps][kCols];
  double part[kSums] = {};
  ForRows(rows, cols, col, [&](int64_t i) { add(i, part); });
#pragma unroll
  for (int k = 0; k < kSums; ++k) {
    parts[k][Warp()][Lane()] = part[k];
    sums[k] = 0.0;
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kSums; ++k) {
#pragma unroll
    for (int w = 0; w < kWarps; ++w) sums[k] += parts[k][w][Lane()];
  }
}

__device__ __forceinline__ double Moved(float from, double to, double momentum) {
  return (1.0 - momentum) * static_cast<double>(from) + momentum * to;
}

__global__ void __launch_bounds__(kThreads) BatchNormKernel(BatchNormArgs p) {
  const int col = ColumnOfThread();
  const double n = static_cast<double>(p.rows);
  double sum[1], squares[1];
  SumColumn(
      p.rows, p.cols, col, [&](int64_t i, double(&to)[1]) { to[0] += static_cast<double>(p.x[i]); },
      sum);
  const double center = sum[0] / n;
  SumColumn(
      p.rows, p.cols, col,
      [&](int64_t i, double(&to)[1]) {
        const double d = static_cast<double>(p.x[i]) - center;
        to[0] += d * d;
      },
      squares);
  if (col >= p.cols) return;
  const float rstd = static_cast<float>(1.0 / sqrt(squares[0] / n + static_cast<double>(p.eps)));
  // In double: far from zero the mean has few digits left in f32.
  ForRows(p.rows, p.cols, col, [&](int64_t i) {
    p.y[i] = static_cast<float>(static_cast<double>(p.x[i]) - center) * rstd;
  });
  if (Warp() != 0) return;
  p.rstd[col] = rstd;
  const double momentum = p.momentum;
  p.new_running_mean[col] = static_cast<float>(Moved(p.running_mean[col], center, momentum));
  p.new_running_var[col] =
      static_cast<float>(Moved(p.running_var[col], squares[0] / (n - 1.0), momentum));
}

__global__ void __launch_bounds__(kThreads) BatchNormGradKernel(BatchNormGradArgs p) {
  const int col = ColumnOfThread();
  double sums[2];  // of dy and of dy·y
  SumColumn(
      p.rows, p.cols, col,
      [&](int64_t i, double(&to)[2]) {
        const double dy = p.dy[i];
        to[0] += dy;
        to[1] += dy * static_cast<double>(p.y[i]);
      },
      sums);
  const float average = static_cast<float>(sums[0] / static_cast<double>(p.rows));
  const float average_normed = static_cast<float>(sums[1] / static_cast<double>(p.rows));
  const float rstd = col < p.cols ? p.rstd[col] : 0.0f;
  ForRows(p.rows, p.cols, col, [&](int64_t i) {
    p.dx[i] = rstd * (p.dy[i] - average - p.y[i] * average_normed);
  });
}

__global__ void __launch_bounds__(kThreads) BatchNormInferenceKernel(BatchNormInferenceArgs p) {
  const int col = ColumnOfThread();
  if (col >= p.cols) return;
  const float mean = p.running_mean[col];
  const float rstd = static_cast<float>(
      1.0 / sqrt(static_cast<double>(p.running_var[col]) + static_cast<double>(p.eps)));
  ForRows(p.rows, p.cols, col, [&](int64_t i) { p.y[i] = (p.x[i] - mean) * rstd; });
}

int Blocks(int cols) { return (cols + kCols - 1) / kCols; }

}  // namespace

int BatchNorm(const BatchNormArgs& p, Stream stream) {
  if (p.cols == 0) return 0;
  return CUDA_LAUNCH(BatchNormKernel, Blocks(p.cols), kThreads, 0, stream, p);
}

int BatchNormGrad(const BatchNormGradArgs& p, Stream stream) {
  if (p.cols == 0) return 0;
  return CUDA_LAUNCH(BatchNormGradKernel, Blocks(p.cols), kThreads, 0, stream, p);
}

int BatchNormInference(const BatchNormInferenceArgs& p, Stream stream) {
  if (p.cols == 0 || p.rows == 0) return 0;
  return CUDA_LAUNCH(BatchNormInferenceKernel, Blocks(p.cols), kThreads, 0, stream, p);
}

}  // namespace backends::cuda
