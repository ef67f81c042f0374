#include "backends/cpu/passes/passes.h"

#include <gtest/gtest.h>

#include "tests/graph/passes/pass_testing.h"

namespace backends::cpu {
namespace {

const graph::Pass kPass = GeluDerivativePass();

TEST(GeluDerivativePassTest, NothingToDo) {
  graph::ExpectUnchanged(kPass, "net empty");
  // No gradient; a gradient that comes from outside.
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,6]
    input z f32[4,6]
    input dy f32[4,6]
    y f32[4,6] = Gelu(x) @act
    u f32[4,6] = Gelu(z) @other
    dx f32[4,6] = GeluGrad(x, dy) @grad/act
    output y
    output u
    output dx)");
}

TEST(GeluDerivativePassTest, TheProductTakesTheDerivative) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[4,6]
    input dz f32[4,5]
    state w f32[5,6]
    y f32[4,6] = Gelu(x) @op1 part=blocks.0.act
    z f32[4,5] = MatMul(y, w) trans_w=1 @fc2
    dy f32[4,6] = MatMul(dz, w) trans_w=0 @op2 part=blocks.0.fc2 phase=backward
    dw f32[5,6] = MatMulWeightGrad(dz, y) shape=[5,6] @op3 part=blocks.0.fc2 phase=backward
    dx f32[4,6] = GeluGrad(x, dy) @op4 part=blocks.0.act phase=backward
    output z
    output dw
    output dx)",
                       R"(
    net t
    input x f32[4,6]
    input dz f32[4,5]
    state w f32[5,6]
    y f32[4,6], y.derivative f32[4,6] = GeluWithDerivative(x) @op1 part=blocks.0.act
    z f32[4,5] = MatMul(y, w) trans_w=1 @fc2
    dx f32[4,6] = MatMul(dz, w, y.derivative) trans_w=0 @op2 part=blocks.0.fc2 phase=backward
    dw f32[5,6] = MatMulWeightGrad(dz, y) shape=[5,6] @op3 part=blocks.0.fc2 phase=backward
    output z
    output dw
    output dx)");
}

TEST(GeluDerivativePassTest, TwoGradientsShareOneDerivative) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[4,6]
    input a f32[4,6]
    input b f32[4,6]
    state w f32[6,6]
    y f32[4,6] = Gelu(x) @act
    da f32[4,6] = MatMul(a, w) trans_w=0 @a
    db f32[4,6] = MatMul(b, w) trans_w=1 @b
    p f32[4,6] = GeluGrad(x, da) @grad/a
    q f32[4,6] = GeluGrad(x, db) @grad/b
    output y
    output p
    output q)",
                       R"(
    net t
    input x f32[4,6]
    input a f32[4,6]
    input b f32[4,6]
    state w f32[6,6]
    y f32[4,6], y.derivative f32[4,6] = GeluWithDerivative(x) @act
    p f32[4,6] = MatMul(a, w, y.derivative) trans_w=0 @a
    q f32[4,6] = MatMul(b, w, y.derivative) trans_w=1 @b
    output y
    output p
    output q)");
}

TEST(GeluDerivativePassTest, AGradientWithOtherReadersStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,6]
    input dz f32[4,5]
    state w f32[5,6]
    y f32[4,6] = Gelu(x) @act
    dy f32[4,6] = MatMul(dz, w) trans_w=0 @grad/fc2/x
    dx f32[4,6] = GeluGrad(x, dy) @grad/act
    s f32[4,6] = Add(dx, dy) @sum
    output y
    output s)");
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,6]
    input dz f32[4,5]
    state w f32[5,6]
    y f32[4,6] = Gelu(x) @act
    dy f32[4,6] = MatMul(dz, w) trans_w=0 @grad/fc2/x
    dx f32[4,6] = GeluGrad(x, dy) @grad/act
    output y
    output dy
    output dx)");
}

TEST(GeluDerivativePassTest, AProductThatIsMultipliedAlreadyStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,6]
    input dz f32[4,5]
    input d f32[4,6]
    state w f32[5,6]
    y f32[4,6] = Gelu(x) @act
    dy f32[4,6] = MatMul(dz, w, d) trans_w=0 @grad/fc2/x
    dx f32[4,6] = GeluGrad(x, dy) @grad/act
    output y
    output dx)");
}

TEST(GeluDerivativePassTest, GeluBehindTheProductStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,6]
    input dz f32[4,5]
    state w f32[5,6]
    dy f32[4,6] = MatMul(dz, w) trans_w=0 @product
    y f32[4,6] = Gelu(x) @act
    dx f32[4,6] = GeluGrad(x, dy) @grad/act
    output y
    output dx)");
}

// The product would write the state before `old` is made of its value at entry.
TEST(GeluDerivativePassTest, AStateAtExitStays) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,6]
    input dz f32[4,5]
    state w f32[5,6]
    state s f32[4,6] -> s.out
    y f32[4,6] = Gelu(x) @act
    dy f32[4,6] = MatMul(dz, w) trans_w=0 @product
    old f32[4,6] = Gelu(s) @old
    s.out f32[4,6] = GeluGrad(x, dy) @grad/act
    output y
    output old)");
}

}  // namespace
}  // namespace backends::cpu
