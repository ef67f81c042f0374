#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "graph/ir/text.h"
#include "graph/ir/verify.h"
#include "graph/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

const Pass kPass = TensorGroupingPass();

TEST(TensorGroupingPassTest, NothingToDo) {
  ExpectUnchanged(kPass, "net empty");
  // One of its type, and types that have one tensor only.
  ExpectUnchanged(kPass, R"(
    net t
    input g f32[8]
    a f32[8] = Gelu(g) @a
    b f32[8] = Gelu(g) @b
    n f32[1] = GradNorm(g) @n phase=update
    output a
    output b
    output n)");
}

TEST(TensorGroupingPassTest, NeighboursBecomeOne) {
  ExpectRewrite(kPass, R"(
    net t
    input g f32[8]
    input h f32[2,3]
    input i f32[1]
    n f32[1] = GradNorm(g) @grad_norm/a.weight phase=update
    m f32[1] = GradNorm(h) @grad_norm/a.bias phase=update
    o f32[1] = GradNorm(i) @grad_norm/b phase=update
    output n
    output m
    output o)",
                R"(
    net t
    input g f32[8]
    input h f32[2,3]
    input i f32[1]
    n f32[1], m f32[1], o f32[1] = GradNorm(g, h, i) @grad_norm/3_tensors part=/ phase=update
    output n
    output m
    output o)");
}

// Lifetimes: what another type stands between stays apart.
TEST(TensorGroupingPassTest, OnlyNeighbours) {
  ExpectRewrite(kPass, R"(
    net t
    input g f32[8]
    n f32[1] = GradNorm(g) @n phase=update
    h f32[8] = Gelu(g) @act
    m f32[1] = GradNorm(h) @m phase=update
    o f32[1] = GradNorm(g) @o phase=update
    output n
    output m
    output o)",
                R"(
    net t
    input g f32[8]
    n f32[1] = GradNorm(g) @n phase=update
    h f32[8] = Gelu(g) @act
    m f32[1], o f32[1] = GradNorm(h, g) @2_tensors part=/ phase=update
    output n
    output m
    output o)");
}

TEST(TensorGroupingPassTest, NoneReadsWhatAnotherWrites) {
  ExpectRewrite(kPass, R"(
    net t
    input g f32[8]
    input h f32[8]
    n f32[1] = GradNorm(g) @n phase=update
    m f32[1] = GradNorm(h) @m phase=update
    o f32[1] = GradNorm(n) @o phase=update
    p f32[1] = GradNorm(m) @p phase=update
    output o
    output p)",
                R"(
    net t
    input g f32[8]
    input h f32[8]
    n f32[1], m f32[1] = GradNorm(g, h) @2_tensors part=/ phase=update
    o f32[1], p f32[1] = GradNorm(n, m) @2_tensors~2 part=/ phase=update
    output o
    output p)");
}

// Two parameters a and b, and others of the same shape, with the given operators.
std::string Updates(const std::string& ops) {
  std::string text = R"(
    net t
    input lr f32[1]
    input other_lr f32[1]
    input factors f32[3]
    input ga f32[8]
    input gb f32[2,3]
    state step i32[1]
    state a f32[8] -> a.out
    state am f32[8] -> am.out
    state av f32[8] -> av.out
    state b f32[2,3] -> b.out
    state bm f32[2,3] -> bm.out
    state bv f32[2,3] -> bv.out
    state c f32[8] -> c.out
    state cm f32[8] -> cm.out
    state cv f32[8] -> cv.out
    state d f32[8] -> d.out
    state dm f32[8] -> dm.out
    state dv f32[8] -> dv.out)";
  return absl::StrCat(text, "\n", ops);
}

std::string Outputs(const std::string& p, const std::string& type) {
  return absl::StrCat(p, ".out ", type, ", ", p, "m.out ", type, ", ", p, "v.out ", type);
}

const char kRates[] = "beta1=0.9 beta2=0.95 eps=1e-08";

// With and without decay, in turns: a group each, where the first one stood.
TEST(TensorGroupingPassTest, ListsAreJoinedAndOtherAttributesKeepApart) {
  const std::string a = Outputs("a", "f32[8]"), b = Outputs("b", "f32[2,3]"),
                    c = Outputs("c", "f32[8]"), d = Outputs("d", "f32[8]");
  ExpectRewrite(
      kPass,
      Updates(absl::StrCat(a, " = AdamW(lr, factors, step, a, ga, am, av) ", kRates,
                           " indices=[2] weight_decay=0.05 @adamw/a phase=update\n",  //
                           b, " = AdamW(lr, factors, step, b, gb, bm, bv) ", kRates,
                           " indices=[0] weight_decay=0.0 @adamw/b phase=update\n",  //
                           c, " = AdamW(lr, factors, step, c, ga, cm, cv) ", kRates,
                           " indices=[1] weight_decay=0.05 @adamw/c phase=update\n",  //
                           d, " = AdamW(lr, factors, step, d, ga, dm, dv) ", kRates,
                           " indices=[1] weight_decay=-0.0 @adamw/d phase=update\n")),
      Updates(absl::StrCat(
          a, ", ", c, " = AdamW(lr, factors, step, a, ga, am, av, c, ga, cm, cv) ", kRates,
          " indices=[2,1] weight_decay=0.05 @adamw/2_tensors part=/ phase=update\n",  //
          b, " = AdamW(lr, factors, step, b, gb, bm, bv) ", kRates,
          " indices=[0] weight_decay=0.0 @adamw/b phase=update\n",  //
          d, " = AdamW(lr, factors, step, d, ga, dm, dv) ", kRates,
          " indices=[1] weight_decay=-0.0 @adamw/d phase=update\n")));
}

