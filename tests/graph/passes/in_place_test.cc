#include <gtest/gtest.h>

#include "graph/ir/text.h"
#include "graph/passes/passes.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

const Pass kPass = InPlacePass();

TEST(InPlacePassTest, NothingToDo) {
  // An input of the net, and an operator that may not share.
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[4,4]
    state w f32[4,4]
    p f32[4,4] = Gelu(x) @act
    y f32[4,4] = MatMul(p, w) trans_w=1 @fc
    output y)");
  ExpectUnchanged(kPass, "net empty");
}

TEST(InPlacePassTest, ChainsShareToTheEnd) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    q f32[8] = Gelu(p) @b
    y f32[8] = Gelu(q) @c
    output y)",
                R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    q f32[8] = Gelu(p) in_place=[0:0] @b
    y f32[8] = Gelu(q) in_place=[0:0] @c
    output y)");
}

TEST(InPlacePassTest, OnlyTheLastReaderOverwrites) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    q f32[8] = Gelu(p) @b
    r f32[8] = Gelu(p) @c
    output q
    output r)",
                R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    q f32[8] = Gelu(p) @b
    r f32[8] = Gelu(p) in_place=[0:0] @c
    output q
    output r)");
}

TEST(InPlacePassTest, NotWhereTheOperandIsReadTwice) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    y f32[8] = Add(p, p) @twice
    output y)");
}

TEST(InPlacePassTest, TheFirstPairOfTheSchemaThatFits) {
  // Both operands end here: Add lists (0,0) first. In the second sum the first
  // operand lives on, so the other one is taken.
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    q f32[8] = Gelu(x) @b
    r f32[8] = Gelu(x) @c
    s f32[8] = Add(p, q) @sum1
    t f32[8] = Add(s, r) @sum2
    u f32[8] = Add(s, t) @sum3
    output u)",
                R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    q f32[8] = Gelu(x) @b
    r f32[8] = Gelu(x) @c
    s f32[8] = Add(p, q) in_place=[0:0] @sum1
    t f32[8] = Add(s, r) in_place=[1:0] @sum2
    u f32[8] = Add(s, t) in_place=[0:0] @sum3
    output u)");
}

TEST(InPlacePassTest, OutputsOfTheNetAreNotOverwritten) {
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    y f32[8] = Gelu(p) @b
    output p
    output y)");
}

TEST(InPlacePassTest, StatesAreNotOverwritten) {
  ExpectUnchanged(kPass, R"(
    net t
    state s f32[8]
    y f32[8] = Gelu(s) @act
    output y)");
  // Nor is a state's value at exit put over an operand that dies there, or
  // overwritten by its last reader.
  ExpectUnchanged(kPass, R"(
    net t
    input x f32[8]
    state s f32[8] -> s.out
    p f32[8] = Gelu(x) @a
    s.out f32[8] = Add(s, p) @write
    y f32[8] = Gelu(s.out) @after
    output y)");
}

TEST(InPlacePassTest, TheOptimizerNeedsNoAnnotation) {
  ExpectUnchanged(kPass, R"(
    net t
    input g f32[8]
    input factors f32[1]
    input applied i32[1]
    state w f32[8] -> w.out
    state m f32[8] -> m.out
    state v f32[8] -> v.out
    state lr f32[1]
    state step i32[1] -> step.out
    step.out i32[1] = Increment(step, applied) @count
    w.out f32[8], m.out f32[8], v.out f32[8] = AdamW(lr, factors, step.out, w, g, m, v) beta1=0.9 beta2=0.95 eps=1e-08 indices=[0] lr_scales=[1.0] weight_decays=[0.05] @adam)");
}

TEST(InPlacePassTest, OldAnnotationsAreReplaced) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    q f32[8] = Gelu(x) @b
    s f32[8] = Add(p, q) in_place=[1:0] @sum
    output s)",
                R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    q f32[8] = Gelu(x) @b
    s f32[8] = Add(p, q) in_place=[0:0] @sum
    output s)");
}

