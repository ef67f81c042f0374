#include <gtest/gtest.h>

#include <string>

#include "absl/strings/string_view.h"
#include "graph/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

// Parts "a.x", "a.y" are one segment, "b.x" another, "x" none.
std::string UpToDot(absl::string_view part) {
  const size_t dot = part.find('.');
  return dot == absl::string_view::npos ? "" : std::string(part.substr(0, dot));
}

const Pass kPass = RecomputePass(UpToDot);

TEST(RecomputePassTest, NothingToDo) {
  ExpectUnchanged(kPass, "net empty");
  // Nothing of a segment is read by a gradient.
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,6]
    h f32[4,6] = Gelu(x) @a.act
    y f32[4,6] = Gelu(h) @head
    dx f32[4,6] = GeluGrad(x, y) @grad/a.act phase=backward
    output dx)");
  // No segments.
  ExpectUnchanged(RecomputePass([](absl::string_view) { return std::string(); }), R"(
    net t
    input x f32[4,6]
    h f32[4,6] = Gelu(x) @a.act
    dx f32[4,6] = GeluGrad(h, x) @grad/a.act phase=backward
    output dx)");
  ExpectUnchanged(RecomputePass(nullptr), R"(
    net t
    input x f32[4,6]
    h f32[4,6] = Gelu(x) @a.act
    dx f32[4,6] = GeluGrad(h, x) @grad/a.act phase=backward
    output dx)");
}

// The copies start from what the segment reads, stand as late as they can, and
// are shared by all gradient operators.
TEST(RecomputePassTest, ValuesOfASegmentAreMadeAgain) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[4,6]
    input dy f32[4,6]
    state w f32[6,6]
    state b f32[6]
    s f32[4,6] = Gelu(x) @outside
    h f32[4,6] = Linear(s, w, b) activation="none" @a.fc1
    a f32[4,6] = Gelu(h) @a.act
    y f32[4,6] = Linear(a, w, b) activation="none" @a.fc2
    z f32[4,6] = Add(s, y) @residual
    db f32[6] = SumToShape(dy) shape=[6] @grad/fc2.b phase=backward
    dw f32[6,6] = MatMulWeightGrad(dy, a) shape=[6,6] @grad/fc2.w phase=backward
    dh f32[4,6] = GeluGrad(h, dy) @grad/act phase=backward
    ds f32[4,6] = GeluGrad(s, dh) @grad/outside phase=backward
    output z
    output db
    output dw
    output ds)",
                R"(
    net t
    input x f32[4,6]
    input dy f32[4,6]
    state w f32[6,6]
    state b f32[6]
    s f32[4,6] = Gelu(x) @outside
    h f32[4,6] = Linear(s, w, b) activation="none" @a.fc1
    a f32[4,6] = Gelu(h) @a.act
    y f32[4,6] = Linear(a, w, b) activation="none" @a.fc2
    z f32[4,6] = Add(s, y) @residual
    db f32[6] = SumToShape(dy) shape=[6] @grad/fc2.b phase=backward
    recompute/h f32[4,6] = Linear(s, w, b) activation="none" @recompute/a.fc1 part=a.fc1 phase=backward recomputed
    recompute/a f32[4,6] = Gelu(recompute/h) @recompute/a.act part=a.act phase=backward recomputed
    dw f32[6,6] = MatMulWeightGrad(dy, recompute/a) shape=[6,6] @grad/fc2.w phase=backward
    dh f32[4,6] = GeluGrad(recompute/h, dy) @grad/act phase=backward
    ds f32[4,6] = GeluGrad(s, dh) @grad/outside phase=backward
    output z
    output db
    output dw
    output ds)");
}

// Whatever operators are called: their parts and phases say it.
TEST(RecomputePassTest, NamesSayNothing) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[4,6]
    input dy f32[4,6]
    h f32[4,6] = Gelu(x) @op1 part=a.act
    y f32[4,6] = Gelu(h) @grad/x part=head
    dx f32[4,6] = GeluGrad(h, dy) @a.z phase=backward
    output y
    output dx)",
                R"(
    net t
    input x f32[4,6]
    input dy f32[4,6]
    h f32[4,6] = Gelu(x) @op1 part=a.act
    y f32[4,6] = Gelu(h) @grad/x part=head
    recompute/h f32[4,6] = Gelu(x) @recompute/op1 part=a.act phase=backward recomputed
    dx f32[4,6] = GeluGrad(recompute/h, dy) @a.z phase=backward
    output y
    output dx)");
}