// Another learning rate is an input of all tensors. And what are groups already take
// in the next ones.
TEST(TensorGroupingPassTest, SharedInputsKeepApartAndGroupsGrow) {
  const std::string a = Outputs("a", "f32[8]"), b = Outputs("b", "f32[2,3]"),
                    c = Outputs("c", "f32[8]"), d = Outputs("d", "f32[8]");
  const auto text = [&](const std::string& last) {
    return Updates(absl::StrCat(
        a, ", ", b, " = AdamW(lr, factors, step, a, ga, am, av, b, gb, bm, bv) ", kRates,
        " indices=[0,1] weight_decay=0.0 @adamw/2_tensors part=/ phase=update\n",  //
        c, " = AdamW(other_lr, factors, step, c, ga, cm, cv) ", kRates,
        " indices=[0] weight_decay=0.0 @adamw/c phase=update\n", last));
  };
  ExpectRewrite(
      kPass,
      text(absl::StrCat(d, " = AdamW(lr, factors, step, d, ga, dm, dv) ", kRates,
                        " indices=[2] weight_decay=0.0 @adamw/d phase=update")),
      Updates(absl::StrCat(
          a, ", ", b, ", ", d,
          " = AdamW(lr, factors, step, a, ga, am, av, b, gb, bm, bv, d, ga, dm, dv) ", kRates,
          " indices=[0,1,2] weight_decay=0.0 @adamw/3_tensors part=/ phase=update\n",  //
          c, " = AdamW(other_lr, factors, step, c, ga, cm, cv) ", kRates,
          " indices=[0] weight_decay=0.0 @adamw/c phase=update\n")));
}

// c's update reads d, as a gradient, before d's update overwrites it: in one operator
// d could be gone.
TEST(TensorGroupingPassTest, NoneOverwritesAStateThatAnotherReads) {
  const std::string a = Outputs("a", "f32[8]"), b = Outputs("b", "f32[2,3]"),
                    c = Outputs("c", "f32[8]"), d = Outputs("d", "f32[8]");
  const std::string common = absl::StrCat(" ", kRates, " indices=[0] weight_decay=0.0 @adamw/");
  ExpectRewrite(
      kPass,
      Updates(absl::StrCat(
          a, " = AdamW(lr, factors, step, a, ga, am, av)", common, "a phase=update\n",  //
          c, " = AdamW(lr, factors, step, c, d, cm, cv)", common, "c phase=update\n",   //
          d, " = AdamW(lr, factors, step, d, ga, dm, dv)", common, "d phase=update\n",  //
          b, " = AdamW(lr, factors, step, b, gb, bm, bv)", common, "b phase=update")),
      Updates(absl::StrCat(
          a, ", ", c, " = AdamW(lr, factors, step, a, ga, am, av, c, d, cm, cv) ", kRates,
          " indices=[0,0] weight_decay=0.0 @adamw/2_tensors part=/ phase=update\n",  //
          d, ", ", b, " = AdamW(lr, factors, step, d, ga, dm, dv, b, gb, bm, bv) ", kRates,
          " indices=[0,0] weight_decay=0.0 @adamw/2_tensors~2 part=/ phase=update")));
}

// A tensor may write over its own operand, never over another's.
TEST(TensorGroupingPassTest, TheRuleBookKnowsTensors) {
  const Schema& schema = *CoreOps().Find("AdamW");
  EXPECT_TRUE(schema.MayShare(3, 0));
  EXPECT_TRUE(schema.MayShare(7, 3));
  EXPECT_TRUE(schema.MayShare(9, 4));
  EXPECT_FALSE(schema.MayShare(7, 0));
  EXPECT_FALSE(schema.MayShare(3, 3));
  EXPECT_FALSE(schema.MayShare(8, 3));
  const auto net = ParseText(Updates(
      absl::StrCat(Outputs("a", "f32[8]"), ", ", Outputs("c", "f32[8]"),
                   " = AdamW(lr, factors, step, a, ga, am, av, c, a, cm, cv) ", kRates,
                   " indices=[0,1] weight_decay=0.0 @adamw phase=update\n",  //
                   Outputs("b", "f32[2,3]"), " = AdamW(lr, factors, step, b, gb, bm, bv) ", kRates,
                   " indices=[0] weight_decay=0.0 @b phase=update\n",  //
                   Outputs("d", "f32[8]"), " = AdamW(lr, factors, step, d, ga, dm, dv) ", kRates,
                   " indices=[0] weight_decay=0.0 @d phase=update\n")));
  ASSERT_TRUE(net.ok()) << net.status();
  const absl::Status status = Verify(*net, CoreOps());
  EXPECT_NE(status.message().find("reads state 'a' and writes it"), std::string::npos) << status;
}

}  // namespace
}  // namespace graph
