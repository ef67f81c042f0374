// Products on one thread, for loops that are parallel over something else.
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
  // Rows [begin, begin + count).
  MatrixView Rows(int64_t begin, int64_t count) const {
    return {data + begin * row_stride, count, cols, row_stride, col_stride};
  }
};
using ConstMatrix = MatrixView<const float>;
using MutableMatrix = MatrixView<float>;

inline ConstMatrix Const(MutableMatrix m) {
  return {m.data, m.rows, m.cols, m.row_stride, m.col_stride};
}

// Whether the processor has AMX for bf16 and 8-bit integers and the operating system lets this
// process use it; the first call asks for that permission.
bool HasAmx();

// The number of floats of a packed (rows, cols) factor; fills whole cache lines.
size_t PackedFloats(int64_t rows, int64_t cols);

// Packs `b` for any number of products. `packed` holds PackedFloats(b.rows, b.cols)
// and is aligned to 64 bytes.
void Pack(ConstMatrix b, float* packed);

// c = a·b for a packed b. c's columns are dense, and c overlaps neither factor.
// Allocates nothing. Every element is one sum in the order of k.
void MultiplyPacked(ConstMatrix a, const float* packed, MutableMatrix c);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_GEMM_H_