// Mean and variance are made again together with y, once.
TEST(RecomputePassTest, OperatorsWithSeveralOutputs) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[4,6]
    input dy f32[4,6]
    state g f32[6]
    state h f32[6]
    y f32[4,6], m f32[4], v f32[4] = LayerNorm(x, g, h) eps=1e-06 @a.norm
    z f32[4,6] = Gelu(y) @head
    dz f32[4,6] = GeluGrad(y, dy) @grad/head phase=backward
    dx f32[4,6], dg f32[6], dh f32[6] = LayerNormGrad(x, g, m, v, dz) eps=1e-06 @grad/a.norm phase=backward
    output z
    output dx)",
                R"(
    net t
    input x f32[4,6]
    input dy f32[4,6]
    state g f32[6]
    state h f32[6]
    y f32[4,6], m f32[4], v f32[4] = LayerNorm(x, g, h) eps=1e-06 @a.norm
    z f32[4,6] = Gelu(y) @head
    recompute/y f32[4,6], recompute/m f32[4], recompute/v f32[4] = LayerNorm(x, g, h) eps=1e-06 @recompute/a.norm part=a.norm phase=backward recomputed
    dz f32[4,6] = GeluGrad(recompute/y, dy) @grad/head phase=backward
    dx f32[4,6], dg f32[6], dh f32[6] = LayerNormGrad(x, g, recompute/m, recompute/v, dz) eps=1e-06 @grad/a.norm phase=backward
    output z
    output dx)");
}

// What one segment reads of another is kept for it, and made again for the other.
TEST(RecomputePassTest, SegmentsInARow) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[4,6]
    input dy f32[4,6]
    p f32[4,6] = Gelu(x) @a.one
    q f32[4,6] = Gelu(p) @b.one
    r f32[4,6] = Gelu(q) @head
    dq f32[4,6] = GeluGrad(q, dy) @grad/head phase=backward
    dp f32[4,6] = GeluGrad(p, dq) @grad/b.one phase=backward
    output r
    output dp)",
                R"(
    net t
    input x f32[4,6]
    input dy f32[4,6]
    p f32[4,6] = Gelu(x) @a.one
    q f32[4,6] = Gelu(p) @b.one
    r f32[4,6] = Gelu(q) @head
    recompute/q f32[4,6] = Gelu(p) @recompute/b.one part=b.one phase=backward recomputed
    dq f32[4,6] = GeluGrad(recompute/q, dy) @grad/head phase=backward
    recompute/p f32[4,6] = Gelu(x) @recompute/a.one part=a.one phase=backward recomputed
    dp f32[4,6] = GeluGrad(recompute/p, dq) @grad/b.one phase=backward
    output r
    output dp)");
}

TEST(RecomputePassTest, OutputsAndStatesAtExitAreKept) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,6]
    input dy f32[4,6]
    state s f32[4,6] -> s.out
    h f32[4,6] = Gelu(x) @a.one
    s.out f32[4,6] = Add(s, h) @a.sum
    dh f32[4,6] = GeluGrad(h, dy) @grad/one phase=backward
    ds f32[4,6] = GeluGrad(s.out, dy) @grad/sum phase=backward
    output h
    output dh
    output ds)");
}

// w has its new value when the gradient comes, directly or for what is read.
TEST(RecomputePassTest, WhatReadsAnOverwrittenStateIsKept) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[6,6]
    input dy f32[6,6]
    state w f32[6,6] -> w.out
    p f32[6,6] = MatMul(x, w) trans_w=1 @a.fc
    q f32[6,6] = Gelu(p) @a.act
    w.out f32[6,6] = Add(w, x) @update
    dp f32[6,6] = GeluGrad(p, dy) @grad/act phase=backward
    dq f32[6,6] = GeluGrad(q, dy) @grad/head phase=backward
    output dp
    output dq)");
}

}  // namespace
}  // namespace graph
