#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/substitute.h"
#include "graph/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

const Pass kPass = ResidualNormFusionPass();

TEST(ResidualNormFusionPassTest, NothingToDo) {
  ExpectUnchanged(kPass, R"(
    net t
    input a f32[4,6]
    input b f32[4,6]
    state g f32[6]
    state h f32[6]
    s f32[4,6] = Add(a, b) @add
    p f32[4,6] = Gelu(s) @act
    y f32[4,6], m f32[4], v f32[4] = LayerNorm(p, g, h) dtype="same" eps=1e-06 @norm
    z f32[4,6], n f32[4], w f32[4] = LayerNorm(a, g, h) dtype="same" eps=1e-06 @norm_of_input
    output y
    output z)");
  ExpectUnchanged(kPass, "net empty");
}

TEST(ResidualNormFusionPassTest, SumAndNormBecomeOne) {
  ExpectRewrite(kPass, R"(
    net t
    input a f32[2,4,6]
    input b f32[2,4,6]
    state g f32[6]
    state h f32[6]
    s f32[2,4,6] = Add(a, b) @op1 part=blocks.0.mlp.residual
    y f32[2,4,6], m f32[2,4], v f32[2,4] = LayerNorm(s, g, h) dtype="same" eps=1e-05 @op2 part=blocks.1.norm1
    output y)",
                R"(
    net t
    input a f32[2,4,6]
    input b f32[2,4,6]
    state g f32[6]
    state h f32[6]
    s f32[2,4,6], y f32[2,4,6], m f32[2,4], v f32[2,4] = AddLayerNorm(a, b, g, h) dtype="same" eps=1e-05 @op2 part=blocks.1.norm1
    output y)");
}

// The sum is kept, the norm computed again: as one they would run where the sum does.
TEST(ResidualNormFusionPassTest, NotAcrossPhases) {
  ExpectUnchanged(kPass, R"(
    net t
    input a f32[4,6]
    input b f32[4,6]
    state g f32[6]
    state h f32[6]
    s f32[4,6] = Add(a, b) @add
    y f32[4,6], m f32[4], v f32[4] = LayerNorm(s, g, h) eps=1e-06 @norm phase=backward recomputed
    output y)");
}

// The next residual and the gradient read the sum and the statistics; a reader
// that stood between sum and norm still stands behind the sum.
TEST(ResidualNormFusionPassTest, TheSumStaysForItsOtherReaders) {
  ExpectRewrite(kPass, R"(
    net t
    input a f32[4,6]
    input b f32[4,6]
    input dy f32[4,6]
    state g f32[6]
    state h f32[6]
    s f32[4,6] = Add(a, b) @add
    early f32[4,6] = Gelu(s) @early
    y f32[4,6], m f32[4], v f32[4] = LayerNorm(s, g, h) dtype="same" eps=1e-06 @norm
    late f32[4,6] = Add(s, y) @late
    dx f32[4,6], dg f32[6], dh f32[6] = LayerNormGrad(s, g, m, v, dy) eps=1e-06 @grad/norm
    output early
    output late
    output dx)",
                R"(
    net t
    input a f32[4,6]
    input b f32[4,6]
    input dy f32[4,6]
    state g f32[6]
    state h f32[6]
    s f32[4,6], y f32[4,6], m f32[4], v f32[4] = AddLayerNorm(a, b, g, h) dtype="same" eps=1e-06 @norm
    early f32[4,6] = Gelu(s) @early
    late f32[4,6] = Add(s, y) @late
    dx f32[4,6], dg f32[6], dh f32[6] = LayerNormGrad(s, g, m, v, dy) eps=1e-06 @grad/norm
    output early
    output late
    output dx)");
}

