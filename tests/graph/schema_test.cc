#include "graph/schema/schema.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/match.h"
#include "graph/ir/text.h"
#include "graph/schema/builder.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_ops.h"

namespace graph {
namespace {

// A complete schema to take things away from.
Schema Complete() {
  Schema schema("Copy", "y = x");
  schema.Input("x", "(...)", RowUse::kSameRow).Output("y", "(...)").SameTypeAsInput();
  return schema;
}

TEST(SchemaRegistry, FindAndTypes) {
  SchemaRegistry registry;
  registry.Add(Complete().ElementwiseCost(1).NoGradient("a test"));
  ASSERT_NE(registry.Find("Copy"), nullptr);
  EXPECT_EQ(registry.Find("Copy")->doc, "y = x");
  EXPECT_EQ(registry.Find("Copy")->no_gradient, "a test");
  EXPECT_EQ(registry.Find("copy"), nullptr);
  EXPECT_EQ(registry.Types(), std::vector<std::string>({"Copy"}));
  const std::vector<std::string> types = ToyRegistry().Types();
  EXPECT_TRUE(std::is_sorted(types.begin(), types.end()));
}

void Add(Schema schema) {
  SchemaRegistry registry;
  registry.Add(std::move(schema));
}

TEST(SchemaRegistryDeathTest, RefusesIncompleteSchemas) {
  const std::string who = "operator type 'Copy': ";
  const auto infer = [](const InferContext&) { return std::vector<TensorType>(1); };
  EXPECT_DEATH(Add(Schema("", "doc")), "the type has no name");
  EXPECT_DEATH(Add(Schema("Copy", "")), who + "the documentation is missing");
  EXPECT_DEATH(Add(Schema("Copy", "doc").Infer(infer).ElementwiseCost(1).NoGradient("no")),
               who + "it has no outputs");
  EXPECT_DEATH(Add(Schema("Copy", "doc").Output("y", "").ElementwiseCost(1).NoGradient("no")),
               who + "shape inference is missing");
  EXPECT_DEATH(Add(Complete().NoGradient("no")), who + "the cost is missing");
  EXPECT_DEATH(Add(Complete().ElementwiseCost(1)), who + "exactly one of Gradient");
}

TEST(SchemaRegistryDeathTest, RefusesTwoAnswersAboutTheGradient) {
  const auto gradient = [](GradientBuilder*) { return absl::OkStatus(); };
  EXPECT_DEATH(Add(Complete().ElementwiseCost(1).NoGradient("a").NotDifferentiable("b")),
               "exactly one of");
  EXPECT_DEATH(Add(Complete().ElementwiseCost(1).NoGradient("a").Gradient(gradient)),
               "exactly one of");
  EXPECT_DEATH(Add(Complete().ElementwiseCost(1).NotDifferentiable("a").Gradient(gradient)),
               "exactly one of");
}

TEST(SchemaRegistryDeathTest, RefusesContradictions) {
  const auto done = [](Schema schema) {
    Add(std::move(schema.ElementwiseCost(1).NoGradient("a test")));
  };
  EXPECT_DEATH(done(Complete().InPlace(1, 0)), "an in-place pair names");
  EXPECT_DEATH(done(Complete().InPlace(0, 1)), "an in-place pair names");
  EXPECT_DEATH(done(Complete().InPlace(-1, 0)), "an in-place pair names");
  EXPECT_DEATH(done(Complete().OptionalInput("a", "", RowUse::kNone).Input("b", "", RowUse::kNone)),
               "a required input follows an optional one");
  EXPECT_DEATH(done(Complete().VariadicInput("a", "", RowUse::kNone).Input("b", "", RowUse::kNone)),
               "only the last input may be variadic");
  EXPECT_DEATH(done(Complete().Attr("in_place", int64_t{0}, "")), "cannot name an attribute");
  EXPECT_DEATH(done(Complete().Attr("repeated_inputs", int64_t{0}, "")),
               "'repeated_inputs' cannot name an attribute");
  EXPECT_DEATH(done(Complete().Attr("", int64_t{0}, "")), "cannot name an attribute");
  EXPECT_DEATH(done(Complete().Attr("a b", int64_t{0}, "")), "'a b' cannot name an attribute");
  EXPECT_DEATH(done(Complete().Attr("a", int64_t{0}, "").OptionalAttr("a", 1.0f, "")),
               "attribute 'a' is declared twice");
  for (const int input : {0, 1}) {  // one that is required, and one that is not there
    EXPECT_DEATH(done(Complete().AttrOfInput(input, "a", int64_t{0}, "")),
                 "attribute 'a' belongs to an input that is not optional");
  }
}

TEST(SchemaRegistryDeathTest, RefusesTensorsThatCannotBeTakenApart) {
  const auto done = [](Schema schema) {
    Add(std::move(schema.ElementwiseCost(1).NoGradient("a test")));
  };
  done(Complete().ForEachTensor(1));
  EXPECT_DEATH(done(Complete().ForEachTensor(2)), "each tensor has inputs that do not exist");
  EXPECT_DEATH(done(Complete().ForEachTensor(-1)), "each tensor has inputs that do not exist");
  EXPECT_DEATH(done(Complete().OptionalInput("a", "", RowUse::kNone).ForEachTensor(1)),
               "no input may be optional or variadic");
  EXPECT_DEATH(done(Complete().VariadicInput("a", "", RowUse::kNone).ForEachTensor(1)),
               "no input may be optional or variadic");
  EXPECT_DEATH(done(Complete().Input("a", "", RowUse::kNone).InPlace(0, 0).ForEachTensor(1)),
               "output 0 is one tensor's and would lie over an input of all");
}

// lr, then a and b of each tensor; y over b.
TEST(ForEachTensor, PositionsOfManyTensors) {
  Schema schema("Step", "one each");
  schema.Input("lr", "(1)", RowUse::kNone)
      .Input("a", "(...)", RowUse::kSameRow)
      .Input("b", "(...)", RowUse::kAllRows)
      .Output("y", "(...)")
      .Output("z", "(...)")
      .InPlace(2, 0)
      .ForEachTensor(2)
      .ElementwiseCost(1)
      .Infer([](const InferContext& c) -> absl::StatusOr<std::vector<TensorType>> {
        return std::vector<TensorType>(c.inputs.size() - 1, c.in(0));
      })
      .NoGradient("a test");
  for (size_t inputs : {0, 1, 3}) EXPECT_EQ(schema.NumTensors(inputs), 1);
  EXPECT_EQ(schema.NumTensors(7), 3);
  EXPECT_EQ(schema.NumOutputs(3), 2u);
  EXPECT_EQ(schema.NumOutputs(7), 6u);
  EXPECT_EQ(schema.InputAt(0).name, "lr");
  EXPECT_EQ(schema.InputAt(2).name, "b");
  EXPECT_EQ(schema.InputAt(5).name, "a");
  EXPECT_EQ(schema.InputAt(6).row_use, RowUse::kAllRows);
  EXPECT_EQ(schema.OutputAt(4).name, "y");
  EXPECT_EQ(schema.OutputAt(5).name, "z");
  EXPECT_EQ(schema.InPlacePairs(7), (std::vector<std::pair<int, int>>{{2, 0}, {4, 2}, {6, 4}}));
  for (int input = 0; input < 7; ++input) {
    for (int output = 0; output < 6; ++output) {
      EXPECT_EQ(schema.MayShare(input, output), input >= 2 && input % 2 == 0 && output == input - 2)
          << input << " " << output;
    }
  }

  SchemaRegistry registry;
  registry.Add(schema);
  Op op;
  op.type = "Step";
  op.name = "s";
  const TensorType type = {DType::kF32, {1}};
  for (size_t inputs = 0; inputs <= 8; ++inputs) {
    const auto types = registry.Infer(op, std::vector<TensorType>(inputs, type));
    ASSERT_EQ(types.ok(), inputs == 3 || inputs == 5 || inputs == 7) << inputs;
    if (types.ok()) continue;
    EXPECT_EQ(types.status().message(),
              absl::StrCat("Step 's' has ", inputs, " inputs; it takes (lr, a, b, a, b, ...)"));
  }
  // The builder names every output.
  NetBuilder b(&registry, "t");
  const BlobId x = b.Input("x", type);
  b.OpN("Step", "s", {x, x, x, x, x});
  EXPECT_EQ(b.net().blobs.size(), 5u);
  EXPECT_NE(b.net().Find("s:z~2"), kNone);
  EXPECT_EQ(b.OpN("Step", "s", {x, x, x, x}).size(), 2u);
  EXPECT_FALSE(b.status().ok());
}

TEST(SchemaRegistryDeathTest, RefusesATypeTwice) {
  SchemaRegistry registry;
  registry.Add(Complete().ElementwiseCost(1).NoGradient("a test"));
  EXPECT_DEATH(registry.Add(Complete().ElementwiseCost(1).NoGradient("a test")),
               "operator type 'Copy': it is registered twice");
}

TEST(SchemaRegistryDeathTest, CostOfAnUnknownOperatorAborts) {
  Net net;
  Op op;
  op.type = "Unknown";
  EXPECT_DEATH(ToyRegistry().OpCost(net, op), "CHECK failed");
}

Op Tagged(Attrs attrs) {
  Op op;
  op.type = "Tagged";
  op.name = "t";
  op.attrs = std::move(attrs);
  return op;
}

TEST(CompleteAttrs, FillsInDefaultsAndKeepsWhatIsGiven) {
  Op op = Tagged({{"count", int64_t{7}}, {"rate", 0.25f}});
  ASSERT_TRUE(ToyRegistry().CompleteAttrs(&op).ok());
  EXPECT_EQ(op.attrs, (Attrs{{"count", int64_t{7}},
                             {"rate", 0.25f},
                             {"label", std::string()},
                             {"dims", std::vector<int64_t>()}}));
}

void ExpectAttrError(Op op, const std::string& message) {
  const absl::Status status = ToyRegistry().CompleteAttrs(&op);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), message);
}

