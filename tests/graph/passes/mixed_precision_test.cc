#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "graph/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

Pass MakePass(ComputePrecision precision, std::vector<PartPrecision> overrides = {}) {
  PipelineOptions options;
  options.precision = precision;
  options.precision_overrides = std::move(overrides);
  return MixedPrecisionPass(options);
}

const Pass kPass = MakePass(ComputePrecision::kBF16);

constexpr char kMlp[] = R"(
    net t
    input x f32[4,6]
    state g f32[6]
    state h f32[6]
    state w f32[8,6]
    state b f32[8]
    state v f32[6,8]
    state c f32[6]
    n f32[4,6], m f32[4], s f32[4] = LayerNorm(x, g, h) eps=1e-06 @norm
    p f32[4,8] = Linear(n, w, b) activation="gelu" @fc1
    q f32[4,6] = Linear(p, v, c) activation="none" @fc2
    y f32[4,6] = Add(x, q) @residual
    output y)";

TEST(MixedPrecisionPassTest, NothingToDo) {
  ExpectUnchanged(MakePass(ComputePrecision::kF32), kMlp);
  ExpectUnchanged(MakePass(ComputePrecision::kF32,
                           {{"fc1", ComputePrecision::kF32}, {"fc2", ComputePrecision::kF32}}),
                  kMlp);
  ExpectUnchanged(MakePass(ComputePrecision::kBF16,
                           {{"", ComputePrecision::kF32}, {"fc1", ComputePrecision::kBF16}}),
                  kMlp);
  ExpectUnchanged(kPass, "net empty");
  // f64 and integers are none of its business; nor is f32 where no schema speaks.
  ExpectUnchanged(kPass, R"(
    net t
    input x f64[2,3,6]
    input ids i32[2,2]
    input z f32[2,3,6]
    state w f64[8,6]
    p f64[2,3,8] = MatMul(x, w) trans_w=1 @fc
    y f64[2,3,8] = Gelu(p) @act
    s f32[2,2,6] = GatherRows(z, ids) @gather
    output y
    output s)");
}

constexpr char kLowMlp[] = R"(
    net t
    input x f32[4,6]
    state g f32[6]
    state h f32[6]
    state w f32[8,6]
    state b f32[8]
    state v f32[6,8]
    state c f32[6]
    n bf16[4,6], m f32[4], s f32[4] = LayerNorm(x, g, h) eps=1e-06 dtype="bf16" @norm
    w.bf16 bf16[8,6] = Cast(w) dtype="bf16" @cast/w.bf16 part=w
    p bf16[4,8] = Linear(n, w.bf16, b) activation="gelu" dtype="bf16" @fc1
    v.bf16 bf16[6,8] = Cast(v) dtype="bf16" @cast/v.bf16 part=v
    q bf16[4,6] = Linear(p, v.bf16, c) activation="none" dtype="bf16" @fc2
    y f32[4,6] = Add(x, q) @residual
    output y)";

TEST(MixedPrecisionPassTest, OneCastForEachMatrixNoneForActivations) {
  ExpectRewrite(kPass, kMlp, kLowMlp);
  // 8-bit products are another pass's: their neighbours keep the net's precision.
  ExpectRewrite(MakePass(ComputePrecision::kBF16, {{"fc1", ComputePrecision::kInt8Products},
                                                   {"fc2", ComputePrecision::kInt8Products}}),
                kMlp, kLowMlp);
  ExpectUnchanged(MakePass(ComputePrecision::kF32, {{"fc1", ComputePrecision::kInt8Products},
                                                    {"fc2", ComputePrecision::kInt8Products}}),
                  kMlp);
  ExpectRewrite(MakePass(ComputePrecision::kF32, {{"", ComputePrecision::kBF16}}), kMlp, kLowMlp);
}

