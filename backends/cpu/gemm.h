// Products of one thread, for loops that are parallel over something else.
#ifndef BACKENDS_CPU_GEMM_H_
#define BACKENDS_CPU_GEMM_H_

#include <cstdint>

namespace backends::cpu {

// A row-major f32 matrix whose rows are `stride` elements apart.
template <typename T>
struct MatrixView {
  T* data;
  int64_t rows;
  int64_t cols;
  int64_t stride;
};
using ConstMatrix = MatrixView<const float>;
using MutableMatrix = MatrixView<float>;

// c = alpha·a·b, alpha·a·bᵀ, alpha·aᵀ·b. c overlaps neither factor. Call them
// where OpenMP would give one thread: in a parallel region, or under
// ThreadBudget(1).
void Multiply(float alpha, ConstMatrix a, ConstMatrix b, MutableMatrix c);
void MultiplyTransposedB(float alpha, ConstMatrix a, ConstMatrix b, MutableMatrix c);
void MultiplyTransposedA(float alpha, ConstMatrix a, ConstMatrix b, MutableMatrix c);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_GEMM_H_
