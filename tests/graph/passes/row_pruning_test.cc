#include "graph/passes/row_pruning.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_replace.h"
#include "ops/droppos/op_table.h"
#include "ops/op_table.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

const RowPruningPass kPass;

TEST(RowPruningPassTest, NothingToDo) {
  ExpectUnchanged(kPass, "net empty");
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    z f32[2,3,6] = GatherRows(x, ids) @gather
    y f32[2,3,6] = Gelu(z) @act
    output y)");
}

TEST(RowPruningPassTest, RowsAreTakenBeforeTheProducts) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    state w f32[8,6]
    state b f32[8]
    n f32[2,5,6], m f32[2,5], v f32[2,5] = LayerNorm(x, g, h) eps=1e-06 @norm
    p f32[2,5,8] = MatMul(n, w) trans_w=1 @fc
    q f32[2,5,8] = BiasAdd(p, b) @fc.bias_add
    a f32[2,5,8] = Gelu(q) @act
    z f32[2,3,8] = GatherRows(a, ids) @gather
    y f32[2,3,8] = Gelu(z) @act2
    output y)",
                R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    state w f32[8,6]
    state b f32[8]
    x.rows f32[2,3,6] = GatherRows(x, ids) @norm.rows part=norm
    n f32[2,3,6], m f32[2,3], v f32[2,3] = LayerNorm(x.rows, g, h) eps=1e-06 @norm
    p f32[2,3,8] = MatMul(n, w) trans_w=1 @fc
    q f32[2,3,8] = BiasAdd(p, b) @fc.bias_add
    a f32[2,3,8] = Gelu(q) @act
    y f32[2,3,8] = Gelu(a) @act2
    output y)");
}

constexpr char kBlock[] = R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    state w f32[18,6]
    state u f32[6,6]
    k f32[2,5,6], m1 f32[2,5], v1 f32[2,5] = LayerNorm(x, g, h) eps=1e-06 @norm1
    q f32[2,5,18] = MatMul(k, w) trans_w=1 @qkv
    a f32[2,5,6], l f32[2,2,5] = Attention(q) heads=2 @attn
    p f32[2,5,6] = MatMul(a, u) trans_w=1 @proj
    s f32[2,5,6] = Add(x, p) @residual1
    n f32[2,5,6], m2 f32[2,5], v2 f32[2,5] = LayerNorm(s, g, h) eps=1e-06 @norm2
    f f32[2,5,6] = MatMul(n, u) trans_w=1 @fc
    t f32[2,5,6] = Add(s, f) @residual2
    z f32[2,3,6] = GatherRows(t, ids) @gather
    y f32[2,3,6] = Gelu(z) @next
    output y)";

// Keys and values are those of all rows; the residual's rows are read together.
TEST(RowPruningPassTest, AttentionAsksForTheRowsOnly) {
  ExpectRewrite(kPass, kBlock, R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    state w f32[18,6]
    state u f32[6,6]
    k f32[2,5,6], m1 f32[2,5], v1 f32[2,5] = LayerNorm(x, g, h) eps=1e-06 @norm1
    q f32[2,5,18] = MatMul(k, w) trans_w=1 @qkv
    a f32[2,3,6], l f32[2,2,3] = Attention(q, ids) heads=2 @attn
    p f32[2,3,6] = MatMul(a, u) trans_w=1 @proj
    x.rows f32[2,3,6] = GatherRows(x, ids) @residual1.rows part=residual1
    s f32[2,3,6] = Add(x.rows, p) @residual1
    n f32[2,3,6], m2 f32[2,3], v2 f32[2,3] = LayerNorm(s, g, h) eps=1e-06 @norm2
    f f32[2,3,6] = MatMul(n, u) trans_w=1 @fc
    t f32[2,3,6] = Add(s, f) @residual2
    y f32[2,3,6] = Gelu(t) @next
    output y)");
}

std::string Changed(const char* text, const char* from, const char* to) {
  const std::string changed = absl::StrReplaceAll(text, {{from, to}});
  EXPECT_NE(changed, text);
  return changed;
}

TEST(RowPruningPassTest, AllRowsThatAreReadStay) {
  // Asked for, or kept.
  ExpectUnchanged(kPass, Changed(kBlock, "output y", "output y\n output t"));
  // The rows are all of them, or more.
  for (const char* rows : {"5", "7"}) {
    std::string text = Changed(kBlock, "ids i32[2,3]", "ids i32[2,ROWS]");
    text = Changed(text.c_str(), "f32[2,3,6]", "f32[2,ROWS,6]");
    ExpectUnchanged(kPass, absl::StrReplaceAll(text, {{"ROWS", rows}}));
  }
  // The gradient reads all of the pre-activation.
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    input dz f32[2,3,6]
    a f32[2,5,6] = Gelu(x) @act
    z f32[2,3,6] = GatherRows(a, ids) @gather
    y f32[2,3,6] = Add(z, z) @next
    da f32[2,5,6] = ScatterRows(dz, ids) rows=5 @grad/gather
    dx f32[2,5,6] = Add(a, da) @grad/act
    output y
    output dx)");
}

