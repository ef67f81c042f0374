#include <gtest/gtest.h>

#include "backends/cuda/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace backends::cuda {
namespace {

const graph::Pass kPass = GeluFusionPass();

TEST(GeluFusionPassTest, NothingToDo) {
  graph::ExpectUnchanged(kPass, "net empty");
  // No product beside them.
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,6]
    input dy f32[4,6]
    y f32[4,6] = Gelu(x) @act
    dx f32[4,6] = GeluGrad(x, dy) @grad/act phase=backward
    output y
    output dx)");
}

TEST(GeluFusionPassTest, ForwardAndBackward) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[4,5]
    input dz f32[4,3]
    state w f32[6,5]
    state b f32[6]
    state v f32[3,6]
    state c f32[3]
    p f32[4,6] = Linear(x, w, b) activation="none" @fc1
    y f32[4,6] = Gelu(p) @act
    z f32[4,3] = Linear(y, v, c) activation="none" @fc2
    dy f32[4,6] = MatMul(dz, v) trans_w=0 @grad/fc2 part=fc2 phase=backward
    dv f32[3,6] = MatMulWeightGrad(dz, y) shape=[3,6] @grad/fc2.w part=fc2 phase=backward
    dp f32[4,6] = GeluGrad(p, dy) @grad/act part=act phase=backward
    output z
    output dv
    output dp)",
                       R"(
    net t
    input x f32[4,5]
    input dz f32[4,3]
    state w f32[6,5]
    state b f32[6]
    state v f32[3,6]
    state c f32[3]
    y f32[4,6], p f32[4,6] = LinearGelu(x, w, b) @fc1
    z f32[4,3] = Linear(y, v, c) activation="none" @fc2
    dp f32[4,6] = MatMulGeluGrad(dz, v, p) trans_w=0 @grad/fc2 part=fc2 phase=backward
    dv f32[3,6] = MatMulWeightGrad(dz, y) shape=[3,6] @grad/fc2.w part=fc2 phase=backward
    output z
    output dv
    output dp)");
}

// linear_fusion makes one operator of them that stores no pre-activation.
TEST(GeluFusionPassTest, APreActivationThatNobodyKeepsStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,5]
    state w f32[6,5]
    state b f32[6]
    p f32[4,6] = Linear(x, w, b) activation="none" @fc1
    y f32[4,6] = Gelu(p) @act
    output y)");
}

// Someone wants to compute the GELU a second time instead of keeping it.
TEST(GeluFusionPassTest, AGeluThatIsRecomputedAloneStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,5]
    state w f32[6,5]
    state b f32[6]
    p f32[4,6] = Linear(x, w, b) activation="none" @fc1
    y f32[4,6] = Gelu(p) @act phase=backward recomputed
    output p
    output y)");
}

TEST(GeluFusionPassTest, AGradientWithOtherReadersStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input p f32[4,6]
    input dz f32[4,3]
    state v f32[3,6]
    dy f32[4,6] = MatMul(dz, v) trans_w=0 @product
    dp f32[4,6] = GeluGrad(p, dy) @grad
    output dy
    output dp)");
}

TEST(GeluFusionPassTest, AProductThatIsMultipliedAlreadyStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input p f32[4,6]
    input dz f32[4,3]
    input d f32[4,6]
    state v f32[3,6]
    dy f32[4,6] = MatMul(dz, v, d) trans_w=0 @product
    dp f32[4,6] = GeluGrad(p, dy) @grad
    output dp)");
}

TEST(GeluFusionPassTest, APreActivationBehindTheProductStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,6]
    input dz f32[4,3]
    state v f32[3,6]
    dy f32[4,6] = MatMul(dz, v) trans_w=0 @product
    p f32[4,6] = Add(x, x) @sum
    dp f32[4,6] = GeluGrad(p, dy) @grad
    output dp)");
}

// The products would write the states before `old` is made of their values at entry.
TEST(GeluFusionPassTest, AStateAtExitStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,5]
    input dz f32[4,3]
    state w f32[6,5]
    state b f32[6]
    state v f32[3,6]
    state s f32[4,6] -> s.out
    state t f32[4,6] -> t.out
    p f32[4,6] = Linear(x, w, b) activation="none" @fc1
    dy f32[4,6] = MatMul(dz, v) trans_w=0 @product
    old f32[4,6] = Add(s, t) @old
    s.out f32[4,6] = Gelu(p) @act
    t.out f32[4,6] = GeluGrad(p, dy) @grad
    output old)");
}

}  // namespace
}  // namespace backends::cuda
