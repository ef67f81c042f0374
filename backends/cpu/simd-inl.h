// What loops in explicit vectors share: f32 and bf16 in memory, f32 in registers,
// rows that are no whole number of vectors, exp, and the terms of GELU. Included by
// .cc files that hwy/foreach_target.h compiles once for each instruction set
// (simd.h); everything is in backends::cpu::HWY_NAMESPACE.
//
// NaN goes in and comes out everywhere: the trainer looks for it.
#ifndef BACKENDS_CPU_SIMD_INL_H_
#define BACKENDS_CPU_SIMD_INL_H_

#include <cstdint>
#include <cstring>
#include <limits>

#include "backends/cpu/simd.h"
#include "graph/base/bfloat16.h"

#endif  // BACKENDS_CPU_SIMD_INL_H_

// What follows is compiled once for each target.
#if defined(BACKENDS_CPU_SIMD_INL_TARGET_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKENDS_CPU_SIMD_INL_TARGET_
#undef BACKENDS_CPU_SIMD_INL_TARGET_
#else
#define BACKENDS_CPU_SIMD_INL_TARGET_
#endif

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using F32Tag = hn::ScalableTag<float>;
using I32Tag = hn::RebindToSigned<F32Tag>;
using U32Tag = hn::RebindToUnsigned<F32Tag>;
using U16Tag = hn::Rebind<uint16_t, F32Tag>;
using F32 = hn::Vec<F32Tag>;

constexpr int64_t kLanes = hn::MaxLanes(F32Tag());

HWY_INLINE F32 Set(float value) { return hn::Set(F32Tag(), value); }
HWY_INLINE F32 Zero() { return hn::Zero(F32Tag()); }

// bf16 is the upper half of an f32.
HWY_INLINE F32 Widen(hn::Vec<U16Tag> bits) {
  return hn::BitCast(F32Tag(), hn::ShiftLeft<16>(hn::PromoteTo(U32Tag(), bits)));
}
// To nearest, ties to even, as graph::BFloat16 does it; hn::DemoteTo would truncate.
HWY_INLINE hn::Vec<U16Tag> Narrow(F32 v) {
  const U32Tag d;
  const auto bits = hn::BitCast(d, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d, 1));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(d, 0x7fff)));
  // A NaN might round to infinity; its quiet bit survives.
  const auto quiet = hn::Or(bits, hn::Set(d, 0x400000));
  const auto nan = hn::RebindMask(d, hn::IsNaN(v));
  const auto upper = hn::ShiftRight<16>(hn::IfThenElse(nan, quiet, rounded));
  return hn::DemoteTo(U16Tag(), hn::BitCast(I32Tag(), upper));
}

// Whole vectors in memory, f32 or bf16, of any alignment.
struct Full {
  HWY_INLINE F32 Load(const float* p) const { return hn::LoadU(F32Tag(), p); }
  HWY_INLINE F32 Load(const graph::BFloat16* p) const {
    return Widen(hn::LoadU(U16Tag(), reinterpret_cast<const uint16_t*>(p)));
  }
  HWY_INLINE void Store(F32 v, float* p) const { hn::StoreU(v, F32Tag(), p); }
  HWY_INLINE void Store(F32 v, graph::BFloat16* p) const {
    hn::StoreU(Narrow(v), U16Tag(), reinterpret_cast<uint16_t*>(p));
  }
  // v where there are elements, else 0.
  HWY_INLINE F32 Keep(F32 v) const { return v; }
};

// The first `count` elements of a vector; the others read as 0 and are not written.
struct Part {
  int64_t count;

  HWY_INLINE F32 Load(const float* p) const {
    return hn::MaskedLoad(hn::FirstN(F32Tag(), count), F32Tag(), p);
  }
  HWY_INLINE F32 Load(const graph::BFloat16* p) const {
    HWY_ALIGN uint16_t bits[kLanes] = {};
    std::memcpy(bits, p, count * sizeof(bits[0]));
    return Widen(hn::Load(U16Tag(), bits));
  }
  HWY_INLINE void Store(F32 v, float* p) const {
    hn::BlendedStore(v, hn::FirstN(F32Tag(), count), F32Tag(), p);
  }
  HWY_INLINE void Store(F32 v, graph::BFloat16* p) const {
    HWY_ALIGN uint16_t bits[kLanes];
    hn::Store(Narrow(v), U16Tag(), bits);
    std::memcpy(static_cast<void*>(p), bits, count * sizeof(bits[0]));
  }
  HWY_INLINE F32 Keep(F32 v) const {
    return hn::IfThenElseZero(hn::FirstN(F32Tag(), count), v);
  }
};

// `body(i, memory)` for the vectors that begin at i = 0, kLanes, ... of n elements;
// `memory` is a Full, or a Part for the last.
template <typename Body>
HWY_INLINE void ForEachVector(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, Full());
  if (i < n) body(i, Part{n - i});
}

