#include <gtest/gtest.h>

#include "backends/cuda/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace backends::cuda {
namespace {

const graph::Pass kPass = LinearResidualFusionPass();

TEST(LinearResidualFusionPassTest, NothingToDo) {
  graph::ExpectUnchanged(kPass, "net empty");
  // No product, and one with an activation.
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,5]
    input r f32[4,6]
    state w f32[6,5]
    state b f32[6]
    p f32[4,6] = Linear(x, w, b) activation="gelu" @fc
    s f32[4,6] = Add(r, p) @sum
    u f32[4,6] = Add(s, r) @other
    output u)");
}

// Drop path: residual_norm_fusion joins these.
TEST(LinearResidualFusionPassTest, AScaledBranchStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,5]
    input r f32[4,6]
    input k f32[3,4]
    state w f32[6,5]
    state b f32[6]
    p f32[4,6] = Linear(x, w, b) activation="none" @proj
    q f32[4,6] = ScaleImages(p, k) index=2 @drop_path
    s f32[4,6] = Add(r, q) @residual
    output s)");
}

TEST(LinearResidualFusionPassTest, TheProductAddsTheResidual) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[4,5]
    input r f32[4,6]
    state w f32[6,5]
    state b f32[6]
    p f32[4,6] = Linear(x, w, b) activation="none" @proj part=blocks.0.attn.proj
    u f32[4,6] = Gelu(r) @act
    s f32[4,6] = Add(r, p) @residual
    q f32[4,6] = Linear(x, w, b) activation="none" @again
    v f32[4,6] = Add(q, s) @turned
    output u
    output v)",
                       R"(
    net t
    input x f32[4,5]
    input r f32[4,6]
    state w f32[6,5]
    state b f32[6]
    u f32[4,6] = Gelu(r) @act
    s f32[4,6] = LinearResidual(x, w, b, r) @proj part=blocks.0.attn.proj
    v f32[4,6] = LinearResidual(x, w, b, s) @again
    output u
    output v)");
}

// One of two products takes the other in.
TEST(LinearResidualFusionPassTest, OfTwoProductsTheSecondAdds) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[4,5]
    state w f32[6,5]
    state v f32[6,5]
    state b f32[6]
    p f32[4,6] = Linear(x, w, b) activation="none" @one
    q f32[4,6] = Linear(x, v, b) activation="none" @two
    s f32[4,6] = Add(p, q) @sum
    output s)",
                       R"(
    net t
    input x f32[4,5]
    state w f32[6,5]
    state v f32[6,5]
    state b f32[6]
    p f32[4,6] = Linear(x, w, b) activation="none" @one
    s f32[4,6] = LinearResidual(x, v, b, p) @two
    output s)");
}

// The running sum of a product: in place.
TEST(LinearResidualFusionPassTest, TheResidualMayBeAStateThatIsOverwritten) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[4,5]
    state w f32[6,5]
    state b f32[6]
    state r f32[4,6] -> r.out
    p f32[4,6] = Linear(x, w, b) activation="none" @fc
    r.out f32[4,6] = Add(r, p) @sum)",
                       R"(
    net t
    input x f32[4,5]
    state w f32[6,5]
    state b f32[6]
    state r f32[4,6] -> r.out
    r.out f32[4,6] = LinearResidual(x, w, b, r) @fc)");
}

TEST(LinearResidualFusionPassTest, WhatIsReadTwiceOrRepeatedStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,5]
    input r f32[4,6]
    input row f32[6]
    state w f32[6,5]
    state b f32[6]
    p f32[4,6] = Linear(x, w, b) activation="none" @fc
    s f32[4,6] = Add(r, p) @sum
    t f32[4,6] = Add(s, p) @again
    output t)");
}

// The sum is computed a second time, the product is not.
TEST(LinearResidualFusionPassTest, ASumOfAnotherPhaseStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,5]
    input r f32[4,6]
    state w f32[6,5]
    state b f32[6]
    p f32[4,6] = Linear(x, w, b) activation="none" @fc
    s f32[4,6] = Add(r, p) @sum phase=backward recomputed
    output s)");
}

TEST(LinearResidualFusionPassTest, AStateThatIsOverwrittenBetweenTheTwoStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,5]
    input r f32[4,6]
    input g f32[6]
    state w f32[6,5]
    state b f32[6] -> b.out
    p f32[4,6] = Linear(x, w, b) activation="none" @fc
    b.out f32[6] = Add(b, g) @update
    s f32[4,6] = Add(r, p) @sum
    output s)");
  // By the sum itself.
  graph::ExpectUnchanged(kPass, R"(
    net t
    input r f32[6,6]
    state w f32[6,6] -> w.out
    state b f32[6]
    p f32[6,6] = Linear(r, w, b) activation="none" @fc
    w.out f32[6,6] = Add(r, p) @sum)");
}

}  // namespace
}  // namespace backends::cuda
