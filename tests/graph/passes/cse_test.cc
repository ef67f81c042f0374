#include <gtest/gtest.h>

#include <string>

#include "graph/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

const Pass kPass = CsePass();

TEST(CsePassTest, NothingToDo) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    a f32[8] = Gelu(x) @one
    b f32[8] = Gelu(a) @two
    output b)");
  ExpectUnchanged(kPass, "net empty");
}

TEST(CsePassTest, EqualOperatorsBecomeOne) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    a f32[8] = Gelu(x) @one
    b f32[8] = Gelu(x) @two
    y f32[8] = Add(a, b) @sum
    output y)",
                R"(
    net t
    input x f32[8]
    a f32[8] = Gelu(x) @one
    y f32[8] = Add(a, a) @sum
    output y)");
}

TEST(CsePassTest, OperatorsThatBecomeEqualAreMergedInTheSameRun) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[4,6]
    state w f32[6,5]
    a1 f32[4,6] = Gelu(x) @a1
    a2 f32[4,6] = Gelu(x) @a2
    b1 f32[4,5] = MatMul(a1, w) trans_w=0 @b1
    b2 f32[4,5] = MatMul(a2, w) trans_w=0 @b2
    y f32[4,5] = Add(b1, b2) @sum
    output y)",
                R"(
    net t
    input x f32[4,6]
    state w f32[6,5]
    a1 f32[4,6] = Gelu(x) @a1
    b1 f32[4,5] = MatMul(a1, w) trans_w=0 @b1
    y f32[4,5] = Add(b1, b1) @sum
    output y)");
}

// What is computed again on purpose stays, whatever it is called, and so does what runs
// before the phase of its equal.
TEST(CsePassTest, CopiesAndLaterPhasesAreLeftAlone) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    a f32[8] = Gelu(x) @one
    b f32[8] = Gelu(x) @two phase=backward recomputed
    y f32[8] = Add(a, b) @sum phase=backward
    output y)");
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    a f32[8] = Gelu(x) @one phase=backward
    b f32[8] = Gelu(x) @two
    y f32[8] = Gelu(b) @forward
    z f32[8] = Add(a, y) @sum phase=backward
    output z)");
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    a f32[8] = Gelu(x) @recompute/one part=blocks.0
    b f32[8] = Gelu(x) @recompute/two phase=backward
    y f32[8] = Add(a, b) @sum phase=backward
    output y)",
                R"(
    net t
    input x f32[8]
    a f32[8] = Gelu(x) @recompute/one part=blocks.0
    y f32[8] = Add(a, a) @sum phase=backward
    output y)");
}

TEST(CsePassTest, AllOutputsAreReplaced) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[4,6]
    state g f32[6]
    state h f32[6]
    y1 f32[4,6], m1 f32[4], v1 f32[4] = LayerNorm(x, g, h) dtype="same" eps=1e-06 @n1
    y2 f32[4,6], m2 f32[4], v2 f32[4] = LayerNorm(x, g, h) dtype="same" eps=1e-06 @n2
    a f32[4,6] = Add(y1, y2) @a
    b f32[4] = Add(m2, v2) @b
    output a
    output b)",
                R"(
    net t
    input x f32[4,6]
    state g f32[6]
    state h f32[6]
    y1 f32[4,6], m1 f32[4], v1 f32[4] = LayerNorm(x, g, h) dtype="same" eps=1e-06 @n1
    a f32[4,6] = Add(y1, y1) @a
    b f32[4] = Add(m1, v1) @b
    output a
    output b)");
}

