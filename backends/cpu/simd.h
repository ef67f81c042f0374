// Chooses at run time between loops in explicit vectors that are compiled for two
// instruction sets. The vectors are Highway's; simd-inl.h has what loops share.
//
// hwy/foreach_target.h compiles a file of such loops twice. The code that makes a
// kernel chooses:
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

// Whether loops use AVX-512 rather than AVX2. Asks oneDNN about the processor, so that
// ONEDNN_MAX_CPU_ISA limits them, too.
bool UseAvx512();

}  // namespace backends::cpu

// The address of a function in backends::cpu::HWY_NAMESPACE, compiled for the set that
// UseAvx512() chooses. For use inside namespace backends::cpu only.
#define BACKENDS_CPU_CHOOSE(...) \
  (::backends::cpu::UseAvx512() ? &N_AVX3::__VA_ARGS__ : &N_AVX2::__VA_ARGS__)

#endif  // BACKENDS_CPU_SIMD_H_
