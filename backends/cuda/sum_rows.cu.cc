// A block has up to 32 neighbouring vectors of columns (512 bytes of a row) and a part of the
// rows: a group of lanes takes every n-th of these, and the groups' sums meet in shared memory.
// The sums of the parts are rows again, which a second launch of the same kernel adds, with fewer
// lanes to a row and so with more groups, because few blocks are left. x is read once; parts are
// as many as fill the device with blocks, or one where the columns alone do, and then y is written
// at once. At 512 images of ViT-B/16, 25600 rows of 768: 79 MB in f32, and 0.5 MB of parts.
#include "backends/cuda/sum_rows_launch.h"

#include <type_traits>

#include "backends/cuda/rows.h"

namespace backends::cuda {
namespace {

constexpr int64_t kBlocks = 8 * 132;  // eight for each multiprocessor of an H100
constexpr int64_t kLeastRows = 4;     // of a thread
constexpr int kInFlight = 4;          // rows of a thread that are loaded together
constexpr int kLogLanes = 5;
constexpr int kLogLanesOfParts = 3;  // 128 bytes of a row

// How rows of `cols` elements are cut; from shape and type alone.
struct Cut {
  Cut(int64_t rows, int64_t cols, int element_bytes, int most_log_lanes) {
    const int64_t width = cols * element_bytes % 16 == 0 ? 16 / element_bytes : 1;
    const int64_t vectors = cols / width;
    const int log = LogLanes(vectors);
    log_lanes = log < most_log_lanes ? log : most_log_lanes;
    col_blocks = ((vectors - 1) >> log_lanes) + 1;
    const int64_t useful = rows / ((kRowThreads >> log_lanes) * kLeastRows);
    const int64_t wanted = kBlocks / col_blocks < useful ? kBlocks / col_blocks : useful;
    rows_of_part = wanted <= 1 ? rows : (rows + wanted - 1) / wanted;
    parts = rows_of_part == 0 ? 1 : (rows + rows_of_part - 1) / rows_of_part;
  }

  // Into so many parts of so many rows, for few rows.
  static Cut Into(int64_t parts, int64_t rows_of_part, int64_t cols, int element_bytes) {
    Cut cut(parts * rows_of_part, cols, element_bytes, kLogLanesOfParts);
    cut.parts = parts;
    cut.rows_of_part = rows_of_part;
    return cut;
  }

  int log_lanes;
  int64_t col_blocks, parts, rows_of_part;
};

struct AllRows {
  __device__ bool Has(int64_t) const { return true; }
  __device__ int64_t At(int64_t row) const { return row; }
};

struct MaskedRows {
  const uint8_t* mask;
  int64_t prefix, rows;  // of an image

  __device__ bool Has(int64_t row) const { return mask[row] != 0; }
  __device__ int64_t At(int64_t row) const { return row + (row / rows + 1) * prefix; }
};

template <typename Y, typename Sum>
__device__ Y Rounded(Sum x) {
  if constexpr (std::is_same_v<Y, Sum>) {
    return x;
  } else {
    return FromFloat<Y>(static_cast<float>(x));
  }
}

// Where the sums of the parts go: rows of y, or two tensors.
template <typename T>
struct RowsOf {
  using Type = T;
  T* y;
  int64_t cols;

  __device__ T& At(int64_t part, int64_t col) const { return y[part * cols + col]; }
};

struct TwoRows {
  using Type = float;
  float* first;
  float* second;

