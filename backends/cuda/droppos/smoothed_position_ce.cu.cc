// A warp has a row of logits. It reads it once for the largest logit and again, from the cache,
// for the sums; the gradient a third time, where each lane reads only what it then overwrites.
//
// Forward: tables of the targets; a block an image; the images in order. Traffic: the logits of
// the dropped rows once (15 MB at 512 images, 37 rows of 196).
// Gradient: tables; each row's weight, for which conf_ignore must read the logits; the sum of the
// weights; a warp a row of dlogits. Traffic: the logits of the dropped rows once more, dlogits.
#include "backends/cuda/droppos/smoothed_position_ce_launch.h"

#include <type_traits>

#include "backends/cuda/device.h"
#include "backends/cuda/droppos/image_sums.h"
#include "backends/cuda/fault.h"

namespace backends::cuda::droppos {
namespace {

constexpr int kRowWarps = 4;             // of the block of rows of dlogits
constexpr int kIdsKeep = 1, kSigma = 3;  // the inputs, of both operators
using Shape = SmoothedPositionCEShape;
using Inputs = SmoothedPositionCEInputs;

enum Sum { kLoss, kWeight, kRight, kCorrect, kScored, kSums };

// Targets of one axis of n cells: T[i][j] = table[i * n + j], rounded from double; peak[i] is
// T[i][i] before that.
struct Axis {
  int n;
  double* gauss;  // by distance
  double* peak;
  float* table;
};

// The scratch memory; without any, how much it is.
struct Scratch {
  double* images;  // (B, kSums), or of the gradient (B)
  double* weight;  // {1}: the sum of all weights
  Axis h, w;
  float* weights;  // (B, V): of the rows
  int64_t bytes = 0;

  Scratch(const Shape& s, void* memory) : memory_(static_cast<char*>(memory)) {
    images = Take<double>(static_cast<int64_t>(s.batch) * kSums);
    weight = Take<double>(1);
    h = TakeAxis(s.grid_h);
    w = TakeAxis(s.grid_w);
    h.table = Take<float>(int64_t{s.grid_h} * s.grid_h);
    w.table = Take<float>(int64_t{s.grid_w} * s.grid_w);
    weights = Take<float>(static_cast<int64_t>(s.batch) * s.visible);
  }

 private:
  // Doubles first, so that all are aligned.
  template <typename T>
  T* Take(int64_t count) {
    T* const taken = memory_ == nullptr ? nullptr : reinterpret_cast<T*>(memory_ + bytes);
    bytes += count * static_cast<int64_t>(sizeof(T));
    return taken;
  }
  Axis TakeAxis(int n) {
    Axis axis = {n, Take<double>(n), nullptr, nullptr};
    axis.peak = Take<double>(n);
    return axis;
  }

  char* const memory_;
};

// ops/droppos/position_targets.cc, with its sums in its order. A block has an axis.
__global__ void __launch_bounds__(256)
    FillTables(Axis h, Axis w, const float* sigma, bool official, FaultSite fault) {
  const Axis axis = blockIdx.x == 0 ? h : w;
  const double width = *sigma;
  if (!(width >= 0) && blockIdx.x == 0 && threadIdx.x == 0) {
    ReportFault(fault, kSigma, 0, width, 0, INFINITY);
  }
  for (int d = threadIdx.x; d < axis.n; d += blockDim.x) {
    // Not d² / sigma², because the square of a tiny sigma is 0; sigma may be 0 itself.
    const double scaled = d == 0 ? 0.0 : d / width;
    axis.gauss[d] = exp(-scaled * scaled);
  }
  __syncthreads();
  // Row i of the paper's table, column i of the official one: its entries sum to 1.
  for (int i = threadIdx.x; i < axis.n; i += blockDim.x) {
    double sum = 0;
    for (int k = 0; k < axis.n; ++k) sum += axis.gauss[i < k ? k - i : i - k];
    axis.peak[i] = axis.gauss[0] / sum;
    for (int k = 0; k < axis.n; ++k) {
      const int64_t at = official ? int64_t{k} * axis.n + i : int64_t{i} * axis.n + k;
      axis.table[at] = static_cast<float>(axis.gauss[i < k ? k - i : i - k] / sum);
    }
  }
}

// The targets of a cell.
struct Targets {
  const float* row;
  const float* col;
  int width;

