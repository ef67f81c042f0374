// Why not oneDNN or Eigen: dnnl_sgemm, and the matmul primitive that oneDNN picks
// for plain matrices, allocate a packing buffer at each call, and Eigen as this
// build compiles it does not use AVX-512.
#include "backends/cpu/gemm.h"

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "backends/cpu/gemm_kernel.h"
#include "backends/cpu/onednn.h"
#include "backends/cpu/simd.h"

namespace backends::cpu {
namespace {

constexpr int64_t kWidest = 16;  // floats of the widest vector

// Columns of each panel except the last.
int64_t PanelCols() { return UseAvx512() ? 64 : 16; }

// `rows` whole rows of a panel; the width is a constant, so each is a few moves.
template <int kWidth>
void CopyRows(const float* from, int64_t stride, int64_t rows, float* panel) {
  for (int64_t k = 0; k < rows; ++k) std::copy_n(from + k * stride, kWidth, panel + k * kWidth);
}

// to[i * to_stride + j] = from[j * from_stride + i] for i, j in [0, 8).
void Transpose8x8(const float* from, int64_t from_stride, float* to, int64_t to_stride) {
  __m256 a[8], b[8];
  for (int i = 0; i < 8; ++i) a[i] = _mm256_loadu_ps(from + i * from_stride);
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(to + i * to_stride, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
    _mm256_storeu_ps(to + (i + 4) * to_stride, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
  }
}

// Packs a panel of a matrix whose columns are dense in memory.
void PackTransposed(const float* from, int64_t col_stride, int64_t rows, int64_t cols,
                    int64_t width, float* panel) {
  const int64_t whole_cols = cols / 8 * 8, whole_rows = rows / 8 * 8;
  for (int64_t j = 0; j < whole_cols; j += 8) {
    for (int64_t k = 0; k < whole_rows; k += 8) {
      Transpose8x8(from + j * col_stride + k, col_stride, panel + k * width + j, width);
    }
  }
  for (int64_t k = 0; k < rows; ++k) {
    float* to = panel + k * width;
    for (int64_t j = k < whole_rows ? whole_cols : 0; j < cols; ++j)
      to[j] = from[j * col_stride + k];
    std::fill(to + cols, to + width, 0.0f);
  }
}

// `cols` columns from `from` as dense rows of `width`, filled up with zeros.
void PackPanel(ConstMatrix b, int64_t begin, int64_t cols, int64_t width, float* panel) {
  const float* from = b.data + begin * b.col_stride;
  if (b.row_stride == 1) return PackTransposed(from, b.col_stride, b.rows, cols, width, panel);
  if (b.col_stride == 1 && cols == width) {
    if (width == 64) return CopyRows<64>(from, b.row_stride, b.rows, panel);
    if (width == 32) return CopyRows<32>(from, b.row_stride, b.rows, panel);
    if (width == 16) return CopyRows<16>(from, b.row_stride, b.rows, panel);
  }
  for (int64_t k = 0; k < b.rows; ++k) {
    float* to = panel + k * width;
    for (int64_t j = 0; j < cols; ++j) to[j] = from[k * b.row_stride + j * b.col_stride];
    std::fill(to + cols, to + width, 0.0f);
  }
}

// Calls `fn(begin, cols, vectors, offset)` for each panel; `offset` is the panel's
// place, in floats.
template <typename Function>
void ForEachPanel(int64_t depth, int64_t all_cols, const Function& fn) {
  const int64_t lanes = UseAvx512() ? 16 : 8, step = PanelCols();
  for (int64_t begin = 0; begin < all_cols; begin += step) {
    const int64_t cols = std::min(step, all_cols - begin);
    fn(begin, cols, (cols + lanes - 1) / lanes, begin * depth);
  }
}

}  // namespace

bool HasAmx() {
  static const bool has = [] {
    constexpr int kRequestPermission = 0x1023, kTileData = 18;  // of Linux' arch_prctl
    return HasIsa(dnnl_cpu_isa_avx512_core_amx) &&
           syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return has;
}

size_t PackedFloats(int64_t rows, int64_t cols) {
  return static_cast<size_t>(rows * ((cols + kWidest - 1) / kWidest * kWidest));
}

void Pack(ConstMatrix b, float* packed) {
  const int64_t lanes = UseAvx512() ? 16 : 8;
  ForEachPanel(b.rows, b.cols, [&](int64_t begin, int64_t cols, int64_t vectors, int64_t offset) {
    PackPanel(b, begin, cols, vectors * lanes, packed + offset);
  });
}

void MultiplyPacked(ConstMatrix a, const float* packed, MutableMatrix c) {
  const bool avx512 = UseAvx512();
  ForEachPanel(a.cols, c.cols, [&](int64_t begin, int64_t cols, int64_t vectors, int64_t offset) {
    const PanelProduct product = {a.rows,          cols,           a.cols,
                                  a.data,          a.row_stride,   a.col_stride,
                                  packed + offset, c.data + begin, c.row_stride};
    if (avx512) return MultiplyPanelAvx512(product, static_cast<int>(vectors));
    // Of the 16 registers, sums take 12, the panel's row takes two and the factor one.
    if (vectors == 1) return MultiplyPanelImpl<8, 1, 12>(product);
    MultiplyPanelImpl<8, 2, 6>(product);
  });
}

}  // namespace backends::cpu
