// Attention in bf16 on AMX tiles: one head of one image, on one thread. Only where
// HasAmx() (gemm.h).
//
// Factors are bf16, sums and softmax f32. Probabilities and ds are rounded to bf16
// before they enter the next products; results are rounded once.
#ifndef BACKENDS_CPU_ATTENTION_AMX_H_
#define BACKENDS_CPU_ATTENTION_AMX_H_

#include <cstddef>
#include <cstdint>

#include "backends/cpu/amx_rows.h"

namespace backends::cpu {

struct AmxHead {
  AmxRows<const uint16_t> q, k, v;
  int64_t width;  // of a head
  float scale;    // of q·kᵀ
};

// Computes y and lse for the y.rows rows of q that `ids` names, or for all if it is
// null. `scratch` holds AmxForwardBytes() and is aligned to 64 bytes.
void AmxForward(const AmxHead& head, const int32_t* ids, AmxRows<uint16_t> y, float* lse,
                const AmxNext& next, void* scratch);
size_t AmxForwardBytes(int64_t queries, int64_t tokens, int64_t head_width);

// Computes dq, dk, dv from y, lse and dy, for all queries. None of the outputs may
// be an input. `scratch` holds AmxBackwardBytes() and is aligned to 64 bytes.
struct AmxGradients {
  AmxRows<uint16_t> dq, dk, dv;
};
void AmxBackward(const AmxHead& head, AmxRows<const uint16_t> y, const float* lse,
                 AmxRows<const uint16_t> dy, const AmxGradients& out, const AmxNext& next,
                 void* scratch);
size_t AmxBackwardBytes(int64_t tokens, int64_t head_width);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_ATTENTION_AMX_H_