TEST(CompleteAttrs, Errors) {
  ExpectAttrError(Tagged({}), "Tagged 't': attribute 'count' is missing");
  ExpectAttrError(Tagged({{"count", int64_t{1}}, {"tint", 1.0f}}),
                  "Tagged 't': unknown attribute 'tint'");
  ExpectAttrError(Tagged({{"count", 1.0f}}),
                  "Tagged 't': attribute 'count' must be an integer, not a float");
  ExpectAttrError(Tagged({{"count", int64_t{1}}, {"rate", int64_t{1}}}),
                  "Tagged 't': attribute 'rate' must be a float, not an integer");
  ExpectAttrError(Tagged({{"count", int64_t{1}}, {"label", std::vector<int64_t>{}}}),
                  "Tagged 't': attribute 'label' must be a string, not a list of integers");
  ExpectAttrError(Tagged({{"count", int64_t{1}}, {"dims", std::string()}}),
                  "Tagged 't': attribute 'dims' must be a list of integers, not a string");
  Op weighted = Tagged({{"weights", std::vector<float>{}}});
  weighted.type = "Weighted";
  ExpectAttrError(weighted, "Weighted 't': attribute 'weights' is an empty list");
  weighted.attrs["weights"] = std::vector<int64_t>{1};
  ExpectAttrError(
      weighted,
      "Weighted 't': attribute 'weights' must be a list of floats, not a list of integers");
  Op unknown;
  unknown.type = "Tugged";
  unknown.name = "u";
  ExpectAttrError(unknown, "Tugged 'u': unknown operator type");
}

