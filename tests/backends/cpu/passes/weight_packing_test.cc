#include "backends/cpu/passes/passes.h"

#include <gtest/gtest.h>

#include "tests/graph/passes/pass_testing.h"

namespace backends::cpu {
namespace {

const graph::Pass kPass = WeightPackingPass();

TEST(WeightPackingPassTest, NothingToDo) {
  graph::ExpectUnchanged(kPass, "net empty");
  // The second factor is computed, or fed.
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,8]
    input w f32[4,8]
    state v f32[4,8]
    u f32[4,8] = Gelu(v) @act
    y f32[2,4] = MatMul(x, w) trans_w=1 @fc
    z f32[2,4] = MatMul(x, u) trans_w=1 @fc2
    output y
    output z)");
  // Not a product's weights, and no element type for products.
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f64[2,8]
    state w f64[4,8]
    state v f64[2,8]
    y f64[2,4] = MatMul(x, w) trans_w=1 @fc
    z f64[2,8] = Add(x, v) @add
    output y
    output z)");
}

TEST(WeightPackingPassTest, StatesOfProducts) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[2,3,8]
    state w f32[5,2,2,2]
    state b f32[5]
    state v f32[5,70]
    y f32[2,3,5] = Linear(x, w, b) activation="gelu" @fc
    z f32[2,3,70] = MatMul(y, v) trans_w=0 @fc2
    output z)",
                       R"(
    net t
    input x f32[2,3,8]
    state w f32[5,2,2,2]
    state b f32[5]
    state v f32[5,70]
    w.packed_nk_f32 f32[64,64] = PackWeights(w) dtype="f32" trans_w=1 @pack/w part=w
    y f32[2,3,5] = PackedLinear(x, w.packed_nk_f32, b) activation="gelu" cols=5 @fc
    v.packed_kn_f32 f32[64,128] = PackWeights(v) dtype="f32" trans_w=0 @pack/v part=v
    z f32[2,3,70] = PackedMatMul(y, v.packed_kn_f32) cols=70 @fc2
    output z)");
}

TEST(WeightPackingPassTest, OneCopyForEachOrientation) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[2,4]
    input times f32[2,4]
    state w f32[4,4]
    a f32[2,4] = MatMul(x, w) trans_w=1 @a
    b f32[2,4] = MatMul(a, w) trans_w=0 @b
    c f32[2,4] = MatMul(b, w, times) trans_w=0 @c
    d f32[2,4] = MatMul(c, w) trans_w=1 @d
    output d)",
                       R"(
    net t
    input x f32[2,4]
    input times f32[2,4]
    state w f32[4,4]
    w.packed_nk_f32 f32[64,64] = PackWeights(w) dtype="f32" trans_w=1 @pack/w part=w
    a f32[2,4] = PackedMatMul(x, w.packed_nk_f32) cols=4 @a
    w.packed_kn_f32 f32[64,64] = PackWeights(w) dtype="f32" trans_w=0 @pack/w~2 part=w
    b f32[2,4] = PackedMatMul(a, w.packed_kn_f32) cols=4 @b
    c f32[2,4] = PackedMatMul(b, w.packed_kn_f32, times) cols=4 @c
    d f32[2,4] = PackedMatMul(c, w.packed_nk_f32) cols=4 @d
    output d)");
}

TEST(WeightPackingPassTest, CastsGoAwayWithTheirLastReader) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x bf16[2,4]
    state w f32[4,4]
    state v f32[4,4]
    w.bf16 bf16[4,4] = Cast(w) dtype="bf16" @cast/w
    a bf16[2,4] = MatMul(x, w.bf16) trans_w=1 @a
    v.bf16 bf16[4,4] = Cast(v) dtype="bf16" @cast/v
    b bf16[2,4] = MatMul(a, v.bf16) trans_w=0 @b
    c bf16[4,4] = Gelu(v.bf16) @c
    output b
    output c)",
                       R"(
    net t
    input x bf16[2,4]
    state w f32[4,4]
    state v f32[4,4]
    w.packed_nk_bf16 bf16[64,64] = PackWeights(w) dtype="bf16" trans_w=1 @pack/w part=w
    a bf16[2,4] = PackedMatMul(x, w.packed_nk_bf16) cols=4 @a
    v.bf16 bf16[4,4] = Cast(v) dtype="bf16" @cast/v
    v.packed_kn_bf16 bf16[64,64] = PackWeights(v) dtype="bf16" trans_w=0 @pack/v part=v
    b bf16[2,4] = PackedMatMul(a, v.packed_kn_bf16) cols=4 @b
    c bf16[4,4] = Gelu(v.bf16) @c
    output b
    output c)");
}

TEST(WeightPackingPassTest, OneCopyForEachElementType) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[2,4]
    input h bf16[2,4]
    state w f32[4,4]
    a f32[2,4] = MatMul(x, w) trans_w=1 @a
    w.bf16 bf16[4,4] = Cast(w) dtype="bf16" @cast/w
    b f32[2,4] = MatMul(h, w.bf16) dtype="f32" trans_w=1 @b
    output a
    output b)",
                       R"(
    net t
    input x f32[2,4]
    input h bf16[2,4]
    state w f32[4,4]
    w.packed_nk_f32 f32[64,64] = PackWeights(w) dtype="f32" trans_w=1 @pack/w part=w
    a f32[2,4] = PackedMatMul(x, w.packed_nk_f32) cols=4 @a
    w.packed_nk_bf16 bf16[64,64] = PackWeights(w) dtype="bf16" trans_w=1 @pack/w~2 part=w
    b f32[2,4] = PackedMatMul(h, w.packed_nk_bf16) cols=4 dtype="f32" @b
    output a
    output b)");
}

// A packed copy holds the value at entry, so its readers may come after the state
// was written; what packs may not.
TEST(WeightPackingPassTest, PacksBeforeTheStateIsWritten) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[2,4]
    state w f32[4,4] -> w.out
    a f32[2,4] = MatMul(x, w) trans_w=1 @a
    w.out f32[4,4] = Scale(w) value=0.5 @step
    output a)",
                       R"(
    net t
    input x f32[2,4]
    state w f32[4,4] -> w.out
    w.packed_nk_f32 f32[64,64] = PackWeights(w) dtype="f32" trans_w=1 @pack/w part=w
    a f32[2,4] = PackedMatMul(x, w.packed_nk_f32) cols=4 @a
    w.out f32[4,4] = Scale(w) value=0.5 @step
    output a)");
  // Here the value at exit is multiplied, and a Cast of the value at entry after the
  // state was written.
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,4]
    input h bf16[2,4]
    state w f32[4,4] -> w.out
    w.bf16 bf16[4,4] = Cast(w) dtype="bf16" @cast/w
    w.out f32[4,4] = Scale(w) value=0.5 @step
    a f32[2,4] = MatMul(x, w.out) trans_w=1 @a
    b bf16[2,4] = MatMul(h, w.bf16) trans_w=1 @b
    output a
    output b)");
}

}  // namespace
}  // namespace backends::cpu