TEST(MixedPrecisionPassTest, TheFirstPartThatAnOperatorLiesInDecides) {
  // Without fc2 the activation is asked for in f32, and stays in it.
  ExpectRewrite(MakePass(ComputePrecision::kBF16, {{"fc2", ComputePrecision::kF32},
                                                   {"fc1", ComputePrecision::kBF16},
                                                   {"norm", ComputePrecision::kF32}}),
                kMlp, R"(
    net t
    input x f32[4,6]
    state g f32[6]
    state h f32[6]
    state w f32[8,6]
    state b f32[8]
    state v f32[6,8]
    state c f32[6]
    n f32[4,6], m f32[4], s f32[4] = LayerNorm(x, g, h) eps=1e-06 @norm
    n.bf16 bf16[4,6] = Cast(n) dtype="bf16" @cast/n.bf16 part=norm
    w.bf16 bf16[8,6] = Cast(w) dtype="bf16" @cast/w.bf16 part=w
    p f32[4,8] = Linear(n.bf16, w.bf16, b) activation="gelu" dtype="f32" @fc1
    q f32[4,6] = Linear(p, v, c) activation="none" @fc2
    y f32[4,6] = Add(x, q) @residual
    output y)");
}

// The weight's Cast stands before its first reader, an activation's behind its writer,
// and both serve all readers.
TEST(MixedPrecisionPassTest, CastsAreShared) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,3,6]
    input i i32[2,2]
    state w f32[6,6]
    r f32[2,2,6] = GatherRows(x, i) @gather
    k f32[2,2,6] = Scale(r) value=2.0 @scale
    a f32[2,2,6] = MatMul(r, w) trans_w=1 @a
    b f32[2,2,6] = MatMul(r, w) trans_w=0 @b
    s f32[2,2,6] = Add(a, b) @sum
    t f32[2,2,6] = Add(s, k) @sum2
    output t)",
                R"(
    net t
    input x f32[2,3,6]
    input i i32[2,2]
    state w f32[6,6]
    r f32[2,2,6] = GatherRows(x, i) @gather
    r.bf16 bf16[2,2,6] = Cast(r) dtype="bf16" @cast/r.bf16 part=gather
    k f32[2,2,6] = Scale(r) value=2.0 @scale
    w.bf16 bf16[6,6] = Cast(w) dtype="bf16" @cast/w.bf16 part=w
    a bf16[2,2,6] = MatMul(r.bf16, w.bf16) trans_w=1 dtype="bf16" @a
    a.f32 f32[2,2,6] = Cast(a) dtype="f32" @cast/a.f32 part=a
    b bf16[2,2,6] = MatMul(r.bf16, w.bf16) trans_w=0 dtype="bf16" @b
    s f32[2,2,6] = Add(a.f32, b) @sum
    t f32[2,2,6] = Add(s, k) @sum2
    output t)");
}

// Nobody but products wants this sum of gradients, so it may be bf16.
TEST(MixedPrecisionPassTest, ASumThatIsWantedInLowPrecision) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[4,6]
    state w f32[6,6]
    a f32[4,6] = MatMul(x, w) trans_w=1 @a
    b f32[4,6] = MatMul(x, w) trans_w=0 @b
    s f32[4,6] = Add(a, b) @sum
    y f32[4,6] = MatMul(s, w) trans_w=0 @c
    output y)",
                R"(
    net t
    input x f32[4,6]
    state w f32[6,6]
    x.bf16 bf16[4,6] = Cast(x) dtype="bf16" @cast/x.bf16 part=a
    w.bf16 bf16[6,6] = Cast(w) dtype="bf16" @cast/w.bf16 part=w
    a bf16[4,6] = MatMul(x.bf16, w.bf16) trans_w=1 dtype="bf16" @a
    b bf16[4,6] = MatMul(x.bf16, w.bf16) trans_w=0 dtype="bf16" @b
    s bf16[4,6] = Add(a, b) @sum
    y f32[4,6] = MatMul(s, w.bf16) trans_w=0 dtype="f32" @c
    output y)");
}

