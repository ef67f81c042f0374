// Why not oneDNN's or Eigen's: dnnl_sgemm, and the matmul primitive that oneDNN
// picks for plain matrices, take a packing buffer from the heap at each call,
// and Eigen as this build compiles it knows no AVX-512.
#include "backends/cpu/gemm.h"

#include <algorithm>

#include "backends/cpu/gemm_isa.h"
#include "backends/cpu/onednn.h"

namespace backends::cpu {
namespace {

constexpr int64_t kMaxPanel = 64;  // four vectors of AVX-512

// As oneDNN sees the processor, so that ONEDNN_MAX_CPU_ISA limits us, too.
bool HasAvx512() {
  static const bool has =
      (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
  return has;
}

// `rows` whole rows of a panel; the width is a constant, so each is a few moves.
template <int kWidth>
void CopyRows(const float* from, int64_t stride, int64_t rows, float* panel) {
  for (int64_t k = 0; k < rows; ++k) std::copy_n(from + k * stride, kWidth, panel + k * kWidth);
}

// Columns [begin, begin + cols) of b as dense rows of `width`, zeros behind.
void Pack(ConstMatrix b, int64_t begin, int64_t cols, int64_t width, float* panel) {
  const float* from = b.data + begin * b.col_stride;
  if (b.col_stride == 1) {
    if (cols == width) {
      if (width == 64) return CopyRows<64>(from, b.row_stride, b.rows, panel);
      if (width == 32) return CopyRows<32>(from, b.row_stride, b.rows, panel);
      if (width == 16) return CopyRows<16>(from, b.row_stride, b.rows, panel);
    }
    for (int64_t k = 0; k < b.rows; ++k) {
      float* to = panel + k * width;
      for (int64_t j = 0; j < width; ++j) to[j] = j < cols ? from[k * b.row_stride + j] : 0.0f;
    }
    return;
  }
  // Eight rows of the panel at a time, so that both sides stay in few cache lines.
  for (int64_t k0 = 0; k0 < b.rows; k0 += 8) {
    const int64_t k1 = std::min(k0 + 8, b.rows);
    for (int64_t j = 0; j < cols; ++j) {
      for (int64_t k = k0; k < k1; ++k) {
        panel[k * width + j] = from[k * b.row_stride + j * b.col_stride];
      }
    }
    for (int64_t k = k0; k < k1; ++k) {
      std::fill(panel + k * width + cols, panel + (k + 1) * width, 0.0f);
    }
  }
}

}  // namespace

size_t PanelFloats(int64_t depth) { return static_cast<size_t>(depth) * kMaxPanel; }

void Multiply(ConstMatrix a, ConstMatrix b, MutableMatrix c, float* panel) {
  const bool avx512 = HasAvx512();
  const int64_t lanes = avx512 ? 16 : 8;
  const int64_t step = avx512 ? kMaxPanel : 2 * lanes;
  for (int64_t begin = 0; begin < c.cols; begin += step) {
    const int64_t cols = std::min(step, c.cols - begin);
    const int vectors = static_cast<int>((cols + lanes - 1) / lanes);
    Pack(b, begin, cols, vectors * lanes, panel);
    const PanelProduct product = {c.rows,       cols,  a.cols,         a.data,      a.row_stride,
                                  a.col_stride, panel, c.data + begin, c.row_stride};
    if (avx512) {
      MultiplyPanelAvx512(product, vectors);
    } else {
      MultiplyPanelAvx2(product, vectors);
    }
  }
}

}  // namespace backends::cpu
