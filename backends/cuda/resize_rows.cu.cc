// Pictures are written, or read, by a group of lanes a pixel, consecutive lanes consecutive
// classes. A cell's numbers are read for each of its pixels, from the cache.
//
// The loss stores no picture of logits (64 images of 150 classes at 512 x 512 pixels: 10 GB). A
// block has the pixels between the centres of four cells, 256 for patches of 16, whose logits are
// made of these cells' in shared memory. For the gradient a thread first takes a pixel, to find the
// sum of its exponentials, and then a class, for which it adds up what the pixels give to the four
// cells; another kernel adds up what each cell got from its four blocks. All sums have one order.
// Traffic: labels once, x four times from the cache, and in the gradient 4 · x of scratch once each
// way. Exponentials: 2 · classes a pixel, in 16 million pixels of 150 classes 5 G.
#include <cmath>

#include "backends/cuda/device.h"
#include "backends/cuda/fault.h"
#include "backends/cuda/resize_rows_launch.h"
#include "backends/cuda/rows.h"

namespace backends::cuda {
namespace {

constexpr int kUnlabelled = 255;
constexpr int kThreads = 256;  // of a block between four cells; no fewer than classes
constexpr int kWarps = kThreads / 32;
constexpr int kCorners = 4;  // upper left, upper right, lower left, lower right

// `to` pixels along `from` cells. Centres are compared in units of 1 / (2 to) cells, so that all
// but the weight is exact.
struct Axis {
  int from, to;

  // Between cells `low` and low + 1, with this weight of the latter; 0 where there is none.
  struct Sample {
    int low;
    float weight;
  };
  __device__ Sample At(int pixel) const {
    const int centre = (2 * pixel + 1) * from - to, at = centre < 0 ? 0 : centre;
    const int low = at / (2 * to);
    if (low + 1 == from) return {low, 0.0f};
    return {low, static_cast<float>(at - low * 2 * to) / static_cast<float>(2 * to)};
  }
  // The first pixel whose low is `cell` or more.
  __device__ int First(int cell) const {
    if (cell <= 0) return 0;
    const int first = ((2 * cell + 1) * to + from - 1) / (2 * from);
    return first < to ? first : to;
  }
  __device__ int Next(int cell) const { return cell + 1 < from ? cell + 1 : cell; }
};

__device__ Axis Down(const GridOfRows& g) { return {g.grid_h, g.height}; }
__device__ Axis Across(const GridOfRows& g) { return {g.grid_w, g.width}; }

// Where the numbers of cell (row, col) of an image lie in x.
__device__ int64_t CellAt(const GridOfRows& g, int64_t image, int row, int col) {
  return ((image * g.grid_h + row) * g.grid_w + col) * g.classes;
}

__device__ void SetWeights(float down, float right, float (&weights)[kCorners]) {
  weights[0] = (1 - down) * (1 - right);
  weights[1] = (1 - down) * right;
  weights[2] = down * (1 - right);
  weights[3] = down * right;
}

// The four cells around a pixel.
struct Around {
  const float* cells[kCorners];
  float weights[kCorners];