// Gradient of a sum's two readers: each pair is legal by itself, chains included.
TEST(InPlacePassTest, DeadResultsMayLieOverOperands) {
  ExpectRewrite(kPass, R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    q f32[8] = Gelu(p) @nobody
    output x)",
                R"(
    net t
    input x f32[8]
    p f32[8] = Gelu(x) @a
    q f32[8] = Gelu(p) in_place=[0:0] @nobody
    output x)");
}

// Schemas that the core operators do not have.
class InPlaceSchemaTest : public ::testing::Test {
 protected:
  InPlaceSchemaTest() {
    const auto cost = [](const Op&, absl::Span<const TensorType>, absl::Span<const TensorType>) {
      return Cost{};
    };
    registry_.Add(Schema("Make", "a value")
                      .Input("x", "(N)", RowUse::kSameRow)
                      .Output("y", "(N)")
                      .SameTypeAsInput()
                      .Cost(cost)
                      .NoGradient("test"));
    registry_.Add(Schema("Half", "half of the elements")
                      .Input("x", "(N)", RowUse::kAllRows)
                      .Output("y", "(N/2)")
                      .InPlace(0, 0)
                      .Infer([](const InferContext& c) -> absl::StatusOr<std::vector<TensorType>> {
                        return std::vector<TensorType>{{c.in(0).dtype, {c.in(0).dim(0) / 2}}};
                      })
                      .Cost(cost)
                      .NoGradient("test"));
    registry_.Add(Schema("Mix", "any with any")
                      .Input("a", "(N)", RowUse::kSameRow)
                      .Input("b", "(N)", RowUse::kSameRow)
                      .OptionalInput("c", "(N)", RowUse::kSameRow)
                      .Output("y", "(N)")
                      .Output("z", "(N)")
                      .InPlace(2, 0)
                      .InPlace(0, 0)
                      .InPlace(0, 1)
                      .InPlace(1, 0)
                      .InPlace(1, 1)
                      .SameTypeAsInput()
                      .Cost(cost)
                      .NoGradient("test"));
  }

  std::string Run(absl::string_view text) {
    absl::StatusOr<Net> net = ParseText(text);
    EXPECT_TRUE(net.ok()) << net.status();
    EXPECT_TRUE(kPass.run(&*net, registry_).ok());
    EXPECT_TRUE(Verify(*net, registry_).ok()) << Verify(*net, registry_);
    return ToText(*net);
  }

  SchemaRegistry registry_;
};

TEST_F(InPlaceSchemaTest, SizesMustMatch) {
  const std::string text = Run(R"(
    net t
    input x f32[8]
    p f32[8] = Make(x) @a
    y f32[4] = Half(p) @b
    output y)");
  EXPECT_EQ(text.find("in_place"), std::string::npos) << text;
}

TEST_F(InPlaceSchemaTest, OneInputForOneOutput) {
  const std::string text = Run(R"(
    net t
    input x f32[8]
    p f32[8] = Make(x) @p
    q f32[8] = Make(x) @q
    y f32[8], z f32[8] = Mix(p, q) @mix
    output y
    output z)");
  EXPECT_NE(text.find("in_place=[0:0,1:1] @mix"), std::string::npos) << text;
}

TEST_F(InPlaceSchemaTest, OptionalInputsCountWhenTheyAreThere) {
  const std::string text = Run(R"(
    net t
    input x f32[8]
    p f32[8] = Make(x) @p
    q f32[8] = Make(x) @q
    r f32[8] = Make(x) @r
    y f32[8], z f32[8] = Mix(p, q, r) @mix
    output y
    output z)");
  EXPECT_NE(text.find("in_place=[2:0,0:1] @mix"), std::string::npos) << text;
}

}  // namespace
}  // namespace graph
