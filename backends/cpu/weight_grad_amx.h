// c (m, n) = aᵀ·b for bf16 a (rows, m) and b (rows, n) on AMX tiles, f32 result.
// Call these only where HasAmx() (gemm.h), in a team of threads that each hold an
// AmxSession (amx_session.h).
//
// Sums go over the rows, so both factors must be packed. The narrower one is packed
// once for all threads and streamed. Of the wider one each thread packs as many panels
// (32 columns) at a time as its second-level cache holds. Each element is one sum in
// row order, for any team.
#ifndef BACKENDS_CPU_WEIGHT_GRAD_AMX_H_
#define BACKENDS_CPU_WEIGHT_GRAD_AMX_H_

#include <cstddef>
#include <cstdint>

namespace backends::cpu {

class AmxWeightGrad {
 public:
  // For teams of up to `threads`. All sizes are at least 1.
  AmxWeightGrad(int64_t rows, int64_t m, int64_t n, int threads);

  // Bytes of `scratch`, which is aligned to 64 bytes.
  size_t scratch_bytes() const { return shared_bytes_ + threads_ * own_bytes_; }

  // Rows are processed in blocks. For each block every thread of the team calls Pack() and,
  // after all have returned, Multiply(); after all have returned from that, the next block may
  // start.
  int64_t blocks() const { return blocks_; }
  void Pack(const uint16_t* a, const uint16_t* b, int64_t block, int thread, int team,
            void* scratch) const;
  void Multiply(const uint16_t* a, const uint16_t* b, int64_t block, int thread, int team,
                void* scratch, float* c) const;

 private:
  struct Sums;

  template <bool kKeepsLeft>
  void MultiplyPart(const uint16_t* kept, int64_t block, int64_t part, const char* shared,
                    char* own, float* c) const;
  int64_t BlockRows(int64_t block) const;

  const int64_t rows_, m_, n_;
  const int threads_;
  const bool keeps_left_;  // a is the wider factor
  int64_t kept_panels_, streamed_panels_;
  int64_t kept_parts_, streamed_parts_;  // a thread works on one of each
  int64_t blocks_, block_rows_;          // block_rows_ is a multiple of 32
  int64_t group_;                        // panels that a thread keeps
  size_t shared_bytes_, own_bytes_;
};

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_WEIGHT_GRAD_AMX_H_
