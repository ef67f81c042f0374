#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "graph/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

const Pass kPass = DeadOpPass();

TEST(DeadOpPassTest, NothingToDo) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    y f32[8] = Gelu(x) @act
    output y)");
  ExpectUnchanged(kPass, "net empty");
}

TEST(DeadOpPassTest, ChainsThatEndNowhereGo) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    y f32[8] = Gelu(x) @act
    a f32[8] = Add(y, x) @a
    b f32[8] = Gelu(a) @b
    c f32[8] = Add(a, b) @c
    output y)",
                R"(
    net t
    input x f32[8]
    y f32[8] = Gelu(x) @act
    output y)");
}

TEST(DeadOpPassTest, WithoutRootsNothingStaysButTheInterface) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    state s f32[8]
    y f32[8] = Add(x, s) @y)",
                R"(
    net t
    input x f32[8]
    state s f32[8])");
}

TEST(DeadOpPassTest, StatesAtExitAreRoots) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    state s f32[8] -> s.out
    a f32[8] = Gelu(x) @act
    s.out f32[8] = Add(s, a) @write)");
}

TEST(DeadOpPassTest, OneReadOutputKeepsTheOperator) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,6]
    state g f32[6]
    state h f32[6]
    y f32[4,6], mean f32[4], variance f32[4] = LayerNorm(x, g, h) dtype="same" eps=1e-06 @norm
    z f32[4] = Gelu(variance) @act
    output z)");
}

TEST(DeadOpPassTest, LongDeadChainsGoInOneRun) {
  std::string text = "net t\n input x f32[8]\n y0 f32[8] = Gelu(x) @y0\n";
  for (int i = 1; i < 2000; ++i) {
    absl::StrAppend(&text, "y", i, " f32[8] = Gelu(y", i - 1, ") @y", i, "\n");
  }
  ExpectRewrite(kPass, absl::StrCat(text, "output y0"),
                "net t\n input x f32[8]\n y0 f32[8] = Gelu(x) @y0\n output y0");
}

}  // namespace
}  // namespace graph
