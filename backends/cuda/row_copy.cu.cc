// A row is copied by a warp, or by fewer lanes where it is short (rows.h), so that each byte is
// read once and written once: at 512 images of ViT-B/16, 77 + 77 MB for the 49 visible patches in
// f32, 308 + 308 MB for Patchify, whose rows are the `patch` neighbours of an image's row.
//
// ScatterRows goes by rows of y, not of x: the warp of a row looks for its id among the image's,
// which lie in the cache, and adds the rows that have it. So y is written once, 308 MB beside 77
// read, where zeros and additions in place would touch it three times; and the order is that of i.
#include "backends/cuda/row_copy_launch.h"

#include "backends/cuda/fault.h"
#include "backends/cuda/rows.h"

namespace backends::cuda {
namespace {

struct GatheredRow {
  static constexpr bool kWholeWarp = false;
  GatherRowsArgs p;

  __device__ const void* Row(int64_t image, int row, int lane) const {
    const char* const x = static_cast<const char*>(p.x) + image * (p.prefix + p.rows) * p.row_bytes;
    if (row < p.prefix) return x + row * p.row_bytes;
    const int64_t element = image * p.picked + row - p.prefix;
    const int32_t id = p.ids[element];
    if (id >= 0 && id < p.rows) return x + (p.prefix + id) * p.row_bytes;
    if (lane == 0) ReportFault(p.fault, 1, element, id, 0, p.rows);
    return nullptr;
  }
};

struct ShiftedRow {
  static constexpr bool kWholeWarp = false;
  ShiftRowsArgs p;

  __device__ const void* Row(int64_t image, int row, int) const {
    const int from = row + p.shift;
    if (from < 0 || from >= p.x_rows) return p.fill;
    return static_cast<const char*>(p.x) + (image * p.x_rows + from) * p.row_bytes;
  }
};

// Rows of `patch` elements: of an image of y in the order of patch, channel, row.
struct PatchRow {
  static constexpr bool kWholeWarp = false;
  PatchifyArgs p;

  __device__ const void* Row(int64_t image, int row, int) const {
    const int grid_w = p.width / p.patch;
    const int i = row % p.patch, plane = row / p.patch;
    const int channel = plane % p.channels, patch = plane / p.channels;
    const int64_t line = (image * p.channels + channel) * p.height + patch / grid_w * p.patch + i;
    return static_cast<const char*>(p.images) +
           (line * p.width + patch % grid_w * p.patch) * p.element_bytes;
  }
};

// A warp has a row of y.
template <typename T, typename V>
__global__ void __launch_bounds__(kRowThreads, kRowBlocks) ScatterRowsKernel(ScatterRowsArgs<T> p) {
  const int lane = threadIdx.x % 32, row = RowOfThread(5);
  if (row >= p.rows) return;  // a whole warp
  for (int64_t image = blockIdx.y; image < p.images; image += gridDim.y) {
    const int32_t* const ids = p.ids + image * p.picked;
    if (row == 0) {
      for (int i = lane; i < p.picked; i += 32) {
        IsRow(p.fault, 1, image * p.picked + i, ids[i], p.rows);
      }
    }
    const T* const x = p.x + image * p.picked * p.cols;
    T* const y = p.y + (image * p.rows + row) * p.cols;
    for (int first = 0; first < p.cols; first += kRowVectors * 32 * V::count) {
      float sum[kRowVectors][V::count] = {};
      for (int i = 0; i < p.picked; i += 32) {
        uint32_t found = Matches(ids, p.picked, i, row);
        for (; found != 0; found &= found - 1) {
          const int64_t from = i + __ffs(static_cast<int>(found)) - 1;
#pragma unroll
          for (int k = 0; k < kRowVectors; ++k) {
            const int col = first + (k * 32 + lane) * V::count;
            if (col < p.cols) AddVector<V>(x + from * p.cols + col, sum[k]);
          }
        }
      }
#pragma unroll
      for (int k = 0; k < kRowVectors; ++k) {
        const int col = first + (k * 32 + lane) * V::count;
        if (col < p.cols) StoreVector<V>(sum[k], y + col);
      }
    }
  }
}

// One block, because y may lie over window: all threads have read before one of them writes.
template <typename T>
__global__ void __launch_bounds__(kRowThreads)
    AppendToWindowKernel(const T* window, const T* value, T* y, int64_t count) {
  for (int64_t first = 0; first < count; first += kRowThreads) {
    const int64_t i = first + threadIdx.x;
    T next = {};
    if (i < count) next = i + 1 < count ? window[i + 1] : *value;
    __syncthreads();
    if (i < count) y[i] = next;
  }
}

}  // namespace

int GatherRows(const GatherRowsArgs& p, Stream stream) {
  return CopyRows(GatheredRow{p}, p.y, p.images, p.prefix + p.picked, p.row_bytes, stream);
}

template <typename T>
int ScatterRows(const ScatterRowsArgs<T>& p, Stream stream) {
  if (p.images == 0 || p.rows == 0 || p.cols == 0) return 0;
  return VisitWidth<T>(p.cols, [&](auto vector) {
    return CUDA_LAUNCH((ScatterRowsKernel<T, decltype(vector)>), RowBlocks(p.images, p.rows, 5),
                       kRowThreads, 0, stream, p);
  });
}

int ShiftRows(const ShiftRowsArgs& p, Stream stream) {
  return CopyRows(ShiftedRow{p}, p.y, p.images, p.y_rows, p.row_bytes, stream);
}

int Patchify(const PatchifyArgs& p, Stream stream) {
  const int rows = p.channels * p.height * (p.width / p.patch);
  return CopyRows(PatchRow{p}, p.y, p.batch, rows, int64_t{p.patch} * p.element_bytes, stream);
}

template <typename T>
int AppendToWindow(const T* window, const T* value, T* y, int64_t count, Stream stream) {
  if (count == 0) return 0;
  return CUDA_LAUNCH(AppendToWindowKernel<T>, 1, kRowThreads, 0, stream, window, value, y, count);
}

#define INSTANTIATE(T)                                         \
  template int ScatterRows(const ScatterRowsArgs<T>&, Stream); \
  template int AppendToWindow(const T*, const T*, T*, int64_t, Stream);
INSTANTIATE(float)
INSTANTIATE(BFloat16)

}  // namespace backends::cuda
