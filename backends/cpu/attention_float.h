// Attention in f32: one head of one image, on one thread.
#ifndef BACKENDS_CPU_ATTENTION_FLOAT_H_
#define BACKENDS_CPU_ATTENTION_FLOAT_H_

#include <cstddef>
#include <cstdint>

#include "backends/cpu/gemm.h"

namespace backends::cpu {

// k and v (tokens, dh), q (queries, dh); rows may be any stride apart.
struct FloatHead {
  ConstMatrix q, k, v;
  float scale;  // of q·kᵀ
};

// Computes y (queries, dh) and lse (queries). `scratch` holds FloatForwardFloats().
void FloatForward(const FloatHead& head, MutableMatrix y, float* lse, float* scratch);
size_t FloatForwardFloats(int64_t tokens, int64_t head_width);

// Computes dq, dk, dv from y, lse and dy, for all queries. None of the outputs may
// be an input. `scratch` holds FloatBackwardFloats().
struct FloatGradients {
  MutableMatrix dq, dk, dv;
};
void FloatBackward(const FloatHead& head, ConstMatrix y, const float* lse, ConstMatrix dy,
                   const FloatGradients& out, float* scratch);
size_t FloatBackwardFloats(int64_t tokens, int64_t head_width);

// The steps between its products in AVX-512 vectors (attention_rows_avx512.cc), as ExpRows() and
// GradientRows() of attention_float.cc. Only where the processor has them.
void ExpRowsAvx512(MutableMatrix scores, float scale, float* lse, float* inverse);
void GradientRowsAvx512(MutableMatrix scores, float scale, const float* lse, const float* delta,
                        float* dp);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_ATTENTION_FLOAT_H_