// The same sum, but it leaves the net as well: as an output or as a state's value at exit
// it is not rounded to bf16.
TEST(MixedPrecisionPassTest, ASumThatLeavesTheNetStaysF32) {
  for (const bool at_exit : {false, true}) {
    SCOPED_TRACE(at_exit);
    const std::string state = at_exit ? "state s f32[4,6] -> s.out" : "";
    const std::string output = at_exit ? "" : "output s.out";
    ExpectRewrite(kPass, R"(
    net t
    input x f32[4,6]
    state w f32[6,6]
    )" + state + R"(
    a f32[4,6] = MatMul(x, w) trans_w=1 @a
    b f32[4,6] = MatMul(x, w) trans_w=0 @b
    s.out f32[4,6] = Add(a, b) @sum
    y f32[4,6] = MatMul(s.out, w) trans_w=0 @c
    output y
    )" + output,
                  R"(
    net t
    input x f32[4,6]
    state w f32[6,6]
    )" + state + R"(
    x.bf16 bf16[4,6] = Cast(x) dtype="bf16" @cast/x.bf16 part=a
    w.bf16 bf16[6,6] = Cast(w) dtype="bf16" @cast/w.bf16 part=w
    a bf16[4,6] = MatMul(x.bf16, w.bf16) trans_w=1 dtype="bf16" @a
    a.f32 f32[4,6] = Cast(a) dtype="f32" @cast/a.f32 part=a
    b bf16[4,6] = MatMul(x.bf16, w.bf16) trans_w=0 dtype="bf16" @b
    s.out f32[4,6] = Add(a.f32, b) @sum
    s.out.bf16 bf16[4,6] = Cast(s.out) dtype="bf16" @cast/s.out.bf16 part=sum
    y f32[4,6] = MatMul(s.out.bf16, w.bf16) trans_w=0 dtype="f32" @c
    output y
    )" + output);
  }
}

TEST(MixedPrecisionPassTest, OutputsWithoutAChoiceAreCastBack) {
  // Gelu writes what it reads: the reader that wants f32 gets a copy, and an output
  // of the net keeps name and type.
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,3,6]
    input i i32[2,2]
    state w f32[6,6]
    p f32[2,3,6] = MatMul(x, w) trans_w=1 @a
    y f32[2,3,6] = Gelu(p) @act
    r f32[2,2,6] = GatherRows(y, i) @gather
    q f32[2,3,6] = MatMul(y, w) trans_w=1 @b
    z f32[2,3,6] = Gelu(q) @act2
    k f32[2,3,6] = MatMul(z, w) trans_w=1 @c
    output r
    output z
    output k)",
                R"(
    net t
    input x f32[2,3,6]
    input i i32[2,2]
    state w f32[6,6]
    x.bf16 bf16[2,3,6] = Cast(x) dtype="bf16" @cast/x.bf16 part=a
    w.bf16 bf16[6,6] = Cast(w) dtype="bf16" @cast/w.bf16 part=w
    p bf16[2,3,6] = MatMul(x.bf16, w.bf16) trans_w=1 dtype="bf16" @a
    y bf16[2,3,6] = Gelu(p) @act
    y.f32 f32[2,3,6] = Cast(y) dtype="f32" @cast/y.f32 part=act
    r f32[2,2,6] = GatherRows(y.f32, i) @gather
    q bf16[2,3,6] = MatMul(y, w.bf16) trans_w=1 dtype="bf16" @b
    z.bf16 bf16[2,3,6] = Gelu(q) @act2
    z f32[2,3,6] = Cast(z.bf16) dtype="f32" @cast/z part=act2
    k f32[2,3,6] = MatMul(z.bf16, w.bf16) trans_w=1 dtype="f32" @c
    output r
    output z
    output k)");
}

