// PositionWeights reads the class token and the patches that ids name: 4 of 9 rows here.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "graph/passes/passes.h"
#include "ops/droppos/op_table.h"
#include "ops/op_table.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

const Pass kPass = RowPruningPass();

const SchemaRegistry& DropPosOps() {
  static const SchemaRegistry* const registry = [] {
    auto* r = new SchemaRegistry;
    ops::RegisterOps(r);
    ops::droppos::RegisterOps(r);
    return r;
  }();
  return *registry;
}

void ExpectSameNet(absl::string_view text) { ExpectUnchanged(kPass, text, DropPosOps()); }

std::string Changed(const char* text, const char* from, const char* to) {
  const std::string changed = absl::StrReplaceAll(text, {{from, to}});
  EXPECT_NE(changed, text);
  return changed;
}

constexpr char kProducts[] = R"(
    net t
    input x f32[2,9,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    state w f32[8,6]
    state b f32[8]
    n f32[2,9,6], m f32[2,9], v f32[2,9] = LayerNorm(x, g, h) eps=1e-06 @norm
    p f32[2,9,8] = MatMul(n, w) trans_w=1 @fc
    q f32[2,9,8] = BiasAdd(p, b) @fc.bias_add
    a f32[2,9,8] = Gelu(q) @act
    y f32[2,3], full f32[2,8] = PositionWeights(a, ids) tau=0.5 @guide/weights
    output y)";

TEST(RowPruningPassTest, RowsAreTakenBeforeTheProducts) {
  ExpectRewrite(kPass, kProducts, R"(
    net t
    input x f32[2,9,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    state w f32[8,6]
    state b f32[8]
    guide/rows.weights i32[2,4] = TokenRows(ids) @guide/rows.weights part=guide/weights
    x.rows f32[2,4,6] = GatherRows(x, guide/rows.weights) @norm.rows part=norm
    n f32[2,4,6], m f32[2,4], v f32[2,4] = LayerNorm(x.rows, g, h) eps=1e-06 @norm
    p f32[2,4,8] = MatMul(n, w) trans_w=1 @fc
    q f32[2,4,8] = BiasAdd(p, b) @fc.bias_add
    a f32[2,4,8] = Gelu(q) @act
    y f32[2,3] = GatheredPositionWeights(a) tau=0.5 @guide/weights
    output y)",
                DropPosOps());
}

// Keys and values are those of all rows; the residual's rows are read together.
TEST(RowPruningPassTest, AttentionAsksForTheRowsOnly) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,9,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    state w f32[18,6]
    state u f32[6,6]
    k f32[2,9,6], m1 f32[2,9], v1 f32[2,9] = LayerNorm(x, g, h) eps=1e-06 @norm1
    q f32[2,9,18] = MatMul(k, w) trans_w=1 @qkv
    a f32[2,9,6], l f32[2,2,9] = Attention(q) heads=2 @attn
    p f32[2,9,6] = MatMul(a, u) trans_w=1 @proj
    s f32[2,9,6] = Add(x, p) @residual1
    n f32[2,9,6], m2 f32[2,9], v2 f32[2,9] = LayerNorm(s, g, h) eps=1e-06 @norm2
    f f32[2,9,6] = MatMul(n, u) trans_w=1 @fc
    t f32[2,9,6] = Add(s, f) @residual2
    y f32[2,3], full f32[2,8] = PositionWeights(t, ids) tau=0.5 @weights
    output y)",
                R"(
    net t
    input x f32[2,9,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    state w f32[18,6]
    state u f32[6,6]
    k f32[2,9,6], m1 f32[2,9], v1 f32[2,9] = LayerNorm(x, g, h) eps=1e-06 @norm1
    q f32[2,9,18] = MatMul(k, w) trans_w=1 @qkv
    rows.weights i32[2,4] = TokenRows(ids) @rows.weights part=weights
    a f32[2,4,6], l f32[2,2,4] = Attention(q, rows.weights) heads=2 @attn
    p f32[2,4,6] = MatMul(a, u) trans_w=1 @proj
    x.rows f32[2,4,6] = GatherRows(x, rows.weights) @residual1.rows part=residual1
    s f32[2,4,6] = Add(x.rows, p) @residual1
    n f32[2,4,6], m2 f32[2,4], v2 f32[2,4] = LayerNorm(s, g, h) eps=1e-06 @norm2
    f f32[2,4,6] = MatMul(n, u) trans_w=1 @fc
    t f32[2,4,6] = Add(s, f) @residual2
    y f32[2,3] = GatheredPositionWeights(t) tau=0.5 @weights
    output y)",
                DropPosOps());
}

TEST(RowPruningPassTest, NothingToDo) {
  ExpectSameNet("net empty");
  // The features are given.
  ExpectSameNet(R"(
    net t
    input x f32[2,9,6]
    input ids i32[2,3]
    y f32[2,3], full f32[2,8] = PositionWeights(x, ids) tau=0.5 @weights
    output y)");
}

