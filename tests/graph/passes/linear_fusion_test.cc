#include <gtest/gtest.h>

#include "graph/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

const Pass kPass = LinearFusionPass();

TEST(LinearFusionPassTest, NothingToDo) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,8]
    state w f32[4,8]
    p f32[2,4] = MatMul(x, w) trans_w=1 @fc
    y f32[2,4] = Gelu(p) @act
    output y)");
  ExpectUnchanged(kPass, "net empty");
}

TEST(LinearFusionPassTest, ProductAndBias) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,3,8]
    state w f32[4,8]
    state b f32[4]
    p f32[2,3,4] = MatMul(x, w) trans_w=1 @op1 part=blocks.0.fc phase=backward recomputed
    y f32[2,3,4] = BiasAdd(p, b) @op2 phase=backward recomputed
    output y)",
                R"(
    net t
    input x f32[2,3,8]
    state w f32[4,8]
    state b f32[4]
    y f32[2,3,4] = Linear(x, w, b) activation="none" @op1 part=blocks.0.fc phase=backward recomputed
    output y)");
}

TEST(LinearFusionPassTest, ProductBiasAndActivationInOneRun) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,8]
    state w f32[4,8]
    state b f32[4]
    p f32[2,4] = MatMul(x, w) trans_w=1 @fc
    q f32[2,4] = BiasAdd(p, b) @fc.bias_add
    y f32[2,4] = Gelu(q) @act
    output y)",
                R"(
    net t
    input x f32[2,8]
    state w f32[4,8]
    state b f32[4]
    y f32[2,4] = Linear(x, w, b) activation="gelu" @fc
    output y)");
}

TEST(LinearFusionPassTest, LinearAndActivation) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,8]
    state w f32[4,8]
    state b f32[4]
    q f32[2,4] = Linear(x, w, b) activation="none" @fc
    y f32[2,4] = Gelu(q) @act
    output y)",
                R"(
    net t
    input x f32[2,8]
    state w f32[4,8]
    state b f32[4]
    y f32[2,4] = Linear(x, w, b) activation="gelu" @fc
    output y)");
}

TEST(LinearFusionPassTest, WeightsOfAnyRankAndOneColumn) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,5,12]
    state w f32[1,3,2,2]
    state b f32[1]
    p f32[2,5,1] = MatMul(x, w) trans_w=1 @proj
    y f32[2,5,1] = BiasAdd(p, b) @proj.bias_add
    output y)",
                R"(
    net t
    input x f32[2,5,12]
    state w f32[1,3,2,2]
    state b f32[1]
    y f32[2,5,1] = Linear(x, w, b) activation="none" @proj
    output y)");
}

// Training: GeluGrad reads the pre-activation, so only the bias is joined.
TEST(LinearFusionPassTest, PreActivationThatIsReadElsewhereStays) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,8]
    input dy f32[2,4]
    state w f32[4,8]
    state b f32[4]
    p f32[2,4] = MatMul(x, w) trans_w=1 @fc
    q f32[2,4] = BiasAdd(p, b) @fc.bias_add
    y f32[2,4] = Gelu(q) @act
    dq f32[2,4] = GeluGrad(q, dy) @grad/act
    output y
    output dq)",
                R"(
    net t
    input x f32[2,8]
    input dy f32[2,4]
    state w f32[4,8]
    state b f32[4]
    q f32[2,4] = Linear(x, w, b) activation="none" @fc
    y f32[2,4] = Gelu(q) @act
    dq f32[2,4] = GeluGrad(q, dy) @grad/act
    output y
    output dq)");
}

TEST(LinearFusionPassTest, IntermediateThatIsAnOutputStays) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,8]
    state w f32[4,8]
    state b f32[4]
    p f32[2,4] = MatMul(x, w) trans_w=1 @fc
    q f32[2,4] = BiasAdd(p, b) @fc.bias_add
    output p
    output q)");
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,8]
    state w f32[4,8]
    state b f32[4]
    q f32[2,4] = Linear(x, w, b) activation="none" @fc
    y f32[2,4] = Gelu(q) @act
    output q
    output y)");
}