TEST(RowPruningPassTest, TwoReadersWithOtherRowsStay) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,5,6]
    input i1 i32[2,3]
    input i2 i32[2,3]
    a f32[2,5,6] = Gelu(x) @act
    z f32[2,3,6] = GatherRows(a, i1) @one
    y f32[2,3,6] = GatherRows(a, i2) @two
    s f32[2,3,6] = Add(z, y) @sum
    output s)");
}

// A position for each row: only what comes behind the sum can be pruned.
TEST(RowPruningPassTest, PositionsAreAddedToAllRows) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    state e f32[1,5,6]
    p f32[2,5,6] = BiasAdd(x, e) @positions
    a f32[2,5,6] = Gelu(p) @act
    z f32[2,3,6] = GatherRows(a, ids) @gather
    y f32[2,3,6] = Gelu(z) @next
    output y)",
                R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    state e f32[1,5,6]
    p f32[2,5,6] = BiasAdd(x, e) @positions
    p.rows f32[2,3,6] = GatherRows(p, ids) @act.rows part=act
    a f32[2,3,6] = Gelu(p.rows) @act
    y f32[2,3,6] = Gelu(a) @next
    output y)");
}

TEST(RowPruningPassTest, StatisticsThatAreReadKeepTheirRows) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    n f32[2,5,6], m f32[2,5], v f32[2,5] = LayerNorm(x, g, h) eps=1e-06 @norm
    z f32[2,3,6] = GatherRows(n, ids) @gather
    y f32[2,3,6] = Gelu(z) @next
    output y
    output m)");
}

const SchemaRegistry& DropPosOps() {
  static const SchemaRegistry* const registry = [] {
    auto* r = new SchemaRegistry;
    ops::RegisterOps(r);
    ops::droppos::RegisterOps(r);
    return r;
  }();
  return *registry;
}

constexpr char kGuide[] = R"(
    net t
    input x f32[2,9,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    f f32[2,9,6], m f32[2,9], v f32[2,9] = LayerNorm(x, g, h) eps=1e-06 @norm
    w f32[2,3], full f32[2,8] = PositionWeights(f, ids) tau=0.5 @guide/weights
    output w)";

TEST(RowPruningPassTest, AnOperatorThatReadsFewRowsIsReplaced) {
  ExpectRewrite(kPass, kGuide, R"(
    net t
    input x f32[2,9,6]
    input ids i32[2,3]
    state g f32[6]
    state h f32[6]
    guide/rows.weights i32[2,4] = TokenRows(ids) @guide/rows.weights part=guide/weights
    x.rows f32[2,4,6] = GatherRows(x, guide/rows.weights) @norm.rows part=norm
    f f32[2,4,6], m f32[2,4], v f32[2,4] = LayerNorm(x.rows, g, h) eps=1e-06 @norm
    w f32[2,3] = GatheredPositionWeights(f) tau=0.5 @guide/weights
    output w)",
                DropPosOps());
  // All of it is read; the features are given.
  ExpectUnchanged(kPass, Changed(kGuide, "output w", "output w\n output full"), DropPosOps());
  ExpectUnchanged(kPass, Changed(kGuide, "PositionWeights(f", "PositionWeights(x"), DropPosOps());
}

TEST(RowPruningPassTest, RowsThatAreNamedTooLateStay) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,9,6]
    input keys i64[2]
    f f32[2,9,6] = Gelu(x) @act
    ids i32[2,3], mask u8[2,8], r i32[2,8], p u8[2,3], d i32[2,2] = MaskSample(keys) num_patches=8 num_visible=3 num_pos_kept=1 @mask
    w f32[2,3], full f32[2,8] = PositionWeights(f, ids) tau=0.5 @guide/weights
    output w)",
                  DropPosOps());
}

TEST(RowPruningPassTest, RowsOfASliceAreRowsOfTheWhole) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    a f32[2,5,6] = Gelu(x) @act
    s f32[2,4,6] = SliceRows(a) start=1 count=4 @part/slice
    b f32[2,4,6] = Gelu(s) @act2
    z f32[2,3,6] = GatherRows(b, ids) @gather
    y f32[2,3,6] = Gelu(z) @act3
    output y)",
                R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    part/rows.slice i32[2,3] = SlicedRows(ids) start=1 @part/rows.slice part=part/slice
    x.rows f32[2,3,6] = GatherRows(x, part/rows.slice) @act.rows part=act
    a f32[2,3,6] = Gelu(x.rows) @act
    b f32[2,3,6] = Gelu(a) @act2
    y f32[2,3,6] = Gelu(b) @act3
    output y)");
  // All rows of the slice are read.
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,4]
    a f32[2,5,6] = Gelu(x) @act
    s f32[2,4,6] = SliceRows(a) start=1 count=4 @slice
    z f32[2,4,6] = GatherRows(s, ids) @gather
    y f32[2,4,6] = Gelu(z) @act3
    output y)");
}

