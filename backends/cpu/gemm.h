// Products of one thread, for loops that are parallel over something else.
#ifndef BACKENDS_CPU_GEMM_H_
#define BACKENDS_CPU_GEMM_H_

#include <cstddef>
#include <cstdint>

namespace backends::cpu {

// An f32 matrix: element (i, k) is data[i * row_stride + k * col_stride].
template <typename T>
struct MatrixView {
  T* data;
  int64_t rows;
  int64_t cols;
  int64_t row_stride;
  int64_t col_stride = 1;

  MatrixView Transposed() const { return {data, cols, rows, col_stride, row_stride}; }
};
using ConstMatrix = MatrixView<const float>;
using MutableMatrix = MatrixView<float>;

inline ConstMatrix Const(MutableMatrix m) {
  return {m.data, m.rows, m.cols, m.row_stride, m.col_stride};
}

// The floats of `panel` that products of this depth need, a whole number of
// cache lines.
size_t PanelFloats(int64_t depth);

// c = a·b, where c's columns are dense. `panel` holds PanelFloats(a.cols) and is
// aligned to 64 bytes; c overlaps neither it nor a factor. Allocates nothing.
// Every element is one sum in the order of k.
void Multiply(ConstMatrix a, ConstMatrix b, MutableMatrix c, float* panel);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_GEMM_H_