TEST(MixedPrecisionPassTest, StatesAtExitKeepTheirType) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[4,6]
    input dy f32[4,8]
    state w f32[8,6] -> w.out
    state s f32[4,6] -> s.out
    dw f32[8,6] = MatMulWeightGrad(dy, x) shape=[8,6] @grad
    s.out f32[4,6] = MatMul(dy, w) trans_w=0 @keep
    w.out f32[8,6] = Add(w, dw) @update
    y f32[4,8] = MatMul(x, w.out) trans_w=1 @after
    output y)",
                R"(
    net t
    input x f32[4,6]
    input dy f32[4,8]
    state w f32[8,6] -> w.out
    state s f32[4,6] -> s.out
    dy.bf16 bf16[4,8] = Cast(dy) dtype="bf16" @cast/dy.bf16 part=grad
    x.bf16 bf16[4,6] = Cast(x) dtype="bf16" @cast/x.bf16 part=grad
    dw f32[8,6] = MatMulWeightGrad(dy.bf16, x.bf16) shape=[8,6] @grad
    w.bf16 bf16[8,6] = Cast(w) dtype="bf16" @cast/w.bf16 part=w
    s.out f32[4,6] = MatMul(dy.bf16, w.bf16) trans_w=0 dtype="f32" @keep
    w.out f32[8,6] = Add(w, dw) @update
    w.out.bf16 bf16[8,6] = Cast(w.out) dtype="bf16" @cast/w.out.bf16 part=update
    y f32[4,8] = MatMul(x.bf16, w.out.bf16) trans_w=1 dtype="f32" @after
    output y)");
}

// The residual's gradient is f32 and goes on in f32; products get one bf16 copy.
TEST(MixedPrecisionPassTest, GradientsOfABlock) {
  ExpectRewrite(kPass, R"(
    net t
    input dr f32[4,6]
    input x f32[4,6]
    input n f32[4,6]
    input p f32[4,6]
    input m f32[4]
    input v f32[4]
    state g f32[6]
    state w f32[6,6]
    dp f32[4,6] = MatMul(dr, w) trans_w=0 @grad/fc/x part=blocks.0.fc phase=backward
    dw f32[6,6] = MatMulWeightGrad(dr, n) shape=[6,6] @grad/fc/w part=blocks.0.fc phase=backward
    db f32[6] = SumToShape(dr) shape=[6] @grad/fc/b part=blocks.0.fc phase=backward
    dn f32[4,6] = GeluGrad(p, dp) @grad/act part=blocks.0.act phase=backward
    dx f32[4,6], dg f32[6], dh f32[6] = LayerNormGrad(x, g, m, v, dn, dr) eps=1e-06 @grad/norm part=blocks.0.norm phase=backward
    output dw
    output db
    output dx
    output dg
    output dh)",
                R"(
    net t
    input dr f32[4,6]
    input x f32[4,6]
    input n f32[4,6]
    input p f32[4,6]
    input m f32[4]
    input v f32[4]
    state g f32[6]
    state w f32[6,6]
    dr.bf16 bf16[4,6] = Cast(dr) dtype="bf16" @cast/dr.bf16 part=blocks.0.fc phase=backward
    w.bf16 bf16[6,6] = Cast(w) dtype="bf16" @cast/w.bf16 part=w phase=backward
    dp bf16[4,6] = MatMul(dr.bf16, w.bf16) trans_w=0 dtype="bf16" @grad/fc/x part=blocks.0.fc phase=backward
    n.bf16 bf16[4,6] = Cast(n) dtype="bf16" @cast/n.bf16 part=blocks.0.fc phase=backward
    dw f32[6,6] = MatMulWeightGrad(dr.bf16, n.bf16) shape=[6,6] @grad/fc/w part=blocks.0.fc phase=backward
    db f32[6] = SumToShape(dr) shape=[6] @grad/fc/b part=blocks.0.fc phase=backward
    p.bf16 bf16[4,6] = Cast(p) dtype="bf16" @cast/p.bf16 part=blocks.0.act phase=backward
    dn bf16[4,6] = GeluGrad(p.bf16, dp) @grad/act part=blocks.0.act phase=backward
    dx f32[4,6], dg f32[6], dh f32[6] = LayerNormGrad(x, g, m, v, dn, dr) eps=1e-06 @grad/norm part=blocks.0.norm phase=backward
    output dw
    output db
    output dx
    output dg
    output dh)");
}

}  // namespace
}  // namespace graph