TEST(RowPruningPassTest, AllRowsThatAreReadStay) {
  // The features are asked for, or the weights of all.
  ExpectSameNet(Changed(kProducts, "output y", "output y\n output a"));
  ExpectSameNet(Changed(kProducts, "output y", "output y\n output full"));
  ExpectSameNet(
      Changed(kProducts, "output y", "s f32[2,8] = Gelu(full) @next\n output y\n output s"));
  // The rows are all of them.
  const std::string all = Changed(kProducts, "ids i32[2,3]", "ids i32[2,8]");
  ExpectSameNet(Changed(all.c_str(), "y f32[2,3]", "y f32[2,8]"));
  // A gradient reads the features.
  ExpectSameNet(
      Changed(kProducts, "output y", "da f32[2,9,8] = Add(a, a) @grad/act\n output y\n output da"));
  // Other rows are gathered.
  ExpectSameNet(Changed(kProducts, "output y",
                        "z f32[2,3,8] = GatherRows(a, ids) @gather\n output y\n output z"));
}

TEST(RowPruningPassTest, WhatIsReadBesideStays) {
  ExpectRewrite(kPass, Changed(kProducts, "output y", "output y\n output n\n output m"), R"(
    net t
    input x f32[2,9,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    state w f32[8,6]
    state b f32[8]
    n f32[2,9,6], m f32[2,9], v f32[2,9] = LayerNorm(x, g, h) eps=1e-06 @norm
    guide/rows.weights i32[2,4] = TokenRows(ids) @guide/rows.weights part=guide/weights
    n.rows f32[2,4,6] = GatherRows(n, guide/rows.weights) @fc.rows part=fc
    p f32[2,4,8] = MatMul(n.rows, w) trans_w=1 @fc
    q f32[2,4,8] = BiasAdd(p, b) @fc.bias_add
    a f32[2,4,8] = Gelu(q) @act
    y f32[2,3] = GatheredPositionWeights(a) tau=0.5 @guide/weights
    output y
    output n
    output m)",
                DropPosOps());
}

// Statistics have no rows of (B, T, C).
TEST(RowPruningPassTest, StatisticsThatAreReadKeepTheirRows) {
  ExpectSameNet(R"(
    net t
    input x f32[2,9,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    n f32[2,9,6], m f32[2,9], v f32[2,9] = LayerNorm(x, g, h) eps=1e-06 @norm
    y f32[2,3], full f32[2,8] = PositionWeights(n, ids) tau=0.5 @weights
    output y
    output m)");
}

TEST(RowPruningPassTest, TwoReadersWithOtherRowsStay) {
  ExpectSameNet(R"(
    net t
    input x f32[2,9,6]
    input i1 i32[2,3]
    input i2 i32[2,3]
    a f32[2,9,6] = Gelu(x) @act
    y f32[2,3], y.full f32[2,8] = PositionWeights(a, i1) tau=0.5 @one
    z f32[2,3], z.full f32[2,8] = PositionWeights(a, i2) tau=0.5 @two
    output y
    output z)");
}

TEST(RowPruningPassTest, EachReaderHasItsRows) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,9,6]
    input i1 i32[2,3]
    input i2 i32[2,5]
    a f32[2,9,6] = Gelu(x) @act1
    y f32[2,3], y.full f32[2,8] = PositionWeights(a, i1) tau=0.5 @one
    b f32[2,9,6] = Gelu(x) @act2
    z f32[2,5], z.full f32[2,8] = PositionWeights(b, i2) tau=0.25 @two
    output y
    output z)",
                R"(
    net t
    input x f32[2,9,6]
    input i1 i32[2,3]
    input i2 i32[2,5]
    rows.one i32[2,4] = TokenRows(i1) @rows.one part=one
    x.rows f32[2,4,6] = GatherRows(x, rows.one) @act1.rows part=act1
    a f32[2,4,6] = Gelu(x.rows) @act1
    y f32[2,3] = GatheredPositionWeights(a) tau=0.5 @one
    rows.two i32[2,6] = TokenRows(i2) @rows.two part=two
    x.rows~2 f32[2,6,6] = GatherRows(x, rows.two) @act2.rows part=act2
    b f32[2,6,6] = Gelu(x.rows~2) @act2
    z f32[2,5] = GatheredPositionWeights(b) tau=0.25 @two
    output y
    output z)",
                DropPosOps());
}

// A position for each row: only what comes after the sum can be pruned.
TEST(RowPruningPassTest, PositionsAreAddedToAllRows) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,9,6]
    input ids i32[2,3]
    state e f32[1,9,6]
    p f32[2,9,6] = BiasAdd(x, e) @positions
    a f32[2,9,6] = Gelu(p) @act
    y f32[2,3], full f32[2,8] = PositionWeights(a, ids) tau=0.5 @weights
    output y)",
                R"(
    net t
    input x f32[2,9,6]
    input ids i32[2,3]
    state e f32[1,9,6]
    p f32[2,9,6] = BiasAdd(x, e) @positions
    rows.weights i32[2,4] = TokenRows(ids) @rows.weights part=weights
    p.rows f32[2,4,6] = GatherRows(p, rows.weights) @act.rows part=act
    a f32[2,4,6] = Gelu(p.rows) @act
    y f32[2,3] = GatheredPositionWeights(a) tau=0.5 @weights
    output y)",
                DropPosOps());
}

TEST(RowPruningPassTest, RowsThatAreNamedTooLateStay) {
  ExpectSameNet(R"(
    net t
    input x f32[2,9,6]
    input keys i64[2]
    f f32[2,9,6] = Gelu(x) @act
    ids i32[2,3], mask u8[2,8], r i32[2,8], p u8[2,3], d i32[2,2] = MaskSample(keys) num_patches=8 num_visible=3 num_pos_kept=1 @mask
    w f32[2,3], full f32[2,8] = PositionWeights(f, ids) tau=0.5 @guide/weights
    output w)");
}

}  // namespace
}  // namespace graph