// Pairs that differ in one attribute, of each type that there is. None is an output of
// the net, which would keep it from being merged whatever its attributes.
TEST(CsePassTest, OtherAttributesOtherValues) {
  for (const char* pair : {R"(
    a f32[4,4] = MatMul(x, w) trans_w=0 @a
    b f32[4,4] = MatMul(x, w) trans_w=1 @b
    c f32[4,4] = Add(a, b) @c)",
                           R"(
    a f32[4,4], m1 f32[4], v1 f32[4] = LayerNorm(x, g, h) dtype="same" eps=1e-06 @a
    b f32[4,4], m2 f32[4], v2 f32[4] = LayerNorm(x, g, h) dtype="same" eps=1e-05 @b
    c f32[4,4] = Add(a, b) @c)",
                           R"(
    a f32[2] = Fill() dtype="f32" shape=[2] value=0.0 @a
    b f32[2] = Fill() dtype="f32" shape=[2] value=-0.0 @b
    c f32[2] = Add(a, b) @c)",
                           R"(
    a f32[2] = Fill() dtype="f32" shape=[2] value=1.0 @a
    b f64[2] = Fill() dtype="f64" shape=[2] value=1.0 @b
    d f64[2] = Gelu(b) @d
    c f32[2] = Gelu(a) @c
    output d)",
                           R"(
    a f32[2,3] = Fill() dtype="f32" shape=[2,3] value=1.0 @a
    b f32[3,2] = Fill() dtype="f32" shape=[3,2] value=1.0 @b
    d f32[3,2] = Gelu(b) @d
    c f32[2,3] = Gelu(a) @c
    output d)",
                           R"(
    a f32[6] = Fill() dtype="f32" shape=[6] value=1.0 @a
    b f32[6,1] = Fill() dtype="f32" shape=[6,1] value=1.0 @b
    d f32[6,1] = Gelu(b) @d
    c f32[6] = Gelu(a) @c
    output d)"}) {
    SCOPED_TRACE(pair);
    ExpectUnchanged(kPass, std::string(R"(
    net t
    input x f32[4,4]
    state w f32[4,4]
    state g f32[4]
    state h f32[4])") + pair + "\n    output c");
  }
}

TEST(CsePassTest, OperandsAreNotSwapped) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    input z f32[8]
    a f32[8] = Add(x, z) @one
    b f32[8] = Add(z, x) @two
    y f32[8] = Add(a, b) @sum
    output y)");
}

TEST(CsePassTest, OutputsOfTheNetKeepTheirNames) {
  // The later one is asked for by name.
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    a f32[8] = Gelu(x) @one
    b f32[8] = Gelu(x) @two
    y f32[8] = Add(a, b) @sum
    output y
    output b)");
  // The earlier one is, and serves the other's readers.
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    a f32[8] = Gelu(x) @one
    b f32[8] = Gelu(x) @two
    y f32[8] = Add(a, b) @sum
    output y
    output a)",
                R"(
    net t
    input x f32[8]
    a f32[8] = Gelu(x) @one
    y f32[8] = Add(a, a) @sum
    output y
    output a)");
}

TEST(CsePassTest, WritersOfStateAreNeverMerged) {
  ExpectUnchanged(kPass, R"(
    net init
    state v f32[2] -> v.out
    state w f32[2] -> w.out
    v.out f32[2] = Fill() dtype="f32" shape=[2] value=1.0 @v
    w.out f32[2] = Fill() dtype="f32" shape=[2] value=1.0 @w
    one f32[2] = Fill() dtype="f32" shape=[2] value=1.0 @one
    output one)");
}

TEST(CsePassTest, ReadingAStateTwiceIsReadingOneValue) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    state s f32[8] -> s.out
    a f32[8] = Add(s, x) @one
    b f32[8] = Add(s, x) @two
    y f32[8] = Add(a, b) @sum
    s.out f32[8] = Add(s, x) @write
    output y)",
                R"(
    net t
    input x f32[8]
    state s f32[8] -> s.out
    a f32[8] = Add(s, x) @one
    y f32[8] = Add(a, a) @sum
    s.out f32[8] = Add(s, x) @write
    output y)");
}

TEST(CsePassTest, TheValuesOfAStateBeforeAndAfterDiffer) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    state s f32[8] -> s.out
    a f32[8] = Gelu(s) @before
    s.out f32[8] = Add(s, x) @write
    b f32[8] = Gelu(s.out) @after
    y f32[8] = Add(a, b) @sum
    output y)");
}

}  // namespace
}  // namespace graph
