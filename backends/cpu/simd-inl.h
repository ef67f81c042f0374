// Shared by loops in explicit vectors: f32 and bf16 in memory, f32 in registers, rows
// that do not fill whole vectors, and the terms of GELU. Included by .cc files that
// hwy/foreach_target.h compiles once for each instruction set (simd.h); everything is
// in backends::cpu::HWY_NAMESPACE.
//
// NaN propagates everywhere, because the trainer looks for it.
#ifndef BACKENDS_CPU_SIMD_INL_H_
#define BACKENDS_CPU_SIMD_INL_H_

#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "backends/cpu/simd.h"
#include "graph/base/bfloat16.h"

// Goes after the parameters of a lambda that is a loop's body: inlined, its constants
// stay in registers.
#define BACKENDS_CPU_INLINE __attribute__((always_inline))

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
// A bf16 in the upper half of each lane, garbage below: rounded to nearest, ties to even,
// like graph::BFloat16; hn::DemoteTo would truncate.
HWY_INLINE hn::Vec<U32Tag> RoundToUpper(F32 v) {
  const U32Tag d;
  const auto bits = hn::BitCast(d, v);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d, 1));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(d, 0x7fff)));
  // A NaN might round to infinity; its quiet bit survives.
  const auto quiet = hn::Or(bits, hn::Set(d, 0x400000));
  const auto nan = hn::RebindMask(d, hn::IsNaN(v));
  return hn::IfThenElse(nan, quiet, rounded);
}
HWY_INLINE hn::Vec<U16Tag> Narrow(F32 v) {
  return hn::DemoteTo(U16Tag(), hn::BitCast(I32Tag(), hn::ShiftRight<16>(RoundToUpper(v))));
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
  HWY_INLINE F32 Keep(F32 v) const { return hn::IfThenElseZero(hn::FirstN(F32Tag(), count), v); }
};

// Calls `body(i, memory)` for the vectors that begin at i = 0, kLanes, ... of n elements;
// `memory` is a Full, or a Part for an incomplete last one.
template <typename Body>
HWY_INLINE void ForEachVector(int64_t n, const Body& body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, Full());
  if (i < n) body(i, Part{n - i});
}

// Loops that treat all elements alike need not keep bf16 in order: elements at even places
// form one vector, those at odd places another, which saves a permutation.
template <typename V>
struct Two {
  V even, odd;
};

struct FullTwo {
  HWY_INLINE Two<F32> Load(const graph::BFloat16* p) const {
    const auto bits = hn::BitCast(U32Tag(), hn::LoadU(hn::Repartition<uint16_t, F32Tag>(),
                                                      reinterpret_cast<const uint16_t*>(p)));
    return {hn::BitCast(F32Tag(), hn::ShiftLeft<16>(bits)),
            hn::BitCast(F32Tag(), hn::And(bits, hn::Set(U32Tag(), 0xffff0000u)))};
  }
  HWY_INLINE void Store(Two<F32> v, graph::BFloat16* p) const {
    const hn::Repartition<uint16_t, F32Tag> d;
    const auto even = hn::ShiftRight<16>(RoundToUpper(v.even));
    const auto bits = hn::OrAnd(even, RoundToUpper(v.odd), hn::Set(U32Tag(), 0xffff0000u));
    hn::StoreU(hn::BitCast(d, bits), d, reinterpret_cast<uint16_t*>(p));
  }
};

// fn(v), or fn of both vectors of a Two.
template <typename Fn>
HWY_INLINE auto Each(F32 v, const Fn& fn) {
  return fn(v);
}
template <typename Fn>
HWY_INLINE auto Each(Two<F32> v, const Fn& fn) -> Two<decltype(fn(v.even))> {
  return {fn(v.even), fn(v.odd)};
}
template <typename Fn>
HWY_INLINE F32 Each(F32 a, F32 b, const Fn& fn) {
  return fn(a, b);
}
template <typename Fn>
HWY_INLINE Two<F32> Each(Two<F32> a, Two<F32> b, const Fn& fn) {
  return {fn(a.even, b.even), fn(a.odd, b.odd)};
}