TEST(ResidualNormFusionPassTest, ASumThatIsAnOutputStaysOne) {
  ExpectRewrite(kPass, R"(
    net t
    input a f32[4,6]
    state g f32[6]
    state h f32[6]
    s f32[4,6] = Add(a, a) @add
    y f32[4,6], m f32[4], v f32[4] = LayerNorm(s, g, h) dtype="same" eps=1e-06 @norm
    output s
    output y
    output v)",
                R"(
    net t
    input a f32[4,6]
    state g f32[6]
    state h f32[6]
    s f32[4,6], y f32[4,6], m f32[4], v f32[4] = AddLayerNorm(a, a, g, h) dtype="same" eps=1e-06 @norm
    output s
    output y
    output v)");
}

TEST(ResidualNormFusionPassTest, ChainsOfResiduals) {
  ExpectRewrite(kPass, R"(
    net t
    input a f32[4,6]
    input b f32[4,6]
    state g f32[6]
    state h f32[6]
    s1 f32[4,6] = Add(a, b) @add1
    y1 f32[4,6], m1 f32[4], v1 f32[4] = LayerNorm(s1, g, h) dtype="same" eps=1e-06 @norm1
    s2 f32[4,6] = Add(s1, y1) @add2
    y2 f32[4,6], m2 f32[4], v2 f32[4] = LayerNorm(s2, g, h) dtype="same" eps=1e-06 @norm2
    output y2)",
                R"(
    net t
    input a f32[4,6]
    input b f32[4,6]
    state g f32[6]
    state h f32[6]
    s1 f32[4,6], y1 f32[4,6], m1 f32[4], v1 f32[4] = AddLayerNorm(a, b, g, h) dtype="same" eps=1e-06 @norm1
    s2 f32[4,6], y2 f32[4,6], m2 f32[4], v2 f32[4] = AddLayerNorm(s1, y1, g, h) dtype="same" eps=1e-06 @norm2
    output y2)");
}

TEST(ResidualNormFusionPassTest, OfSeveralNormsTheFirstIsJoined) {
  ExpectRewrite(kPass, R"(
    net t
    input a f32[4,6]
    input b f32[4,6]
    state g f32[6]
    state h f32[6]
    state k f32[6]
    s f32[4,6] = Add(a, b) @add
    y f32[4,6], m f32[4], v f32[4] = LayerNorm(s, g, h) dtype="same" eps=1e-06 @norm1
    z f32[4,6], n f32[4], w f32[4] = LayerNorm(s, k, h) dtype="same" eps=1e-06 @norm2
    output y
    output z)",
                R"(
    net t
    input a f32[4,6]
    input b f32[4,6]
    state g f32[6]
    state h f32[6]
    state k f32[6]
    s f32[4,6], y f32[4,6], m f32[4], v f32[4] = AddLayerNorm(a, b, g, h) dtype="same" eps=1e-06 @norm1
    z f32[4,6], n f32[4], w f32[4] = LayerNorm(s, k, h) dtype="same" eps=1e-06 @norm2
    output y
    output z)");
}

// Drop path: the product is taken in from either side of the addition, and what was asked for by
// others stays.
TEST(ResidualNormFusionPassTest, AScaledBranchIsTakenIn) {
  const char* const before = R"(
    net t
    input a f32[2,4,6]
    input b f32[2,4,6]
    input k f32[5,2]
    state g f32[6]
    state h f32[6]
    t f32[2,4,6] = ScaleImages(b, k) index=3 @blocks.1.mlp.drop_path
    s f32[2,4,6] = Add($0) @blocks.1.mlp.residual
    y f32[2,4,6], m f32[2,4], v f32[2,4] = LayerNorm(s, g, h) dtype="same" eps=1e-06 @blocks.2.norm1
    output s
    output y)";
  for (const char* operands : {"a, t", "t, a"}) {
    ExpectRewrite(kPass, absl::Substitute(before, operands), R"(
    net t
    input a f32[2,4,6]
    input b f32[2,4,6]
    input k f32[5,2]
    state g f32[6]
    state h f32[6]
    s f32[2,4,6], y f32[2,4,6], m f32[2,4], v f32[2,4] = AddLayerNorm(a, b, g, h, k) dtype="same" eps=1e-06 index=3 @blocks.2.norm1
    output s
    output y)");
  }
}

