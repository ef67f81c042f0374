#include <gtest/gtest.h>

#include "backends/cuda/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace backends::cuda {
namespace {

const graph::Pass kPass = WeightGradFusionPass();

TEST(WeightGradFusionPassTest, NothingToDo) {
  graph::ExpectUnchanged(kPass, "net empty");
  // Sums of another tensor, of part of the rows, in another phase; a product without sums.
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,3,4]
    input dy f32[2,3,6]
    input dz f32[2,3,6]
    state a f32[6,4]
    dw f32[6,4] = MatMulWeightGrad(dy, x) shape=[6,4] @w phase=backward
    dv f32[6,4] = MatMulWeightGrad(dz, x) shape=[6,4] @v phase=backward
    s f32[6,4] = Add(a, dv) @accum phase=update
    u f32[3,6] = SumToShape(dy) shape=[3,6] @part phase=backward
    v f32[6] = SumToShape(dy) shape=[6] @late phase=update
    output dw
    output s
    output u
    output v)");
}

TEST(WeightGradFusionPassTest, BothGradientsFromOneReading) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[2,3,4]
    input dy f32[2,3,6]
    db f32[6] = SumToShape(dy) shape=[6] @b part=fc phase=backward
    n f32[2,3,6] = Gelu(dy) @other phase=backward
    dw f32[6,4] = MatMulWeightGrad(dy, x) shape=[6,4] @w part=fc phase=backward
    output db
    output dw
    output n)",
                       R"(
    net t
    input x f32[2,3,4]
    input dy f32[2,3,6]
    n f32[2,3,6] = Gelu(dy) @other phase=backward
    dw f32[6,4], db f32[6] = LinearWeightGrad(dy, x) shape=[6,4] @w part=fc phase=backward
    output db
    output dw
    output n)");
}

// A first micro-batch: both are states at exit; the sums move down, and behind the product up.
TEST(WeightGradFusionPassTest, StatesAtExitAreWrittenNoEarlier) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6] -> a.out
    state c f32[6,4] -> c.out
    a.out f32[6] = SumToShape(dy) shape=[6] @b
    c.out f32[6,4] = MatMulWeightGrad(dy, x) shape=[6,4] @w)",
                       R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6] -> a.out
    state c f32[6,4] -> c.out
    c.out f32[6,4], a.out f32[6] = LinearWeightGrad(dy, x) shape=[6,4] @w)");
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6] -> a.out
    dw f32[6,4] = MatMulWeightGrad(dy, x) shape=[6,4] @w
    old f32[6] = Gelu(a) @old
    a.out f32[6] = SumToShape(dy) shape=[6] @b
    output dw
    output old)");
}

TEST(WeightGradFusionPassTest, SumsThatAreReadBeforeTheProductStay) {
  graph::ExpectUnchanged(kPass, R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    db f32[6] = SumToShape(dy) shape=[6] @b
    n f32[6] = Gelu(db) @early
    dw f32[6,4] = MatMulWeightGrad(dy, x) shape=[6,4] @w
    output dw
    output n)");
}

// Each product has sums of its own: a second product of the same gradient does without.
TEST(WeightGradFusionPassTest, TwoProductsOfOneGradient) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[3,4]
    input z f32[3,5]
    input dy f32[3,6]
    db f32[6] = SumToShape(dy) shape=[6] @b
    dw f32[6,4] = MatMulWeightGrad(dy, x) shape=[6,4] @w
    dv f32[6,5] = MatMulWeightGrad(dy, z) shape=[6,5] @v
    output db
    output dw
    output dv)",
                       R"(
    net t
    input x f32[3,4]
    input z f32[3,5]
    input dy f32[3,6]
    dw f32[6,4], db f32[6] = LinearWeightGrad(dy, x) shape=[6,4] @w
    dv f32[6,5] = MatMulWeightGrad(dy, z) shape=[6,5] @v
    output db
    output dw
    output dv)");
}

// A middle micro-batch adds in place, the last one beside what it reads.
TEST(WeightGradFusionPassTest, TheProductAddsToWhatWasSummed) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6,4] -> a.out
    state c f32[6] -> c.out
    db f32[6] = SumToShape(dy) shape=[6] @b phase=backward
    dw f32[6,4] = MatMulWeightGrad(dy, x) shape=[6,4] @w phase=backward
    a.out f32[6,4] = Add(a, dw) @accum/w phase=update
    c.out f32[6] = Add(c, db) @accum/b phase=update)",
                       R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6,4] -> a.out
    state c f32[6] -> c.out
    a.out f32[6,4], db f32[6] = LinearWeightGrad(dy, x, a) shape=[6,4] @w phase=backward
    c.out f32[6] = Add(c, db) @accum/b phase=update)");
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6,4]
    db f32[6] = SumToShape(dy) shape=[6] @b phase=backward
    dw f32[6,4] = MatMulWeightGrad(dy, x) shape=[6,4] @w phase=backward
    sum f32[6,4] = Add(a, dw) @accum/w phase=update
    output sum
    output db)",
                       R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6,4]
    sum f32[6,4], db f32[6] = LinearWeightGrad(dy, x, a) shape=[6,4] @w phase=backward
    output sum
    output db)");
}

// The product would write the state before `old` is made of its value at entry.
TEST(WeightGradFusionPassTest, AStateThatIsReadBehindTheProductIsAddedToAfterwards) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6,4] -> a.out
    db f32[6] = SumToShape(dy) shape=[6] @b
    dw f32[6,4] = MatMulWeightGrad(dy, x) shape=[6,4] @w
    old f32[6,4] = Gelu(a) @old
    a.out f32[6,4] = Add(a, dw) @sum
    output db
    output old)",
                       R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6,4] -> a.out
    dw f32[6,4], db f32[6] = LinearWeightGrad(dy, x) shape=[6,4] @w
    old f32[6,4] = Gelu(a) @old
    a.out f32[6,4] = Add(a, dw) @sum
    output db
    output old)");
}

// Read by others, a root, a sum with what an operator makes.
TEST(WeightGradFusionPassTest, AProductThatIsWantedAloneIsAddedAfterwards) {
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6,4]
    g f32[6,4] = Gelu(a) @gelu
    db f32[6] = SumToShape(dy) shape=[6] @b
    dw f32[6,4] = MatMulWeightGrad(dy, x) shape=[6,4] @w
    s f32[6,4] = Add(g, dw) @sum
    output db
    output s)",
                       R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6,4]
    g f32[6,4] = Gelu(a) @gelu
    dw f32[6,4], db f32[6] = LinearWeightGrad(dy, x) shape=[6,4] @w
    s f32[6,4] = Add(g, dw) @sum
    output db
    output s)");
  graph::ExpectRewrite(kPass, R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6,4]
    db f32[6] = SumToShape(dy) shape=[6] @b
    dw f32[6,4] = MatMulWeightGrad(dy, x) shape=[6,4] @w
    s f32[6,4] = Add(a, dw) @sum
    n f32[6,4] = Gelu(dw) @other
    output db
    output s
    output n)",
                       R"(
    net t
    input x f32[3,4]
    input dy f32[3,6]
    state a f32[6,4]
    dw f32[6,4], db f32[6] = LinearWeightGrad(dy, x) shape=[6,4] @w
    s f32[6,4] = Add(a, dw) @sum
    n f32[6,4] = Gelu(dw) @other
    output db
    output s
    output n)");
}

}  // namespace
}  // namespace backends::cuda