  __device__ float& At(int64_t part, int64_t col) const {
    return (part == 0 ? first : second)[col];
  }
};

// Block (c, part): y[part, columns of c] = the sum of the rows of the part that `pick` has.
template <typename V, typename X, typename Sum, typename Y, typename Pick>
__global__ void __launch_bounds__(kRowThreads)
    SumRowsKernel(const X* x, Y y, Pick pick, int64_t rows, int64_t cols, int64_t rows_of_part,
                  int log_lanes) {
  // Vectors of 16 bytes, the first of all threads, then the second of all: so neither their stores
  // nor the loads of single sums meet a bank twice.
  constexpr int kWhole = 16 / sizeof(Sum), kStored = kWhole < V::count ? kWhole : V::count;
  alignas(16) __shared__ Sum sums[kRowThreads * V::count];
  const int thread = threadIdx.x, groups = kRowThreads >> log_lanes;
  const int64_t col =
      ((static_cast<int64_t>(blockIdx.x) << log_lanes) + (thread & ((1 << log_lanes) - 1))) *
      V::count;
  const int64_t begin = blockIdx.y * rows_of_part;
  const int64_t end = begin + rows_of_part < rows ? begin + rows_of_part : rows;
  Sum sum[V::count] = {};
  const int64_t first = begin + (thread >> log_lanes);
  for (int64_t row = first; col < cols && row < end; row += kInFlight * groups) {
    bool has[kInFlight];
    V v[kInFlight] = {};
#pragma unroll
    for (int k = 0; k < kInFlight; ++k) {
      has[k] = row + k * groups < end && pick.Has(row + k * groups);
    }
#pragma unroll
    for (int k = 0; k < kInFlight; ++k) {
      if (has[k]) v[k] = Load<V>(x + pick.At(row + k * groups) * cols + col);
    }
#pragma unroll
    for (int k = 0; k < kInFlight; ++k) {
      if (has[k]) AddTo(v[k], sum);
    }
  }
#pragma unroll
  for (int k = 0; k < V::count; k += kStored) {
    Vector<Sum, kStored> v;
#pragma unroll
    for (int j = 0; j < kStored; ++j) v.v[j] = sum[k + j];
    Store(sums + k * kRowThreads + thread * kStored, v);
  }
  __syncthreads();
  const int stored = kStored << log_lanes;  // numbers of a group that lie together
  for (int i = thread; i < V::count << log_lanes; i += kRowThreads) {
    const int place = i / kStored, vector = place >> log_lanes;
    const int lane = place & ((1 << log_lanes) - 1);
    const int64_t to = ((static_cast<int64_t>(blockIdx.x) << log_lanes) + lane) * V::count +
                       vector * kStored + i % kStored;
    if (to >= cols) continue;
    const Sum* const from = sums + vector * kStored * kRowThreads + lane * kStored + i % kStored;
    Sum total = 0;
    for (int group = 0; group < groups; ++group) total += from[group * stored];
    y.At(blockIdx.y, to) = Rounded<typename Y::Type>(total);
  }
}

template <typename X, typename Sum, typename Y, typename Pick>
int LaunchOne(const X* x, const Y& y, const Pick& pick, int64_t rows, int64_t cols, const Cut& cut,
              Stream stream) {
  return VisitWidth<X>(cols, [&](auto vector) {
    return CUDA_LAUNCH(
        (SumRowsKernel<decltype(vector), X, Sum, Y, Pick>),
        dim3(static_cast<unsigned>(cut.col_blocks), static_cast<unsigned>(cut.parts)), kRowThreads,
        0, stream, x, y, pick, rows, cols, cut.rows_of_part, cut.log_lanes);
  });
}

template <typename Sum, typename X, typename Y, typename Pick>
int SumPicked(const X* x, Y* y, Sum* scratch, const Pick& pick, int64_t rows, int64_t cols,
              Stream stream) {
  if (cols == 0) return 0;
  const Cut cut(rows, cols, sizeof(X), kLogLanes);
  const RowsOf<Y> to = {y, cols};
  if (cut.parts == 1) return LaunchOne<X, Sum>(x, to, pick, rows, cols, cut, stream);
  const int error = LaunchOne<X, Sum>(x, RowsOf<Sum>{scratch, cols}, pick, rows, cols, cut, stream);
  if (error != 0) return error;
  const Cut last = Cut::Into(1, cut.parts, cols, sizeof(Sum));
  return LaunchOne<Sum, Sum>(scratch, to, AllRows(), cut.parts, cols, last, stream);
}

template <typename X, typename Sum>
size_t Scratch(int64_t rows, int64_t cols) {
  if (cols == 0) return 0;
  const Cut cut(rows, cols, sizeof(X), kLogLanes);
  return cut.parts == 1 ? 0 : static_cast<size_t>(cut.parts * cols) * sizeof(Sum);
}

}  // namespace

template <typename X>
int SumRows(const SumRowsArgs<X>& p, Stream stream) {
  return SumPicked(p.x, p.y, static_cast<float*>(p.scratch), AllRows(), p.rows, p.cols, stream);
}
template <typename X>
size_t SumRowsScratch(int64_t rows, int64_t cols) {
  return Scratch<X, float>(rows, cols);
}

int SumTwo(const float* x, int64_t rows, int64_t cols, float* first, float* second, Stream stream) {
  const Cut cut = Cut::Into(2, rows, cols, sizeof(float));
  return LaunchOne<float, float>(x, TwoRows{first, second}, AllRows(), 2 * rows, cols, cut, stream);
}

template <typename X>
int MaskedRowSum(const MaskedRowSumArgs<X>& p, Stream stream) {
  return SumPicked(p.x, p.y, static_cast<double*>(p.scratch), MaskedRows{p.mask, p.prefix, p.rows},
                   p.images * p.rows, p.cols, stream);
}
template <typename X>
size_t MaskedRowSumScratch(int64_t images, int64_t rows, int64_t cols) {
  return Scratch<X, double>(images * rows, cols);
}

#define INSTANTIATE(X)                                           \
  template int SumRows(const SumRowsArgs<X>&, Stream);           \
  template size_t SumRowsScratch<X>(int64_t, int64_t);           \
  template int MaskedRowSum(const MaskedRowSumArgs<X>&, Stream); \
  template size_t MaskedRowSumScratch<X>(int64_t, int64_t, int64_t);
INSTANTIATE(float)
INSTANTIATE(BFloat16)

}  // namespace backends::cuda