TEST(ResidualNormFusionPassTest, OfTwoScaledOperandsTheSecondIsTakenIn) {
  ExpectRewrite(kPass, R"(
    net t
    input a f32[2,6]
    input k f32[2]
    state g f32[6]
    state h f32[6]
    t f32[2,6] = ScaleImages(a, k) @one
    u f32[2,6] = ScaleImages(a, k) @two
    s f32[2,6] = Add(t, u) @add
    y f32[2,6], m f32[2], v f32[2] = LayerNorm(s, g, h) dtype="same" eps=1e-06 @norm
    output y)",
                R"(
    net t
    input a f32[2,6]
    input k f32[2]
    state g f32[6]
    state h f32[6]
    t f32[2,6] = ScaleImages(a, k) @one
    s f32[2,6], y f32[2,6], m f32[2], v f32[2] = AddLayerNorm(t, a, g, h, k) dtype="same" eps=1e-06 @norm
    output y)");
}

// A product that others read, or that is an output; scales that are overwritten before the
// addition; a sum that no norm reads. Sum and norm are joined where they can be.
TEST(ResidualNormFusionPassTest, ScaledBranchesThatStayApart) {
  const char* const net = R"(
    net t
    input a f32[2,4,6]
    input b f32[2,4,6]
    input l f32[2]
    state k f32[2] -> k.out
    state g f32[6]
    state h f32[6]
    t f32[2,4,6] = ScaleImages(b, k) @drop
    $0
    $1
    output y
    output $2)";
  const char* const apart = R"(s f32[2,4,6] = Add(a, t) @add
    y f32[2,4,6], m f32[2,4], v f32[2,4] = LayerNorm(s, g, h) dtype="same" eps=1e-06 @norm)";
  const char* const joined =
      "s f32[2,4,6], y f32[2,4,6], m f32[2,4], v f32[2,4] = "
      "AddLayerNorm(a, t, g, h) dtype=\"same\" eps=1e-06 @norm";
  for (const auto& [between, output] : std::vector<std::pair<std::string, const char*>>{
           {"u f32[2,4,6] = Gelu(t) @other", "u"},
           {"", "t"},
           {"k.out f32[2] = Add(k, l) @next", "s"}}) {
    const auto text = [net, between = between, output = output](const char* sum) {
      const std::string text = absl::Substitute(net, between, sum, output);
      return between[0] == 'k' ? text : absl::StrReplaceAll(text, {{" -> k.out", ""}});
    };
    ExpectRewrite(kPass, text(apart), text(joined));
  }
  ExpectUnchanged(kPass, R"(
    net t
    input a f32[2,6]
    input k f32[2]
    t f32[2,6] = ScaleImages(a, k) @drop
    s f32[2,6] = Add(a, t) @add
    output s)");
}

// BiasAdd broadcasts; its sum is not the kind this pass joins.
TEST(ResidualNormFusionPassTest, BroadcastSumStays) {
  ExpectUnchanged(kPass, R"(
    net t
    input a f32[4,6]
    state b f32[6]
    state g f32[6]
    state h f32[6]
    s f32[4,6] = BiasAdd(a, b) @add
    y f32[4,6], m f32[4], v f32[4] = LayerNorm(s, g, h) dtype="same" eps=1e-06 @norm
    output y)");
}

TEST(ResidualNormFusionPassTest, ScaleMadeAfterTheSumStays) {
  ExpectUnchanged(kPass, R"(
    net t
    input a f32[4,6]
    input b f32[4,6]
    state g f32[6]
    state h f32[6]
    s f32[4,6] = Add(a, b) @add
    k f32[6] = Gelu(g) @scale
    y f32[4,6], m f32[4], v f32[4] = LayerNorm(s, k, h) dtype="same" eps=1e-06 @norm
    output y)");
}