  __device__ Targets(const Axis& h, const Axis& w, int cell)
      : row(h.table + int64_t{cell / w.n} * h.n),
        col(w.table + int64_t{cell % w.n} * w.n),
        width(w.n) {}
  __device__ float operator()(int j) const { return row[j / width] * col[j % width]; }
};

// Calls visit(j, x[j]) for the lane's elements of a row, in vectors of kWidth, which divides n.
template <int kWidth, typename Visit>
__device__ void VisitRow(const float* x, int n, int lane, const Visit& visit) {
  for (int i = lane * kWidth; i < n; i += 32 * kWidth) {
    const auto v = Load<Vector<float, kWidth>>(x + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) visit(i + k, v.v[k]);
  }
}

struct Largest {
  float value;
  int index;  // the lowest of equal ones; n where all are NaN
};

template <int kWidth>
__device__ Largest FindLargest(const float* x, int n, int lane) {
  Largest best = {-INFINITY, n};
  const auto consider = [&](int j, float value) {
    if (value > best.value || (value == best.value && j < best.index)) best = {value, j};
  };
  VisitRow<kWidth>(x, n, lane, consider);
#pragma unroll
  for (int lanes = 16; lanes > 0; lanes /= 2) {
    const float value = __shfl_xor_sync(kAllLanes, best.value, lanes);
    const int index = __shfl_xor_sync(kAllLanes, best.index, lanes);
    consider(index, value);
  }
  return best;
}

// Whether conf_ignore leaves out a row that gives its cell `id` the probability e / sum.
__device__ bool Ignores(const Axis& h, const Axis& w, int id, float e, double sum) {
  return e / sum >= h.peak[id / w.n] * w.peak[id % w.n];
}

// Of a row whose position was dropped; a NaN stays one.
__device__ float Weight(const Inputs& in, int64_t row) {
  return in.weights == nullptr ? 1.0f : in.weights[row];
}

template <int kWidth>
__global__ void __launch_bounds__(kMaxWarps * 32, 2)
    LossOfImages(Shape s, Inputs in, SmoothedPositionCEOutputs out, Axis h, Axis w,
                 double* images) {
  const int lane = threadIdx.x % 32;
  const int64_t image = blockIdx.x;
  double loss = 0, weight_sum = 0, right_weight = 0;
  int correct = 0, scored = 0, ignored = 0;
  for (int v = threadIdx.x / 32; v < s.visible; v += blockDim.x / 32) {
    const int64_t row = image * s.visible + v;
    const int id = in.ids_keep[row];
    if (!IsRow(in.fault, kIdsKeep, row, id, s.cells) || in.mask_pos[row] == 0) continue;
    const float* const x = in.logits + row * s.cells;
    const Largest largest = FindLargest<kWidth>(x, s.cells, lane);
    const bool right = largest.index == id;
    correct += right;
    ++scored;
    const double weight = Weight(in, row);
    if (weight == 0 && !s.conf_ignore) continue;
    const Targets targets(h, w, id);
    double sum = 0, expected = 0, target_sum = 0;  // expected: x - max under the targets
    VisitRow<kWidth>(x, s.cells, lane, [&](int j, float logit) {
      const float difference = logit - largest.value, target = targets(j);
      sum += expf(difference);
      expected += static_cast<double>(target) * difference;
      target_sum += target;
    });
    sum = WarpSum(sum);
    expected = WarpSum(expected);
    target_sum = s.official ? WarpSum(target_sum) : 1.0;
    if (s.conf_ignore && Ignores(h, w, id, expf(x[id] - largest.value), sum)) {
      ++ignored;
      continue;
    }
    if (weight == 0) continue;
    weight_sum += weight;
    if (right) right_weight += weight;
    loss += weight * (target_sum * log(sum) - expected);
  }
  double sums[kSums + 1] = {loss,          weight_sum,   right_weight,
                            1.0 * correct, 1.0 * scored, 1.0 * ignored};
  AddWarps(sums);
  if (threadIdx.x != 0) return;
#pragma unroll
  for (int i = 0; i < kSums; ++i) images[image * kSums + i] = sums[i];
  out.correct[image] = static_cast<int32_t>(sums[kCorrect]);
  out.scored[image] = static_cast<int32_t>(sums[kScored]);
  out.ignored[image] = static_cast<int32_t>(sums[kSums]);
}

// One warp.
__global__ void TotalLoss(const double* images, int batch, SmoothedPositionCEOutputs out) {
  double sums[kSums];
  AddImages(images, batch, sums);
  if (threadIdx.x != 0) return;
  const bool empty = sums[kWeight] == 0;
  *out.loss = empty ? 0.0f : static_cast<float>(sums[kLoss] / sums[kWeight]);
  *out.accuracy = sums[kScored] == 0 ? 0.0f : static_cast<float>(sums[kCorrect] / sums[kScored]);
  *out.accuracy_weighted = empty ? 0.0f : static_cast<float>(sums[kRight] / sums[kWeight]);
}

// Each row's weight, 0 where it adds nothing, and their sums of images. A block has an image: with
// conf_ignore a warp a row, else a thread.
template <int kWidth>
__global__ void __launch_bounds__(kMaxWarps * 32)
    WeightsOfRows(Shape s, Inputs in, Axis h, Axis w, float* weights, double* images) {
  const int lane = threadIdx.x % 32;
  const int64_t image = blockIdx.x;
  double sums[1] = {};
  const int of_row = s.conf_ignore ? 32 : 1;
  for (int v = threadIdx.x / of_row; v < s.visible; v += blockDim.x / of_row) {
    const int64_t row = image * s.visible + v;
    const int id = in.ids_keep[row];
    float weight = 0;
    if (IsRow(in.fault, kIdsKeep, row, id, s.cells) && in.mask_pos[row] != 0) {
      weight = Weight(in, row);
    }
    if (s.conf_ignore && weight != 0) {  // the same in the whole warp
      const float* const x = in.logits + row * s.cells;
      const float max = FindLargest<kWidth>(x, s.cells, lane).value;
      double sum = 0;
      VisitRow<kWidth>(x, s.cells, lane, [&](int, float logit) { sum += expf(logit - max); });
      if (Ignores(h, w, id, expf(x[id] - max), WarpSum(sum))) weight = 0;
    }
    if (s.conf_ignore && lane != 0) continue;
    weights[row] = weight;
    sums[0] += weight;
  }
  sums[0] = WarpSum(sums[0]);
  AddWarps(sums);
  if (threadIdx.x == 0) images[image] = sums[0];
}

// One warp.
__global__ void TotalWeight(const double* images, int batch, double* weight) {
  double sums[1];
  AddImages(images, batch, sums);
  if (threadIdx.x == 0) *weight = sums[0];
}

template <int kWidth>
__global__ void __launch_bounds__(kRowWarps * 32)
    GradOfRows(Shape s, Inputs in, Axis h, Axis w, const float* weights, const double* weight_sum,
               const float* dloss, float* dlogits) {
  using V = Vector<float, kWidth>;
  const int lane = threadIdx.x % 32;
  const int64_t row = static_cast<int64_t>(blockIdx.x) * kRowWarps + threadIdx.x / 32;
  if (row >= static_cast<int64_t>(s.batch) * s.visible) return;  // a whole warp
  const float weight = *weight_sum == 0 ? 0.0f : weights[row];
  float* const dx = dlogits + row * s.cells;
  if (weight == 0) {
    for (int i = lane * kWidth; i < s.cells; i += 32 * kWidth) Store(dx + i, V{});
    return;
  }
  const float* const x = in.logits + row * s.cells;
  const float max = FindLargest<kWidth>(x, s.cells, lane).value;
  const Targets targets(h, w, in.ids_keep[row]);
  double sum = 0, target_sum = 0;
  VisitRow<kWidth>(x, s.cells, lane, [&](int j, float logit) {
    sum += expf(logit - max);
    if (s.official) target_sum += targets(j);
  });
  sum = WarpSum(sum);
  target_sum = s.official ? WarpSum(target_sum) : 1.0;
  const float share = static_cast<float>(target_sum / sum);
  const float factor = static_cast<float>(*dloss / *weight_sum * weight);
  for (int i = lane * kWidth; i < s.cells; i += 32 * kWidth) {
    V v = Load<V>(x + i);
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      v.v[k] = factor * (expf(v.v[k] - max) * share - targets(i + k));
    }
    Store(dx + i, v);
  }
}

int Tables(const Shape& s, const Inputs& in, const Scratch& scratch, Stream stream) {
  const int longer = s.grid_h > s.grid_w ? s.grid_h : s.grid_w;
  return CUDA_LAUNCH(FillTables, 2, longer < 256 ? (longer + 31) / 32 * 32 : 256, 0, stream,
                     scratch.h, scratch.w, in.sigma, s.official, in.fault);
}

// kWidth of the rows.
template <typename Function>
int VisitWidth(const Shape& s, const Function& launch) {
  return s.cells % 4 == 0 ? launch(std::integral_constant<int, 4>())
                          : launch(std::integral_constant<int, 1>());
}

}  // namespace

