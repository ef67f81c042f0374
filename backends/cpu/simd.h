// Loops in explicit vectors: how code compiled for two instruction sets is chosen
// at run time. The vectors themselves are Highway's; simd-inl.h has what loops share.
//
// A file of such loops is compiled twice by hwy/foreach_target.h, and the choice is
// made where a kernel is made:
//
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "backends/cpu/x.cc"
//   // clang-format off
//   #include "hwy/foreach_target.h"  // must come before simd-inl.h
//   #include "backends/cpu/simd-inl.h"
//   // clang-format on
//
//   HWY_BEFORE_NAMESPACE();
//   namespace backends::cpu::HWY_NAMESPACE { void Loop(...) {...} }
//   HWY_AFTER_NAMESPACE();
//
//   #if HWY_ONCE
//   ... const auto loop = BACKENDS_CPU_CHOOSE(Loop); ... loop(...);
//   #endif
#ifndef BACKENDS_CPU_SIMD_H_
#define BACKENDS_CPU_SIMD_H_

namespace backends::cpu {

// Whether loops use AVX-512, else AVX2: as oneDNN sees the processor, so that
// ONEDNN_MAX_CPU_ISA limits them, too.
bool UseAvx512();

}  // namespace backends::cpu

// The address of a function of namespace backends::cpu::HWY_NAMESPACE, compiled for
// what UseAvx512() says. Inside namespace backends::cpu only.
#define BACKENDS_CPU_CHOOSE(...) \
  (::backends::cpu::UseAvx512() ? &N_AVX3::__VA_ARGS__ : &N_AVX2::__VA_ARGS__)

#endif  // BACKENDS_CPU_SIMD_H_