// An accumulator that is normalised, and a norm that is kept for the next run.
TEST(ResidualNormFusionPassTest, StatesAtExitStay) {
  ExpectUnchanged(kPass, R"(
    net t
    input a f32[4,6]
    state s f32[4,6] -> s.out
    state g f32[6]
    state h f32[6]
    s.out f32[4,6] = Add(s, a) @add
    y f32[4,6], m f32[4], v f32[4] = LayerNorm(s.out, g, h) dtype="same" eps=1e-06 @norm
    output y)");
  ExpectUnchanged(kPass, R"(
    net t
    input a f32[4,6]
    input b f32[4,6]
    state y f32[4,6] -> y.out
    state g f32[6]
    state h f32[6]
    s f32[4,6] = Add(a, b) @add
    old f32[4,6] = Gelu(y) @old
    y.out f32[4,6], m f32[4], v f32[4] = LayerNorm(s, g, h) dtype="same" eps=1e-06 @norm
    output old)");
}

TEST(ResidualNormFusionPassTest, TheGradientOfTheSkipIsAddedInTheNorm) {
  const char* const net = R"(
    net t
    input x f32[4,6]
    input m f32[4]
    input v f32[4]
    input dy f32[4,6]
    input dz f32[4,6]
    state g f32[6]
    skip f32[4,6] = Gelu(dz) @skip
    dx f32[4,6], dg f32[6], dh f32[6] = LayerNormGrad(x, g, m, v, dy) eps=1e-06 @grad/norm
    s f32[4,6] = Add($0) @grad/x
    y f32[4,6] = Gelu(s) @next
    output dg
    output y)";
  for (const char* operands : {"dx, skip", "skip, dx"}) {
    ExpectRewrite(kPass, absl::Substitute(net, operands), R"(
    net t
    input x f32[4,6]
    input m f32[4]
    input v f32[4]
    input dy f32[4,6]
    input dz f32[4,6]
    state g f32[6]
    skip f32[4,6] = Gelu(dz) @skip
    s f32[4,6], dg f32[6], dh f32[6] = LayerNormGrad(x, g, m, v, dy, skip) eps=1e-06 @grad/norm
    y f32[4,6] = Gelu(s) @next
    output dg
    output y)");
  }
}

TEST(ResidualNormFusionPassTest, GradientsThatStayApart) {
  const char* const net = R"(
    net t
    input x f32[4,6]
    input m f32[4]
    input v f32[4]
    input dy f32[4,6]
    state g f32[6]
    state s f32[4,6] -> s.out
    dx f32[4,6], dg f32[6], dh f32[6] = LayerNormGrad(x, g, m, v, dy) eps=1e-06 @grad/norm
    $0
    output dg
    output $1)";
  for (const auto& [rest, output] : std::vector<std::pair<const char*, const char*>>{
           {"t f32[4,6] = Add(dx, dy) @grad/x", "dx\n output t"},  // dx is asked for
           {"t f32[4,6] = Add(dx, dx) @grad/x", "t"},              // and read twice
           {"l f32[4,6] = Gelu(dy) @late\n t f32[4,6] = Add(dx, l) @grad/x", "t"},
           {"t f32[4,6] = Add(dx, dy) @grad/x\n u f32[4,6] = Gelu(dx) @other", "t\n output u"},
           {"o f32[4,6] = Gelu(s) @old\n s.out f32[4,6] = Add(dx, dy) @accum", "o"}}) {
    std::string text = absl::Substitute(net, rest, output);
    if (!absl::StrContains(text, "s.out f32"))
      text = absl::StrReplaceAll(text, {{" -> s.out", ""}});
    ExpectUnchanged(kPass, text);
  }
}

}  // namespace
}  // namespace graph