size_t SmoothedPositionCEShape::scratch_bytes() const {
  return static_cast<size_t>(Scratch(*this, nullptr).bytes);
}

int SmoothedPositionCE(const Shape& s, const Inputs& in, const SmoothedPositionCEOutputs& out,
                       Stream stream) {
  const Scratch scratch(s, in.scratch);
  int error = Tables(s, in, scratch, stream);
  if (error == 0 && s.batch > 0) {
    error = VisitWidth(s, [&](auto width) {
      return CUDA_LAUNCH(LossOfImages<width()>, s.batch, WarpsOf(s.visible) * 32, 0, stream, s, in,
                         out, scratch.h, scratch.w, scratch.images);
    });
  }
  if (error != 0) return error;
  return CUDA_LAUNCH(TotalLoss, 1, 32, 0, stream, scratch.images, s.batch, out);
}

int SmoothedPositionCEGrad(const Shape& s, const Inputs& in, const float* dloss, float* dlogits,
                           Stream stream) {
  const Scratch scratch(s, in.scratch);
  const int64_t rows = static_cast<int64_t>(s.batch) * s.visible;
  int error = Tables(s, in, scratch, stream);
  if (error != 0 || rows == 0) return error;
  error = VisitWidth(s, [&](auto width) {
    return CUDA_LAUNCH(WeightsOfRows<width()>, s.batch, WarpsOf(s.visible) * 32, 0, stream, s, in,
                       scratch.h, scratch.w, scratch.weights, scratch.images);
  });
  if (error != 0) return error;
  error = CUDA_LAUNCH(TotalWeight, 1, 32, 0, stream, scratch.images, s.batch, scratch.weight);
  if (error != 0) return error;
  const auto blocks = static_cast<unsigned>((rows + kRowWarps - 1) / kRowWarps);
  return VisitWidth(s, [&](auto width) {
    return CUDA_LAUNCH(GradOfRows<width()>, blocks, kRowWarps * 32, 0, stream, s, in, scratch.h,
                       scratch.w, scratch.weights, scratch.weight, dloss, dlogits);
  });
}

}  // namespace backends::cuda::droppos
