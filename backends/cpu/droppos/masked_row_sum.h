// The gradient of a mask token: the sum over the rows that it replaced.
#ifndef BACKENDS_CPU_DROPPOS_MASKED_ROW_SUM_H_
#define BACKENDS_CPU_DROPPOS_MASKED_ROW_SUM_H_

#include <cstddef>
#include <cstdint>

namespace backends::cpu::droppos {

// Images of `prefix` + `rows` rows of `dim` numbers; the prefix rows have no mask.
struct MaskedRows {
  int64_t batch, prefix, rows, dim;

  // For MaskedRowSum: sums in double for each image.
  size_t scratch_bytes() const { return batch * dim * sizeof(double); }
};

// sum (dim) = the sum of the rows x[b, prefix + r] where mask[b, r] is not 0: in
// double per image, then over the images in index order, rounded once.
void MaskedRowSum(const MaskedRows& shape, const float* x, const uint8_t* mask, void* scratch,
                  int threads, float* sum);

}  // namespace backends::cpu::droppos

#endif  // BACKENDS_CPU_DROPPOS_MASKED_ROW_SUM_H_