// An attribute of an optional input is there when this is, and only then.
TEST(CompleteAttrs, OfAnOptionalInput) {
  SchemaRegistry registry;
  registry.Add(Schema("Scaled", "y = scales[index] * x")
                   .Input("x", "(...)", RowUse::kSameRow)
                   .OptionalInput("scales", "(N)", RowUse::kNone)
                   .Output("y", "(...)")
                   .AttrOfInput(1, "index", int64_t{4}, "which of the scales")
                   .SameTypeAsInput()
                   .ElementwiseCost(1)
                   .NoGradient("it is a toy"));
  Op op;
  op.type = "Scaled";
  op.name = "s";
  op.inputs = {0};
  ASSERT_TRUE(registry.CompleteAttrs(&op).ok());
  EXPECT_EQ(op.attrs, Attrs());
  op.inputs = {0, 1};
  ASSERT_TRUE(registry.CompleteAttrs(&op).ok());
  EXPECT_EQ(op.attrs, (Attrs{{"index", int64_t{4}}}));
  op.inputs = {0};
  EXPECT_EQ(registry.CompleteAttrs(&op).message(),
            "Scaled 's': attribute 'index' is of input 1 (scales), which is missing");
}

const TensorType kX{DType::kF32, {2, 3}};

// The message of inference for `type` with inputs `types`.
std::string InferError(const std::string& type, const std::vector<TensorType>& types) {
  Op op;
  op.type = type;
  op.name = "o";
  (void)ToyRegistry().CompleteAttrs(&op);
  const absl::StatusOr<std::vector<TensorType>> inferred = ToyRegistry().Infer(op, types);
  if (inferred.ok()) return "";
  EXPECT_EQ(inferred.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(inferred.status().message());
}

TEST(Infer, Arity) {
  EXPECT_EQ(InferError("Add", {kX}), "Add 'o' has 1 inputs; it takes (a, b)");
  EXPECT_EQ(InferError("Add", {kX, kX, kX}), "Add 'o' has 3 inputs; it takes (a, b)");
  EXPECT_EQ(InferError("Add", {kX, kX}), "");
  EXPECT_EQ(InferError("SumN", {}), "SumN 'o' has 0 inputs; it takes (x...)");
  EXPECT_EQ(InferError("SumN", {kX, kX, kX, kX}), "");
  EXPECT_EQ(InferError("Bias", {}), "Bias 'o' has 0 inputs; it takes (x, b?)");
  EXPECT_EQ(InferError("Bias", {kX}), "");
  EXPECT_EQ(InferError("Bias", {kX, kX}), "");
  EXPECT_EQ(InferError("Bias", {kX, kX, kX}), "Bias 'o' has 3 inputs; it takes (x, b?)");
}

TEST(Infer, SameTypeAsInputIsForEveryOutput) {
  Op op;
  op.type = "SumDiff";
  EXPECT_EQ(ToyRegistry().Infer(op, {kX, kX}).value(), (std::vector<TensorType>{kX, kX}));
}

TEST(Infer, NeedsCompleteAttributes) {
  EXPECT_TRUE(absl::StrContains(
      ToyRegistry().Infer(Tagged({{"count", int64_t{1}}}), {kX}).status().message(),
      "Tagged 't': attributes are missing"));
  Op op = Tagged({{"count", int64_t{1}}, {"rate", std::nanf("")}});
  ASSERT_TRUE(ToyRegistry().CompleteAttrs(&op).ok());
  EXPECT_TRUE(ToyRegistry().Infer(op, {kX}).ok()) << "NaN is not equal to itself";
}

TEST(Infer, ChecksNameOperatorInputAndShape) {
  Op op;
  op.type = "Two";
  op.name = "t";
  const std::vector<TensorType> types = {{DType::kF32, {2, 3}}, {DType::kI32, {2}}};
  const InferContext c{op, types};
  EXPECT_TRUE(ExpectRank(c, 0, 2).ok());
  EXPECT_EQ(ExpectRank(c, 0, 3).message(), "Two 't': input 0 (f32[2,3]) must have rank 3");
  EXPECT_TRUE(ExpectMinRank(c, 1, 1).ok());
  EXPECT_EQ(ExpectMinRank(c, 1, 2).message(),
            "Two 't': input 1 (i32[2]) must have at least rank 2");
  EXPECT_TRUE(ExpectFloat(c, 0).ok());
  EXPECT_EQ(ExpectFloat(c, 1).message(), "Two 't': input 1 (i32[2]) must be a float tensor");
  EXPECT_TRUE(ExpectDType(c, 1, DType::kI32).ok());
  EXPECT_EQ(ExpectDType(c, 1, DType::kI64).message(),
            "Two 't': input 1 (i32[2]) must have element type i64");
  EXPECT_TRUE(ExpectShape(c, 0, {2, 3}).ok());
  EXPECT_EQ(ExpectShape(c, 0, {3, 2}).message(),
            "Two 't': input 0 (f32[2,3]) must have shape [3,2]");
  EXPECT_TRUE(ExpectSameDType(c, 0, 0).ok());
  EXPECT_EQ(ExpectSameDType(c, 1, 0).message(),
            "Two 't': input 1 (i32[2]) must have the element type of input 0 (f32[2,3])");
  EXPECT_TRUE(ExpectSameType(c, 1, 1).ok());
  EXPECT_EQ(ExpectSameType(c, 1, 0).message(),
            "Two 't': input 1 (i32[2]) must be of the type of input 0 (f32[2,3])");
}

TEST(MayShare, WhatTheSchemaAllows) {
  Op op;
  op.type = "Add";
  EXPECT_TRUE(ToyRegistry().MayShare(op, 0, 0));
  EXPECT_TRUE(ToyRegistry().MayShare(op, 1, 0));
  EXPECT_FALSE(ToyRegistry().MayShare(op, 0, 1));
  op.type = "Mul";
  EXPECT_FALSE(ToyRegistry().MayShare(op, 0, 0));
  op.type = "Unknown";
  EXPECT_FALSE(ToyRegistry().MayShare(op, 0, 0));
}

TEST(Cost, OperatorsAndTheirSum) {
  const Net net = ParseText(
                      "net n\ninput x f32[2,3]\ny f32[2,3], z f32[2,3] = SumDiff(x, x) @sd\n"
                      "s f32[1] = Sum(y) @sum\noutput s\n")
                      .value();
  const Cost pair = ToyRegistry().OpCost(net, net.ops[0]);
  EXPECT_EQ(pair.flops, 2 * 6);      // of output 0
  EXPECT_EQ(pair.bytes, 4 * 6 * 4);  // two inputs, two outputs
  const Cost sum = ToyRegistry().OpCost(net, net.ops[1]);
  EXPECT_EQ(sum.flops, 6);
  EXPECT_EQ(sum.bytes, 6 * 4);
  const Cost all = ToyRegistry().NetCost(net);
  EXPECT_EQ(all.flops, pair.flops + sum.flops);
  EXPECT_EQ(all.bytes, pair.bytes + sum.bytes);
}

}  // namespace
}  // namespace graph