// Like ForEachVector if all tensors are of type T; pass what `memory` loads through Each.
template <typename T, typename Body>
HWY_INLINE void ForEachElement(int64_t n, const Body& body) {
  int64_t i = 0;
  if constexpr (std::is_same_v<T, graph::BFloat16>) {
    for (; i + 2 * kLanes <= n; i += 2 * kLanes) body(i, FullTwo());
  }
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

// The integer nearest to `x`, |x| < 2^22, as a float, and that integer + `bias` as an
// exponent.
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

// The terms of GELU and its derivative, as exact as T needs: Φ(x) has a relative error of
// about 1e-6 for f32 and 6e-4 for bf16, whose rounding error is up to 2e-3.
struct GeluTerms {
  F32 cdf;   // Φ(x)
  F32 bell;  // e^(-x²/2)
};
template <typename T>
HWY_INLINE GeluTerms TermsOfGelu(F32 x) {
  constexpr bool kExact = std::is_same_v<T, float>;
  // 2^f on [-1/2, 1/2] and Φ(-u)·e^(u²/2)/t for t = 1/(1 + s·u), u in [0, 13.4]:
  // Chebyshev interpolations, relative errors 1e-7 and 4e-7, or 1e-4 and 7e-5.
  constexpr float kExp2[] = {1.00000008f,   0.693147188f,   0.240221075f,
                             0.0555035711f, 0.00967603192f, 0.00133908634f};
  constexpr float kTail[] = {0.126961408f,  0.126706492f,  0.114768334f,  0.0918171147f,
                             0.0250532375f, 0.0989294668f, -0.116869433f, 0.0326334944f};
  constexpr float kShortExp2[] = {0.999924557f, 0.693136734f, 0.242639479f, 0.0558382829f};
  constexpr float kShortTail[] = {0.154945294f, 0.159080281f, 0.104352156f, 0.170155492f,
                                  -0.0885632188f};
  const F32 s = Set(kExact ? 0.318198052f : 0.388908730f);
  // log2 of the bell, bounded where its power becomes 0. Max and Min of this processor
  // return the second operand if one is NaN.
  const F32 a = hn::Max(Set(-127.0f), hn::Mul(hn::Mul(x, x), Set(-0.72134752f)));
  const Nearest n = RoundToNearest(a, 127);
  const F32 f = hn::Sub(a, n.integer);
  const F32 divisor = hn::MulAdd(hn::Min(hn::Abs(x), Set(16.0f)), s, Set(1.0f));
  F32 t = hn::ApproximateReciprocal(divisor);
  F32 bell, ratio;
  if constexpr (kExact) {
    t = hn::Mul(t, hn::NegMulAdd(divisor, t, Set(2.0f)));  // Newton's iteration
    bell = hn::Mul(Polynomial(f, kExp2), n.power);
    ratio = Polynomial(t, kTail);
  } else {
    bell = hn::Mul(Polynomial(f, kShortExp2), n.power);
    ratio = Polynomial(t, kShortTail);
  }
  const F32 tail = hn::Mul(hn::Mul(bell, t), ratio);  // Φ(-|x|)
  return {hn::IfThenElse(hn::Lt(x, Zero()), tail, hn::Sub(Set(1.0f), tail)), bell};
}
HWY_INLINE F32 GeluOf(F32 x, const GeluTerms& terms) { return hn::Mul(x, terms.cdf); }
HWY_INLINE F32 GeluDerivativeOf(F32 x, const GeluTerms& terms) {
  return hn::MulAdd(hn::Mul(x, Set(0.398942280f)), terms.bell, terms.cdf);
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // BACKENDS_CPU_SIMD_INL_TARGET_