  __device__ Around(const GridOfRows& g, const float* x, int64_t image, int line, int col) {
    const Axis::Sample y = Down(g).At(line), at = Across(g).At(col);
    const int bottom = Down(g).Next(y.low), right = Across(g).Next(at.low);
    cells[0] = x + CellAt(g, image, y.low, at.low);
    cells[1] = x + CellAt(g, image, y.low, right);
    cells[2] = x + CellAt(g, image, bottom, at.low);
    cells[3] = x + CellAt(g, image, bottom, right);
    SetWeights(y.weight, at.weight, weights);
  }
  __device__ float Value(int64_t k) const {
    float value = 0.0f;
#pragma unroll
    for (int c = 0; c < kCorners; ++c) value += weights[c] * cells[c][k];
    return value;
  }
};

__global__ void __launch_bounds__(kRowThreads)
    ResizeRowsKernel(GridOfRows g, const float* x, float* y, int log_lanes) {
  const int col = RowOfThread(log_lanes), lanes = 1 << log_lanes;
  if (col >= g.width) return;
  for (int64_t line = blockIdx.y; line < g.batch * g.height; line += gridDim.y) {
    const Around around(g, x, line / g.height, static_cast<int>(line % g.height), col);
    float* const row = y + (line * g.width + col) * g.classes;
    for (int64_t k = threadIdx.x % lanes; k < g.classes; k += lanes) row[k] = around.Value(k);
  }
}

__global__ void __launch_bounds__(kRowThreads)
    ResizeRowsGradKernel(GridOfRows g, const float* dy, float* dx, int log_lanes) {
  const int col = RowOfThread(log_lanes), lanes = 1 << log_lanes;
  if (col >= g.grid_w) return;
  const Axis down = Down(g), across = Across(g);
  for (int64_t r = blockIdx.y; r < g.batch * g.grid_h; r += gridDim.y) {
    const int64_t image = r / g.grid_h;
    const int row = static_cast<int>(r % g.grid_h);
    for (int64_t k = threadIdx.x % lanes; k < g.classes; k += lanes) {
      float sum = 0.0f;
      for (int line = down.First(row - 1); line < down.First(row + 1); ++line) {
        const Axis::Sample y = down.At(line);
        const float share = y.low == row ? 1 - y.weight : y.weight;
        for (int pixel = across.First(col - 1); pixel < across.First(col + 1); ++pixel) {
          const Axis::Sample at = across.At(pixel);
          const float weight = share * (at.low == col ? 1 - at.weight : at.weight);
          sum += weight * dy[((image * g.height + line) * g.width + pixel) * g.classes + k];
        }
      }
      dx[(r * g.grid_w + col) * g.classes + k] = sum;
    }
  }
}

__global__ void __launch_bounds__(kRowThreads)
    ResizedArgmaxKernel(GridOfRows g, const float* x, uint8_t* answers) {
  const int col = RowOfThread(0);
  if (col >= g.width) return;
  for (int64_t line = blockIdx.y; line < g.batch * g.height; line += gridDim.y) {
    const Around around(g, x, line / g.height, static_cast<int>(line % g.height), col);
    int best = 0;
    float largest = around.Value(0);
    for (int k = 1; k < g.classes; ++k) {
      const float value = around.Value(k);
      if (value > largest) {
        largest = value;
        best = k;
      }
    }
    answers[line * g.width + col] = static_cast<uint8_t>(best);
  }
}

// ---- The loss: a block between four cells.

// The pixels whose upper left cell is the block's.
struct Between {
  GridOfRows g;
  int64_t image;
  int row, col;
  int top, left, lines, cols;

