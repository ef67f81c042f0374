// One operator: its text forms, its numbers, and what it says to bad input.
#include "tools/benchmark/op_bench.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/plugins.h"
#include "tools/reference_backend.h"

namespace tools {
namespace {

using graph::DType;
using ::testing::HasSubstr;

std::string Error(const absl::Status& status) {
  EXPECT_FALSE(status.ok());
  return std::string(status.message());
}

TEST(ParseTypes, ReadsOneAnInput) {
  const auto types = ParseTypes("  bf16[3200,768] f32[3072] i64[1]  ");
  ASSERT_TRUE(types.ok()) << types.status();
  ASSERT_EQ(types->size(), 3);
  EXPECT_EQ((*types)[0], (graph::TensorType{DType::kBF16, {3200, 768}}));
  EXPECT_EQ((*types)[1], (graph::TensorType{DType::kF32, {3072}}));
  EXPECT_EQ((*types)[2], (graph::TensorType{DType::kI64, {1}}));
  EXPECT_TRUE(ParseTypes("")->empty());
}

TEST(ParseTypes, QuotesWhatIsNone) {
  for (const char* bad : {"f32", "f32[2", "f33[2]", "f32[2,]", "f32[-1]", "f32[2x3]", "[2]",
                          "f32[99999999999,99999999999]", "f32[1][2]"}) {
    EXPECT_THAT(Error(ParseTypes(std::string("f32[1] ") + bad).status()),
                HasSubstr(std::string("'") + bad + "'"));
  }
}

class OpBench : public ::testing::Test {
 protected:
  absl::StatusOr<OpBenchResult> Run(const std::string& op, const std::string& shapes,
                                    const std::string& attrs = "", bool reference = false) {
    OpBenchOptions options;
    options.op = op;
    options.shapes = shapes;
    options.attrs = attrs;
    options.runs = 3;
    return BenchOp(registry_, *MakeAnyBackend(reference ? "reference" : "cpu", 1), options);
  }

  const graph::SchemaRegistry registry_ = MakeRegistry();
};

TEST_F(OpBench, AttributesHaveTheTypesOfTheSchema) {
  graph::Schema schema("S", "");
  schema.Attr("count", int64_t{0}, "").Attr("eps", 0.0f, "").Attr("dtype", std::string(), "");
  schema.Attr("axes", std::vector<int64_t>(), "");
  const auto attrs = ParseAttrs(schema, "count=3,axes=[0,-2],eps=1e-6,dtype=bf16");
  ASSERT_TRUE(attrs.ok()) << attrs.status();
  EXPECT_EQ(*attrs, (graph::Attrs{{"count", int64_t{3}},
                                  {"eps", 1e-6f},
                                  {"dtype", std::string("bf16")},
                                  {"axes", std::vector<int64_t>{0, -2}}}));
  EXPECT_TRUE(ParseAttrs(schema, "")->empty());
  EXPECT_THAT(Error(ParseAttrs(schema, "cuont=3").status()),
              HasSubstr("S has count, eps, dtype, axes"));
  EXPECT_THAT(Error(ParseAttrs(schema, "count").status()), HasSubstr("'count'"));
  EXPECT_THAT(Error(ParseAttrs(schema, "count=1.5").status()),
              HasSubstr("count=1.5 must be a whole number"));
  EXPECT_THAT(Error(ParseAttrs(schema, "eps=small").status()), HasSubstr("must be a number"));
  EXPECT_THAT(Error(ParseAttrs(schema, "axes=1").status()), HasSubstr("list"));
  EXPECT_THAT(Error(ParseAttrs(schema, "count=1,").status()), HasSubstr("''"));
}

TEST_F(OpBench, EveryBackendRunsLinear) {
  for (const bool reference : {false, true}) {
    const auto result = Run("Linear", "f32[5,8] f32[12,8] f32[12]", "activation=none", reference);
    ASSERT_TRUE(result.ok()) << result.status();
    EXPECT_THAT(result->text, HasSubstr("Linear"));
    EXPECT_THAT(result->text, HasSubstr("f32[5,12]"));
    EXPECT_GE(result->cost.flops, 2 * 5 * 8 * 12);
    EXPECT_GT(result->seconds.least, 0);
    EXPECT_LE(result->seconds.least, result->seconds.median);
    EXPECT_LE(result->seconds.median, result->seconds.most);
    EXPECT_GE(result->calls_per_run, 1);
    EXPECT_DOUBLE_EQ(result->gflops(),
                     static_cast<double>(result->cost.flops) / result->seconds.median / 1e9);
  }
  EXPECT_FALSE(
      Run("Linear", "f32[5,8] f32[12,8] f32[12]", "activation=gelu")->implementation.empty());
}

TEST_F(OpBench, AttributesReachTheOperator) {
  const auto result = Run("LayerNorm", "f32[7,16] f32[16] f32[16]", "eps=0.5");
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->text, HasSubstr("eps=0.5"));
}

TEST_F(OpBench, BadInputIsNamed) {
  EXPECT_THAT(Error(Run("Linaer", "f32[1]").status()), HasSubstr("did you mean Linear"));
  const auto linear = [this](const std::string& shapes, const std::string& attrs) {
    return Error(Run("Linear", shapes, attrs).status());
  };
  EXPECT_THAT(linear("f32[5,8] f32[12,9] f32[12]", "activation=none"),
              AllOf(HasSubstr("--shape, --attrs: Linear 'op'"), HasSubstr("f32[12,9]")));
  EXPECT_THAT(linear("f32[5,8] f32[12,8] f32[12]", ""), HasSubstr("'activation' is missing"));
  EXPECT_THAT(linear("f32[5,8] f32[12,8] f32[12]", "activation=tanh"), HasSubstr("tanh"));
  EXPECT_THAT(linear("f32[5,8]", "activation=none"), HasSubstr("Linear"));
  EXPECT_THAT(linear("", "activation=none"), HasSubstr("Linear"));
  EXPECT_THAT(Error(Run("Gelu", "f32[5,8] f32[5,8]").status()), HasSubstr("Gelu"));
  EXPECT_THAT(Error(Run("Gelu", "i32[5,8]").status()), HasSubstr("Gelu"));
  // The schema takes it, the backend has no kernel for it.
  EXPECT_THAT(Error(Run("Gelu", "f64[5,8]").status()), HasSubstr("cannot run"));
}

}  // namespace
}  // namespace tools