TEST(RowPruningPassTest, WhatIsReadBesideTheSliceStays) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    a f32[2,5,6] = Gelu(x) @act
    s f32[2,4,6] = SliceRows(a) start=1 count=4 @slice
    b f32[2,4,6] = Gelu(s) @act2
    z f32[2,3,6] = GatherRows(b, ids) @gather
    y f32[2,3,6] = Gelu(z) @act3
    output y
    output a)",
                R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,3]
    rows.slice i32[2,3] = SlicedRows(ids) start=1 @rows.slice part=slice
    a f32[2,5,6] = Gelu(x) @act
    a.rows f32[2,3,6] = GatherRows(a, rows.slice) @slice.rows part=slice
    b f32[2,3,6] = Gelu(a.rows) @act2
    y f32[2,3,6] = Gelu(b) @act3
    output y
    output a)");
}

// A block of a decoder, and a loss of two of four rows behind the class token.
constexpr char kScored[] = R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,4]
    input mask u8[2,4]
    input sigma f32[1]
    state u f32[6,6]
    state w f32[18,6]
    q f32[2,5,18] = MatMul(x, w) trans_w=1 @qkv
    a f32[2,5,6], l f32[2,2,5] = Attention(q) heads=2 @attn
    p f32[2,5,6] = MatMul(a, u) trans_w=1 @proj
    s f32[2,5,6] = Add(x, p) @residual
    d f32[2,4,6] = SliceRows(s) start=1 count=4 @drop_cls
    e f32[2,4,6] = MatMul(d, u) trans_w=1 @pred
    loss f32[1], acc f32[1], accw f32[1], c i32[2], n i32[2], i i32[2] = SmoothedPositionCE(e, ids, mask, sigma) grid_h=2 grid_w=3 scored=2 @loss
    output loss
    output acc
    output c)";

constexpr char kScoredRows[] = R"(
    net t
    input x f32[2,5,6]
    input ids i32[2,4]
    input mask u8[2,4]
    input sigma f32[1]
    state u f32[6,6]
    state w f32[18,6]
    rows.loss i32[2,2] = ScoredRows(mask) scored=2 @rows.loss part=loss
    rows.drop_cls i32[2,2] = SlicedRows(rows.loss) start=1 @rows.drop_cls part=drop_cls
    q f32[2,5,18] = MatMul(x, w) trans_w=1 @qkv
    ATTENTION
    p f32[2,2,6] = MatMul(PROJECTED, u) trans_w=1 @proj
    x.rows f32[2,2,6] = GatherRows(x, rows.drop_cls) @residual.rows part=residual
    s f32[2,2,6] = Add(x.rows, p) @residual
    e f32[2,2,6] = MatMul(s, u) trans_w=1 @pred
    loss f32[1], acc f32[1], accw f32[1], c i32[2], n i32[2], i i32[2] = SmoothedPositionCE(e, ids, mask, sigma) grid_h=2 grid_w=3 scored=2 @loss
    output loss
    output acc
    output c)";

TEST(RowPruningPassTest, AnOperatorTakesTheRowsThatItScores) {
  ExpectRewrite(
      kPass, kScored,
      absl::StrReplaceAll(
          kScoredRows,
          {{"ATTENTION", "a f32[2,2,6], l f32[2,2,2] = Attention(q, rows.drop_cls) heads=2 @attn"},
           {"PROJECTED", "a"}}),
      DropPosOps());
  // It does not say how many, or all are scored, or the logits are asked for.
  ExpectUnchanged(kPass, Changed(kScored, "scored=2", "scored=0"), DropPosOps());
  ExpectUnchanged(kPass, Changed(kScored, "scored=2", "scored=4"), DropPosOps());
  ExpectUnchanged(kPass, Changed(kScored, "output acc", "output acc\n output e"), DropPosOps());
}

const RowPruningPass kBefore(RowPruningPass::When::kBeforeGradients);

// Its gradient knows no queries that are named.
TEST(RowPruningPassTest, BeforeGradientsAttentionMakesAllRows) {
  ExpectRewrite(kBefore, kScored,
                absl::StrReplaceAll(
                    kScoredRows,
                    {{"ATTENTION",
                      "a f32[2,5,6], l f32[2,2,5] = Attention(q) heads=2 @attn\n"
                      "    a.rows f32[2,2,6] = GatherRows(a, rows.drop_cls) @proj.rows part=proj"},
                     {"PROJECTED", "a.rows"}}),
                DropPosOps());
  ExpectUnchanged(kBefore, "net empty");
  ExpectUnchanged(kBefore, Changed(kScored, "scored=2", "scored=0"), DropPosOps());
  ExpectUnchanged(kBefore, Changed(kScored, "output acc", "output acc\n output e"), DropPosOps());
}

// What is done there after gradients is more.
TEST(RowPruningPassTest, BeforeGradientsNothingStartsWhereTheyEnd) {
  ExpectUnchanged(kBefore, kGuide, DropPosOps());
}

}  // namespace
}  // namespace graph