  __device__ explicit Between(const GridOfRows& grid) : g(grid) {
    const int64_t cells = static_cast<int64_t>(g.grid_h) * g.grid_w;
    image = blockIdx.x / cells;
    const int cell = static_cast<int>(blockIdx.x % cells);
    row = cell / g.grid_w;
    col = cell % g.grid_w;
    top = Down(g).First(row);
    left = Across(g).First(col);
    lines = Down(g).First(row + 1) - top;
    cols = Across(g).First(col + 1) - left;
  }
  __device__ int pixels() const { return lines * cols; }
  // Where the label of pixel i lies.
  __device__ int64_t Element(int i) const {
    return (image * g.height + top + i / cols) * g.width + left + i % cols;
  }
  __device__ void GetWeights(int i, float (&weights)[kCorners]) const {
    SetWeights(Down(g).At(top + i / cols).weight, Across(g).At(left + i % cols).weight, weights);
  }
};

// The cells' numbers for all threads of the block, which call it together.
__device__ void LoadCorners(const Between& b, const float* x,
                            float (&corners)[kCorners][kThreads]) {
  const int k = static_cast<int>(threadIdx.x);
  if (k < b.g.classes) {
#pragma unroll
    for (int c = 0; c < kCorners; ++c) {
      const int row = c / 2 == 0 ? b.row : Down(b.g).Next(b.row);
      const int col = c % 2 == 0 ? b.col : Across(b.g).Next(b.col);
      corners[c][k] = x[CellAt(b.g, b.image, row, col) + k];
    }
  }
  __syncthreads();
}

__device__ float Logit(const float (&corners)[kCorners][kThreads], const float (&weights)[kCorners],
                       int k) {
  float logit = 0.0f;
#pragma unroll
  for (int c = 0; c < kCorners; ++c) logit += weights[c] * corners[c][k];
  return logit;
}

__device__ float LogSumExp(const float (&corners)[kCorners][kThreads],
                           const float (&weights)[kCorners], int classes) {
  float largest = -INFINITY, sum = 0.0f;
  for (int k = 0; k < classes; ++k) largest = fmaxf(largest, Logit(corners, weights, k));
  for (int k = 0; k < classes; ++k) sum += expf(Logit(corners, weights, k) - largest);
  return logf(sum) + largest;
}

// Whether a pixel has a label; reports one that is no class.
__device__ bool IsLabelled(const FaultSite& fault, int64_t element, int label, int classes) {
  if (label < classes) return true;
  if (label != kUnlabelled) {
    ReportFault(fault, 1, element, label, -static_cast<double>(INFINITY), classes);
  }
  return false;
}

// The sum over the block in a fixed order, for thread 0.
__device__ double BlockSum(double x) {
  __shared__ double sums[kWarps];
  const double of_warp = WarpSum(x);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = of_warp;
  __syncthreads();
  double sum = 0.0;
  if (threadIdx.x == 0) {
    for (int i = 0; i < kWarps; ++i) sum += sums[i];
  }
  __syncthreads();
  return sum;
}

// scratch: of each block, the sum of its pixels' losses and how many they are.
__global__ void __launch_bounds__(kThreads) LossesBetween(ResizedCrossEntropyArgs p) {
  __shared__ float corners[kCorners][kThreads];
  const Between between(p.grid);
  const int classes = static_cast<int>(p.grid.classes);
  LoadCorners(between, p.x, corners);
  double loss = 0.0, labelled = 0.0;
  for (int i = static_cast<int>(threadIdx.x); i < between.pixels(); i += kThreads) {
    const int64_t element = between.Element(i);
    const int label = p.labels[element];
    if (!IsLabelled(p.fault, element, label, classes)) continue;
    float weights[kCorners];
    between.GetWeights(i, weights);
    loss += LogSumExp(corners, weights, classes) - Logit(corners, weights, label);
    labelled += 1.0;
  }
  loss = BlockSum(loss);
  labelled = BlockSum(labelled);
  if (threadIdx.x == 0) {
    p.scratch[2 * static_cast<int64_t>(blockIdx.x)] = loss;
    p.scratch[2 * static_cast<int64_t>(blockIdx.x) + 1] = labelled;
  }
}

__global__ void __launch_bounds__(kThreads) MeanOfLosses(ResizedCrossEntropyArgs p, int64_t parts) {
  double loss = 0.0, labelled = 0.0;
  for (int64_t i = threadIdx.x; i < parts; i += kThreads) {
    loss += p.scratch[2 * i];
    labelled += p.scratch[2 * i + 1];
  }
  loss = BlockSum(loss);
  labelled = BlockSum(labelled);
  if (threadIdx.x == 0) {
    *p.loss = labelled == 0.0 ? 0.0f : static_cast<float>(loss / labelled);
    *p.labelled = static_cast<int32_t>(labelled);
  }
}

// scratch: (cells, corners, classes), what the pixels of each block give to its four cells.
__global__ void __launch_bounds__(kThreads) GradientsBetween(ResizedCrossEntropyGradArgs p) {
  __shared__ float corners[kCorners][kThreads], shares[kCorners][kThreads], log_sums[kThreads];
  __shared__ int labels[kThreads];  // -1: none
  const Between between(p.grid);
  const int thread = static_cast<int>(threadIdx.x), classes = static_cast<int>(p.grid.classes);
  LoadCorners(between, p.x, corners);
  // Threads that share a class, each with every so many pixels.
  const int k = thread % classes, slice = thread / classes, slices = kThreads / classes;
  float sums[kCorners] = {};
  for (int first = 0; first < between.pixels(); first += kThreads) {
    const int left = between.pixels() - first, count = left < kThreads ? left : kThreads;
    if (thread < count) {
      const int64_t element = between.Element(first + thread);
      const int label = p.labels[element];
      const bool labelled = IsLabelled(p.fault, element, label, classes);
      labels[thread] = labelled ? label : -1;
      if (labelled) {
        float weights[kCorners];
        between.GetWeights(first + thread, weights);
        log_sums[thread] = LogSumExp(corners, weights, classes);
#pragma unroll
        for (int c = 0; c < kCorners; ++c) shares[c][thread] = weights[c];
      }
    }
    __syncthreads();
    for (int i = slice; slice < slices && i < count; i += slices) {
      if (labels[i] < 0) continue;
      float weights[kCorners];
#pragma unroll
      for (int c = 0; c < kCorners; ++c) weights[c] = shares[c][i];
      const float softmax = expf(Logit(corners, weights, k) - log_sums[i]);
      const float gradient = k == labels[i] ? softmax - 1 : softmax;
#pragma unroll
      for (int c = 0; c < kCorners; ++c) sums[c] += weights[c] * gradient;
    }
    __syncthreads();
  }
#pragma unroll
  for (int c = 0; c < kCorners; ++c) shares[c][thread] = sums[c];
  __syncthreads();
  if (thread >= classes) return;
#pragma unroll
  for (int c = 0; c < kCorners; ++c) {
    float sum = 0.0f;
    for (int i = 0; i < slices; ++i) sum += shares[c][i * classes + thread];
    p.scratch[(static_cast<int64_t>(blockIdx.x) * kCorners + c) * classes + thread] = sum;
  }
}

__global__ void __launch_bounds__(kRowThreads)
    SumOfCorners(ResizedCrossEntropyGradArgs p, int log_lanes) {
  const GridOfRows& g = p.grid;
  const int col = RowOfThread(log_lanes), lanes = 1 << log_lanes;
  if (col >= g.grid_w) return;
  const int32_t labelled = *p.labelled;
  const float scale = labelled == 0 ? 0.0f : *p.dloss / static_cast<float>(labelled);
  for (int64_t r = blockIdx.y; r < g.batch * g.grid_h; r += gridDim.y) {
    const int64_t row = r % g.grid_h, cell = r * g.grid_w + col;
    const auto given = [&](int64_t by, int corner, int64_t k) {
      return p.scratch[(by * kCorners + corner) * g.classes + k];
    };
    for (int64_t k = threadIdx.x % lanes; k < g.classes; k += lanes) {
      float sum = given(cell, 0, k);
      if (col > 0) sum += given(cell - 1, 1, k);
      if (row > 0) sum += given(cell - g.grid_w, 2, k);
      if (row > 0 && col > 0) sum += given(cell - g.grid_w - 1, 3, k);
      p.dx[cell * g.classes + k] = scale * sum;
    }
  }
}

}  // namespace

int ResizeRows(const GridOfRows& g, const float* x, float* y, Stream stream) {
  const int log_lanes = LogLanes(g.classes);
  return CUDA_LAUNCH(ResizeRowsKernel, RowBlocks(g.batch * g.height, g.width, log_lanes),
                     kRowThreads, 0, stream, g, x, y, log_lanes);
}

int ResizeRowsGrad(const GridOfRows& g, const float* dy, float* dx, Stream stream) {
  const int log_lanes = LogLanes(g.classes);
  return CUDA_LAUNCH(ResizeRowsGradKernel, RowBlocks(g.batch * g.grid_h, g.grid_w, log_lanes),
                     kRowThreads, 0, stream, g, dy, dx, log_lanes);
}

int ResizedArgmax(const GridOfRows& g, const float* x, uint8_t* answers, Stream stream) {
  return CUDA_LAUNCH(ResizedArgmaxKernel, RowBlocks(g.batch * g.height, g.width, 0), kRowThreads, 0,
                     stream, g, x, answers);
}

int ResizedCrossEntropy(const ResizedCrossEntropyArgs& p, Stream stream) {
  const int error =
      CUDA_LAUNCH(LossesBetween, static_cast<unsigned>(p.grid.cells()), kThreads, 0, stream, p);
  if (error != 0) return error;
  return CUDA_LAUNCH(MeanOfLosses, 1, kThreads, 0, stream, p, p.grid.cells());
}

int ResizedCrossEntropyGrad(const ResizedCrossEntropyGradArgs& p, Stream stream) {
  const GridOfRows& g = p.grid;
  const int error =
      CUDA_LAUNCH(GradientsBetween, static_cast<unsigned>(g.cells()), kThreads, 0, stream, p);
  if (error != 0) return error;
  const int log_lanes = LogLanes(g.classes);
  return CUDA_LAUNCH(SumOfCorners, RowBlocks(g.batch * g.grid_h, g.grid_w, log_lanes), kRowThreads,
                     0, stream, p, log_lanes);
}

}  // namespace backends::cuda
