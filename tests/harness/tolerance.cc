#include "tests/harness/tolerance.h"

namespace harness {
namespace {

// "Seen" is the largest error in all cases of tests/ops and CpuAttention, with AVX2 and with
// AVX-512; without it, all results were bit-equal. A wrong factor of 1.01 exceeds the bound
// itself in f32, and kBiasBound in bf16.
constexpr Tolerance kF32 = {
    1e-5, "sums of a few hundred products in f32, in any order; seen 4.4e-6 (LayerNormGrad)"};
constexpr Tolerance kBF16 = {
    1e-2, "f32 sums, the result rounded to eight bits: the next number is 7.8e-3 off; seen 6.9e-3"};
constexpr Tolerance kF64 = {1e-12, "the same operations in double; the reference backend only"};

// For one backend, because the bound depends on how its kernel computes.
struct Override {
  const char* backend;
  const char* op_type;
  graph::DType dtype;
  Tolerance tolerance;
};

const Override kOverrides[] = {
    {"cpu", "EmbeddingDrop", graph::DType::kF32, {1e-7, "one rounding"}},
    {"cpu", "EmbeddingDropGrad", graph::DType::kF32, {1e-7, "accumulated in double, rounded once"}},
    {"cpu", "RestoreRows", graph::DType::kF32, {0, "a copy"}},
    {"cpu", "RestoreRowsGrad", graph::DType::kF32, {1e-7, "accumulated in double, rounded once"}},
    {"cpu",
     "PositionWeights",
     graph::DType::kF32,
     {3e-6, "f32 cosines over tau, exponentiated; seen 5.1e-7"}},
    {"cpu", "GatheredPositionWeights", graph::DType::kF32, {3e-6, "the same; seen 8.5e-8"}},
    {"cpu",
     "SmoothedPositionCE",
     graph::DType::kF32,
     {1e-6, "exponentials in f32, sums in double; seen 1.2e-7"}},
    {"cpu", "SmoothedPositionCEGrad", graph::DType::kF32, {1e-6, "the same; seen 2.1e-7"}},
    {"cpu",
     "PixelLoss",
     graph::DType::kF32,
     {1e-6, "targets rounded to f32, sums in double; seen 5.9e-8"}},
    {"cpu", "PixelLossGrad", graph::DType::kF32, {1e-6, "targets rounded to f32; seen 1.2e-7"}},
    {"cpu", "Cast", graph::DType::kF32, {0, "exact"}},
    {"cpu", "Cast", graph::DType::kBF16, {0, "the same rounding"}},
    {"cpu", "Fill", graph::DType::kF32, {0, "one constant"}},
    {"cpu", "ConstantFill", graph::DType::kF32, {0, "one constant"}},
    {"cpu", "XavierFill", graph::DType::kF32, {0, "all backends share ops/initializer"}},
    {"cpu", "StopGradient", graph::DType::kF32, {0, "a copy"}},
    {"cpu", "Add", graph::DType::kF32, {1e-7, "one rounding"}},
    {"cpu", "BiasAdd", graph::DType::kF32, {1e-7, "one rounding"}},
    {"cpu", "Scale", graph::DType::kF32, {2e-7, "two roundings; seen 9.9e-8"}},
    {"cpu", "DropPathScales", graph::DType::kF32, {0, "the same integers and quotients"}},
    {"cuda", "DropPathScales", graph::DType::kF32, {0, "the same integers and quotients"}},
    {"cpu", "ScaleImages", graph::DType::kF32, {1e-7, "one rounding"}},
    {"cuda", "ScaleImages", graph::DType::kF32, {1e-7, "one rounding"}},
    {"cpu", "Patchify", graph::DType::kF32, {0, "a copy"}},
    {"cpu", "GatherRows", graph::DType::kF32, {0, "a copy"}},
    {"cpu", "SliceRows", graph::DType::kF32, {0, "a copy"}},
    {"cpu", "PadRows", graph::DType::kF32, {0, "a copy"}},
    {"cpu", "PrependToken", graph::DType::kF32, {0, "a copy"}},
    {"cuda", "Patchify", graph::DType::kF32, {0, "a copy"}},
    {"cuda", "Patchify", graph::DType::kBF16, {0, "a copy"}},
    {"cuda", "GatherRows", graph::DType::kF32, {0, "a copy"}},
    {"cuda", "GatherRows", graph::DType::kBF16, {0, "a copy"}},
    {"cuda", "SliceRows", graph::DType::kF32, {0, "a copy"}},
    {"cuda", "SliceRows", graph::DType::kBF16, {0, "a copy"}},
    {"cuda", "PadRows", graph::DType::kF32, {0, "a copy"}},
    {"cuda", "PadRows", graph::DType::kBF16, {0, "a copy"}},
    {"cuda", "PrependToken", graph::DType::kF32, {0, "a copy"}},
    {"cuda", "PrependToken", graph::DType::kBF16, {0, "a copy"}},
    {"cuda", "AppendToWindow", graph::DType::kF32, {0, "a copy"}},
    {"cuda", "AppendToWindow", graph::DType::kBF16, {0, "a copy"}},
    {"cuda", "RestoreRows", graph::DType::kF32, {0, "a copy"}},
    {"cuda", "RestoreRows", graph::DType::kBF16, {0, "a copy"}},
    {"cuda", "RestoreRowsGrad", graph::DType::kF32, {1e-7, "accumulated in double, rounded once"}},
    {"cuda", "EmbeddingDrop", graph::DType::kF32, {1e-7, "one rounding"}},
    {"cuda",
     "EmbeddingDropGrad",
     graph::DType::kF32,
     {1e-7, "accumulated in double, rounded once"}},
    {"cpu", "GradNorm", graph::DType::kF32, {1e-7, "accumulated in double, rounded once"}},
    {"cpu", "ClipFactors", graph::DType::kF32, {1e-7, "computed in double, rounded once"}},
};

}  // namespace

Tolerance ToleranceFor(absl::string_view backend, absl::string_view op_type, graph::DType dtype) {
  for (const Override& entry : kOverrides) {
    if (backend == entry.backend && op_type == entry.op_type && dtype == entry.dtype) {
      return entry.tolerance;
    }
  }
  return dtype == graph::DType::kF64 ? kF64 : dtype == graph::DType::kBF16 ? kBF16 : kF32;
}

}  // namespace harness