// The sum of the lanes, in a fixed order.
HWY_INLINE float SumOfLanes(F32 v) { return hn::GetLane(hn::SumOfLanes(F32Tag(), v)); }

// c[0] + c[1]·x + c[2]·x² + ...
template <size_t kTerms>
HWY_INLINE F32 Polynomial(F32 x, const float (&c)[kTerms]) {
  F32 sum = Set(c[kTerms - 1]);
#pragma GCC unroll 16
  for (size_t i = 2; i <= kTerms; ++i) sum = hn::MulAdd(sum, x, Set(c[kTerms - i]));
  return sum;
}

// The integer nearest to `x`, |x| < 2^22, as a float, and (that integer + `bias`) in
// the place of an exponent.
struct Nearest {
  F32 integer;
  F32 power;  // 2^(integer + bias - 127), for exponents of normal floats
};
HWY_INLINE Nearest RoundToNearest(F32 x, int bias) {
  const F32 magic = Set(0x1.8p23f);
  const F32 shifted = hn::Add(x, magic);
  const auto bits = hn::Add(hn::BitCast(I32Tag(), shifted), hn::Set(I32Tag(), bias));
  return {hn::Sub(shifted, magic), hn::BitCast(F32Tag(), hn::ShiftLeft<23>(bits))};
}

// e^x to about 2 ulp; 0 below e^-86.6 (2.5e-38), so for -inf; inf above the largest
// float; NaN for NaN.
HWY_INLINE F32 Exp(F32 x) {
  // x = n·ln 2 + r, |r| <= ln 2 / 2. Minimax of twice e^r: then the power is that of
  // n - 1, which a float holds for the largest n, too.
  constexpr float kTwiceExp[] = {2.0f,           2.00000008f,   1.00000001f,  0.33332831f,
                                 0.0833327058f, 0.0167502528f, 0.00278822168f};
  const Nearest n = RoundToNearest(hn::Mul(x, Set(1.44269504f)), 126);
  F32 r = hn::NegMulAdd(n.integer, Set(0.693145752f), x);
  r = hn::NegMulAdd(n.integer, Set(1.42860677e-06f), r);
  const F32 result = hn::Mul(Polynomial(r, kTwiceExp), n.power);
  const F32 inf = Set(std::numeric_limits<float>::infinity());
  return hn::IfThenElse(hn::Gt(x, Set(88.7228394f)), inf,
                        hn::IfThenZeroElse(hn::Lt(x, Set(-86.6f)), result));
}

// What GELU and its derivative are made of.
struct GeluTerms {
  F32 cdf;   // Φ(x), to about 1e-6 of itself
  F32 bell;  // e^(-x²/2)
};
HWY_INLINE GeluTerms TermsOfGelu(F32 x) {
  // 2^f on [-1/2, 1/2] and Φ(-u)·e^(u²/2)/t for t = 1/(1 + 0.45·u/√2), u in
  // [0, 13.4]: Chebyshev interpolations, relative errors 1e-7 and 4e-7.
  constexpr float kExp2[] = {1.00000008f,   0.693147188f,   0.240221075f,
                             0.0555035711f, 0.00967603192f, 0.00133908634f};
  constexpr float kTail[] = {0.126961408f,  0.126706492f,  0.114768334f,  0.0918171147f,
                             0.0250532375f, 0.0989294668f, -0.116869433f, 0.0326334944f};
  const F32 a = hn::Mul(hn::Mul(x, x), Set(-0.72134752f));  // log2 of the bell
  const Nearest n = RoundToNearest(a, 127);
  const F32 power = hn::Mul(Polynomial(hn::Sub(a, n.integer), kExp2), n.power);
  const F32 bell = hn::IfThenZeroElse(hn::Lt(a, Set(-126.0f)), power);
  // One step of Newton's iteration; bounded, as infinity has none.
  const F32 divisor =
      hn::MulAdd(hn::Min(hn::Abs(x), Set(16.0f)), Set(0.318198052f), Set(1.0f));
  const F32 guess = hn::ApproximateReciprocal(divisor);
  const F32 t = hn::Mul(guess, hn::NegMulAdd(divisor, guess, Set(2.0f)));
  const F32 tail = hn::Mul(hn::Mul(bell, t), Polynomial(t, kTail));  // Φ(-|x|)
  return {hn::IfThenElse(hn::Lt(x, Zero()), tail, hn::Sub(Set(1.0f), tail)), bell};
}
HWY_INLINE F32 GeluOf(F32 x, const GeluTerms& terms) { return hn::Mul(x, terms.cdf); }
HWY_INLINE F32 GeluDerivativeOf(F32 x, const GeluTerms& terms) {
  return hn::MulAdd(hn::Mul(x, Set(0.398942280f)), terms.bell, terms.cdf);
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // BACKENDS_CPU_SIMD_INL_TARGET_