TEST(LinearFusionPassTest, IntermediateThatIsAStateAtExitStays) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,8]
    state w f32[4,8]
    state b f32[4]
    state p f32[2,4] -> p.out
    p.out f32[2,4] = MatMul(x, w) trans_w=1 @fc
    q f32[2,4] = BiasAdd(p.out, b) @fc.bias_add
    output q)");
}

TEST(LinearFusionPassTest, ProductWithSeveralReadersStays) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,8]
    state w f32[4,8]
    state b f32[4]
    state c f32[4]
    p f32[2,4] = MatMul(x, w) trans_w=1 @fc
    q f32[2,4] = BiasAdd(p, b) @one
    r f32[2,4] = BiasAdd(p, c) @two
    output q
    output r)");
}

TEST(LinearFusionPassTest, BiasThatIsNoVectorStays) {
  // A position table, and a vector with a leading 1.
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,3,8]
    state w f32[4,8]
    state table f32[1,3,4]
    state row f32[1,4]
    p f32[2,3,4] = MatMul(x, w) trans_w=1 @fc
    q f32[2,3,4] = BiasAdd(p, table) @positions
    r f32[2,3,4] = MatMul(x, w) trans_w=1 @fc2
    s f32[2,3,4] = BiasAdd(r, row) @row
    output q
    output s)");
}

TEST(LinearFusionPassTest, OtherLayoutOfTheWeightStays) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,8]
    state w f32[8,4]
    state b f32[4]
    p f32[2,4] = MatMul(x, w) trans_w=0 @fc
    q f32[2,4] = BiasAdd(p, b) @fc.bias_add
    output q)");
}

TEST(LinearFusionPassTest, BiasOfSomethingElseStays) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,4]
    state b f32[4]
    q f32[2,4] = BiasAdd(x, b) @one
    r f32[2,4] = BiasAdd(q, b) @two
    y f32[2,4] = Gelu(r) @act
    output y)");
}

TEST(LinearFusionPassTest, AnActivationIsJoinedOnce) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,8]
    state w f32[4,8]
    state b f32[4]
    q f32[2,4] = Linear(x, w, b) activation="gelu" @fc
    y f32[2,4] = Gelu(q) @act
    output y)");
}

// The product reads the old weight; behind the update there is only the new one.
TEST(LinearFusionPassTest, WeightOverwrittenInBetweenStays) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,8]
    input dw f32[4,8]
    state w f32[4,8] -> w.out
    state b f32[4]
    p f32[2,4] = MatMul(x, w) trans_w=1 @fc
    w.out f32[4,8] = Add(w, dw) @update
    q f32[2,4] = BiasAdd(p, b) @fc.bias_add
    output q)");
  // The last of the old operators is the one that overwrites.
  ExpectUnchanged(kPass, R"(
    net t
    state s f32[4,4] -> s.out
    state w f32[4,4]
    state b f32[4]
    p f32[4,4] = MatMul(s, w) trans_w=1 @fc
    s.out f32[4,4] = BiasAdd(p, b) @fc.bias_add)");
}

TEST(LinearFusionPassTest, WeightOverwrittenLaterIsJoined) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,8]
    input dw f32[4,8]
    state w f32[4,8] -> w.out
    state b f32[4]
    p f32[2,4] = MatMul(x, w) trans_w=1 @fc
    q f32[2,4] = BiasAdd(p, b) @fc.bias_add
    w.out f32[4,8] = Add(w, dw) @update
    output q)",
                R"(
    net t
    input x f32[2,8]
    input dw f32[4,8]
    state w f32[4,8] -> w.out
    state b f32[4]
    q f32[2,4] = Linear(x, w, b) activation="none" @fc
    w.out f32[4,8] = Add(w, dw) @update
    output q)");
}

// The new operator stands where the bias, made in between, is available.
TEST(LinearFusionPassTest, BiasMadeAfterTheProduct) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,8]
    input c f32[4]
    state w f32[4,8]
    p f32[2,4] = MatMul(x, w) trans_w=1 @fc
    b f32[4] = Gelu(c) @bias
    q f32[2,4] = BiasAdd(p, b) @fc.bias_add
    output q)",
                R"(
    net t
    input x f32[2,8]
    input c f32[4]
    state w f32[4,8]
    b f32[4] = Gelu(c) @bias
    q f32[2,4] = Linear(x, w, b) activation="none" @fc
    output q)");
}

}  // namespace
}  // namespace graph
