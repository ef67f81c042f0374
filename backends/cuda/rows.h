// What kernels share that work by rows: rows copied from where a functor says, loads of elements
// as numbers, and a warp's search for an id.
#ifndef BACKENDS_CUDA_ROWS_H_
#define BACKENDS_CUDA_ROWS_H_

#include <cstdint>

#include "backends/cuda/device.h"

namespace backends::cuda {

constexpr int kRowThreads = 256;  // of a block
// Of a multiprocessor at least: with kRowVectors loads a thread, 64 KB are under way. Said, because
// the compiler would otherwise spill a register or two for a fifth or sixth block.
constexpr int kRowBlocks = 4;

// Blocks for `rows` rows of 2^log_lanes threads of each of `images` images; RowOfThread() is the
// row, and the images are blockIdx.y, + gridDim.y, ... So nothing is divided.
inline dim3 RowBlocks(int64_t images, int64_t rows, int log_lanes) {
  const int64_t blocks = ((rows << log_lanes) + kRowThreads - 1) / kRowThreads;
  return dim3(static_cast<unsigned>(blocks),
              static_cast<unsigned>(images < 65535 ? images : 65535));
}
__device__ __forceinline__ int RowOfThread(int log_lanes) {
  return static_cast<int>((static_cast<int64_t>(blockIdx.x) * kRowThreads + threadIdx.x) >>
                          log_lanes);
}

// The binary logarithm of the number of lanes that share a row of `vectors`: at most a warp, and
// the fewest that hold it.
inline int LogLanes(int64_t vectors) {
  int log = 0;
  while (log < 5 && (int64_t{1} << log) < vectors) ++log;
  return log;
}

// Returns with(V()), where V is a vector of elements of a row: of 16 bytes
// where rows of `cols` are whole such vectors, else of one.
template <typename T, typename Function>
int VisitWidth(int64_t cols, const Function& with) {
  constexpr int kWhole = 16 / sizeof(T);
  return cols % kWhole == 0 ? with(Vector16<T>()) : with(Vector<T, 1>());
}

__device__ __forceinline__ double ToFloat(double x) { return x; }  // sums in double stay so

// to[k] += the elements of a vector, or of the one at `p`.
template <typename T, int kCount, typename Sum>
__device__ __forceinline__ void AddTo(const Vector<T, kCount>& v, Sum (&to)[kCount]) {
#pragma unroll
  for (int k = 0; k < kCount; ++k) to[k] += ToFloat(v.v[k]);
}
template <typename V, typename T>
__device__ __forceinline__ void AddVector(const T* p, float (&to)[V::count]) {
  AddTo(Load<V>(p), to);
}

template <typename V, typename T>
__device__ __forceinline__ void StoreVector(const float (&from)[V::count], T* p) {
  V v;
#pragma unroll
  for (int k = 0; k < V::count; ++k) v.v[k] = FromFloat<T>(from[k]);
  Store(p, v);
}

// Which of the 32 ids from ids[first] on are `wanted`, as a mask; there are `count` ids. A whole
// warp calls it.
__device__ __forceinline__ uint32_t Matches(const int32_t* ids, int count, int first, int wanted) {
  const int i = first + static_cast<int>(threadIdx.x % 32);
  return __ballot_sync(kAllLanes, i < count && ids[i] == wanted);
}

// Of a lane at a time: the loads are under way before the first store.
constexpr int kRowVectors = 4;

// A group of 2^log_lanes threads has a row of y, consecutive threads consecutive vectors.
template <typename V, typename Source>
__global__ void __launch_bounds__(kRowThreads, kRowBlocks)
    CopyRowsKernel(Source source, void* y, int64_t images, int rows, int vectors, int log_lanes) {
  const int row = RowOfThread(log_lanes);
  if (row >= rows) return;  // a whole warp where a row has a whole warp
  const int lanes = 1 << log_lanes, lane = static_cast<int>(threadIdx.x) & (lanes - 1);
  for (int64_t image = blockIdx.y; image < images; image += gridDim.y) {
    const V* const from = static_cast<const V*>(source.Row(image, row, lane));
    V* const to = static_cast<V*>(y) + (image * rows + row) * vectors;
    for (int first = lane; first < vectors; first += kRowVectors * lanes) {
      V v[kRowVectors] = {};
      if (from != nullptr) {
#pragma unroll
        for (int k = 0; k < kRowVectors; ++k) {
          if (first + k * lanes < vectors) v[k] = Load<V>(from + first + k * lanes);
        }
      }
#pragma unroll
      for (int k = 0; k < kRowVectors; ++k) {
        if (first + k * lanes < vectors) Store(to + first + k * lanes, v[k]);
      }
    }
  }
}

// Row `row` of each image of y (images, rows, row_bytes) becomes the row at
// source.Row(image, row, lane), zeros where that is null: a copy of bits, in the widest vectors of
// which a row has a whole number. Each byte of y is read once and written once. Source is plain
// data; its lane 0 reports faults. Where Source::kWholeWarp, a warp calls Row() together. Rows lie
// at multiples of their size from memory that is 16-byte aligned, and have a multiple of two bytes.
// Returns a cudaError_t.
template <typename Source>
int CopyRows(const Source& source, void* y, int64_t images, int rows, int64_t row_bytes,
             Stream stream) {
  if (images == 0 || rows == 0 || row_bytes == 0) return 0;
  const auto copy = [&](auto vector) {
    using V = decltype(vector);
    const int vectors = static_cast<int>(row_bytes / static_cast<int64_t>(sizeof(V)));
    const int log_lanes = Source::kWholeWarp ? 5 : LogLanes(vectors);
    return CUDA_LAUNCH((CopyRowsKernel<V, Source>), RowBlocks(images, rows, log_lanes), kRowThreads,
                       0, stream, source, y, images, rows, vectors, log_lanes);
  };
  if (row_bytes % 16 == 0) return copy(Vector<uint16_t, 8>());
  if (row_bytes % 8 == 0) return copy(Vector<uint16_t, 4>());
  if (row_bytes % 4 == 0) return copy(Vector<uint16_t, 2>());
  return copy(Vector<uint16_t, 1>());
}

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_ROWS_H_
