// The register tile of gemm.cc, for vectors of kLanes floats. Each including file
// compiles it for another instruction set, so all that is defined here has internal linkage
// and uses nothing from the standard library.
#ifndef BACKENDS_CPU_GEMM_KERNEL_H_
#define BACKENDS_CPU_GEMM_KERNEL_H_

#include <cstdint>

namespace backends::cpu {

// c (rows, cols) = a (rows, depth) · a packed panel: `depth` dense rows of floats, each as wide as
// `cols` rounded up to whole vectors. Columns beyond `cols` are computed but not stored.
struct PanelProduct {
  int64_t rows, cols, depth;
  const float* a;  // a(i, k) is a[i * a_row_stride + k * a_depth_stride]
  int64_t a_row_stride, a_depth_stride;
  const float* panel;
  float* c;
  int64_t c_stride;  // between rows; columns are dense
};

// For vectors of 16 floats (gemm_avx512.cc); `vectors` is the panel's width, 1 to 4; only where the
// processor has AVX-512.
void MultiplyPanelAvx512(const PanelProduct& p, int vectors);

namespace {

template <int kLanes>
struct VectorOf {
  typedef float Type __attribute__((vector_size(kLanes * 4), aligned(4), may_alias));
};

// kRows x (kVectors vectors) of c = a·b over all of k. b is a packed panel.
template <int kLanes, int kRows, int kVectors>
void Tile(int64_t depth, const float* a, int64_t row_stride, int64_t depth_stride, const float* b,
          float* c, int64_t c_stride, int64_t cols) {
  using V = typename VectorOf<kLanes>::Type;
  V sum[kRows][kVectors] = {};
  for (int64_t k = 0; k < depth; ++k) {
    V row[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      row[v] = *reinterpret_cast<const V*>(b + (k * kVectors + v) * kLanes);
    }
    const float* column = a + k * depth_stride;
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const float factor = column[r * row_stride];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] += factor * row[v];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
    float* to = c + r * c_stride;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      if ((v + 1) * kLanes <= cols) {
        *reinterpret_cast<V*>(to + v * kLanes) = sum[r][v];
      } else {
        float last[kLanes];
        *reinterpret_cast<V*>(last) = sum[r][v];
        for (int64_t j = v * kLanes; j < cols; ++j) to[j] = last[j - v * kLanes];
      }
    }
  }
}

template <int kLanes, int kVectors, int kRows>
void TileOf(int64_t rows, const PanelProduct& p, const float* a, float* c) {
  if constexpr (kRows > 0) {
    if (rows == kRows) {
      Tile<kLanes, kRows, kVectors>(p.depth, a, p.a_row_stride, p.a_depth_stride, p.panel, c,
                                    p.c_stride, p.cols);
    } else {
      TileOf<kLanes, kVectors, kRows - 1>(rows, p, a, c);
    }
  }
}

// All rows, in tiles of nearly equal heights of at most kMaxRows.
template <int kLanes, int kVectors, int kMaxRows>
void MultiplyPanelImpl(const PanelProduct& p) {
  const int64_t tiles = (p.rows + kMaxRows - 1) / kMaxRows;
  for (int64_t t = 0; t < tiles; ++t) {
    const int64_t begin = p.rows * t / tiles, end = p.rows * (t + 1) / tiles;
    TileOf<kLanes, kVectors, kMaxRows>(end - begin, p, p.a + begin * p.a_row_stride,
                                       p.c + begin * p.c_stride);
  }
}

}  // namespace
}  // namespace backends::cpu

#endif  // BACKENDS_CPU_GEMM_KERNEL_H_
