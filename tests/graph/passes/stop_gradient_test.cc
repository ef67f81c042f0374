#include <gtest/gtest.h>

#include "graph/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

const Pass kPass = StopGradientPass();

TEST(StopGradientPassTest, NothingToDo) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    y f32[8] = Gelu(x) @act
    output y)");
  ExpectUnchanged(kPass, "net empty");
}

TEST(StopGradientPassTest, ReadersReadTheOperand) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    q f32[8] = StopGradient(p) @boundary
    y f32[8] = Gelu(q) @b
    z f32[8] = Add(y, q) @c
    output z)",
                R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    y f32[8] = Gelu(p) @b
    z f32[8] = Add(y, p) @c
    output z)");
}

TEST(StopGradientPassTest, BoundaryBehindBoundary) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = StopGradient(x) @one
    q f32[8] = StopGradient(p) @two
    y f32[8] = Gelu(q) @act
    output y)",
                R"(
    net t
    input x f32[8]
    y f32[8] = Gelu(x) @act
    output y)");
}

TEST(StopGradientPassTest, OneThatNobodyReadsGoes) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = StopGradient(x) @one
    output x)",
                R"(
    net t
    input x f32[8]
    output x)");
}

TEST(StopGradientPassTest, AnOutputOfTheNetKeepsItsOperator) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = StopGradient(x) @boundary
    y f32[8] = Gelu(p) @act
    output y
    output p)");
}

TEST(StopGradientPassTest, AStateAtExitKeepsItsOperator) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    state s f32[8] -> s.out
    s.out f32[8] = StopGradient(x) @copy)");
}

TEST(StopGradientPassTest, KeptOperatorsReadWhatTheBoundaryStoodFor) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = StopGradient(x) @one
    q f32[8] = StopGradient(p) @two
    output q)",
                R"(
    net t
    input x f32[8]
    q f32[8] = StopGradient(x) @two
    output q)");
}

// The copy keeps the old value of a counter for readers that come after the new
// one has been written over it.
TEST(StopGradientPassTest, ACopyThatOutlivesItsStateStays) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    state s f32[8] -> s.out
    old f32[8] = StopGradient(s) @keep
    s.out f32[8] = Add(s, x) @count
    y f32[8] = Add(old, x) @late
    output y)");
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    state s f32[8] -> s.out
    old f32[8] = StopGradient(s) @keep
    s.out f32[8] = Gelu(old) @count)");
}

TEST(StopGradientPassTest, ACopyOfAStateReadInTimeGoes) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    state s f32[8] -> s.out
    old f32[8] = StopGradient(s) @keep
    y f32[8] = Add(old, x) @early
    s.out f32[8] = Add(s, x) @count
    output y)",
                R"(
    net t
    input x f32[8]
    state s f32[8] -> s.out
    y f32[8] = Add(s, x) @early
    s.out f32[8] = Add(s, x) @count
    output y)");
}

// Its operand now lives longer, so nothing may be written over it.
TEST(StopGradientPassTest, AnnotationsOfTheOldNetAreDropped) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    q f32[8] = StopGradient(p) in_place=[0:0] @boundary
    y f32[8] = Gelu(q) in_place=[0:0] @b
    output y)",
                R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    y f32[8] = Gelu(p) @b
    output y)");
}

}  // namespace
}  // namespace graph
