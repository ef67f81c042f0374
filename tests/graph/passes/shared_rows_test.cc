#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "graph/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

const Pass kPass = SharedRowsPass();

constexpr char kTwoProducts[] = R"(
    net t
    input p f32[2,5,6]
    input q f32[2,5,6]
    input ids i32[2,3]
    state w f32[8,6]
    state u f32[8,6]
    state b f32[8]
    v f32[2,3,6] = GatherRows(p, ids) @visible
    y f32[2,3,8] = MatMul(v, w) trans_w=1 @op1 part=some
    s f32[2,3,8] = Gelu(y) @act
    z f32[2,5,8] = MatMul(p, w) trans_w=1 @op2 part=all
    t f32[2,5,8] = Gelu(z) @act2
    output s
    output t)";

std::string Changed(const char* from, const char* to) {
  const std::string changed = absl::StrReplaceAll(kTwoProducts, {{from, to}});
  EXPECT_NE(changed, kTwoProducts);
  return changed;
}

TEST(SharedRowsPassTest, NothingToDo) {
  ExpectUnchanged(kPass, "net empty");
  // Other weights, other rows, other attributes, another phase, no whole product at all.
  ExpectUnchanged(kPass, Changed("MatMul(p, w)", "MatMul(p, u)"));
  ExpectUnchanged(kPass, Changed("GatherRows(p,", "GatherRows(q,"));
  ExpectUnchanged(kPass, Changed("trans_w=1 @op2", "dtype=\"f32\" trans_w=1 @op2"));
  ExpectUnchanged(kPass, Changed("part=all\n    t f32[2,5,8] = Gelu(z) @act2",
                                 "part=all phase=backward\n"
                                 "    t f32[2,5,8] = Gelu(z) @act2 phase=backward"));
  ExpectUnchanged(kPass, Changed("MatMul(p, w) trans_w=1", "Linear(p, w, b) activation=\"none\""));
}

TEST(SharedRowsPassTest, TheWholeProductServesBoth) {
  ExpectRewrite(kPass, kTwoProducts, R"(
    net t
    input p f32[2,5,6]
    input q f32[2,5,6]
    input ids i32[2,3]
    state w f32[8,6]
    state u f32[8,6]
    state b f32[8]
    z f32[2,5,8] = MatMul(p, w) trans_w=1 @op2 part=all
    y f32[2,3,8] = GatherRows(z, ids) @op1 part=some
    s f32[2,3,8] = Gelu(y) @act
    t f32[2,5,8] = Gelu(z) @act2
    output s
    output t)");
}

// Or the rows would be computed in the precision of the whole.
TEST(SharedRowsPassTest, ProductsOfDifferentPrecisionsAreNotShared) {
  PipelineOptions options;
  options.precision_overrides = {{"all", ComputePrecision::kBF16}};
  ExpectUnchanged(SharedRowsPass(options), kTwoProducts);
  options.precision_overrides = {{"all", ComputePrecision::kF32}};
  EXPECT_EQ(PrecisionOf(options, "all"), PrecisionOf(options, "some"));
}

TEST(SharedRowsPassTest, TheRowsStayForTheWeightGradient) {
  ExpectRewrite(kPass, R"(
    net t
    input p f32[2,5,6]
    input ids i32[2,3]
    input dy f32[2,3,8]
    state w f32[8,6] -> w.out
    z f32[2,5,8] = MatMul(p, w) trans_w=1 @all
    v f32[2,3,6] = GatherRows(p, ids) @visible
    y f32[2,3,8] = MatMul(v, w) trans_w=1 @some
    dw f32[8,6] = MatMulWeightGrad(dy, v) shape=[8,6] @grad
    w.out f32[8,6] = Add(w, dw) @update
    output y
    output z)",
                R"(
    net t
    input p f32[2,5,6]
    input ids i32[2,3]
    input dy f32[2,3,8]
    state w f32[8,6] -> w.out
    z f32[2,5,8] = MatMul(p, w) trans_w=1 @all
    v f32[2,3,6] = GatherRows(p, ids) @visible
    y f32[2,3,8] = GatherRows(z, ids) @some
    dw f32[8,6] = MatMulWeightGrad(dy, v) shape=[8,6] @grad
    w.out f32[8,6] = Add(w, dw) @update
    output y
    output z)");
}

// The state would be written before its old value is read.
TEST(SharedRowsPassTest, AStateAtExitIsNotMoved) {
  ExpectUnchanged(kPass, R"(
    net t
    input p f32[2,5,6]
    input ids i32[2,3]
    state w f32[8,6]
    state z f32[2,5,8] -> z.out
    v f32[2,3,6] = GatherRows(p, ids) @visible
    y f32[2,3,8] = MatMul(v, w) trans_w=1 @some
    old f32[2,5,8] = Gelu(z) @old
    z.out f32[2,5,8] = MatMul(p, w) trans_w=1 @all
    output y
    output old)");
}

TEST(SharedRowsPassTest, TwoSetsOfRows) {
  ExpectRewrite(kPass, R"(
    net t
    input p f32[2,5,6]
    input i i32[2,3]
    input k i32[2,2]
    state w f32[8,6]
    a f32[2,3,6] = GatherRows(p, i) @a
    b f32[2,2,6] = GatherRows(p, k) @b
    y f32[2,3,8] = MatMul(a, w) trans_w=1 @one
    x f32[2,2,8] = MatMul(b, w) trans_w=1 @two
    z f32[2,5,8] = MatMul(p, w) trans_w=1 @all
    output y
    output x
    output z)",
                R"(
    net t
    input p f32[2,5,6]
    input i i32[2,3]
    input k i32[2,2]
    state w f32[8,6]
    z f32[2,5,8] = MatMul(p, w) trans_w=1 @all
    y f32[2,3,8] = GatherRows(z, i) @one
    x f32[2,2,8] = GatherRows(z, k) @two
    output y
    output x
    output z)");
}

}  // namespace
}  // namespace graph
