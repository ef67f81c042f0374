#include "graph/passes/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "absl/strings/str_format.h"
#include "graph/ir/text.h"
#include "tests/graph/passes/pass_testing.h"

namespace graph {
namespace {

constexpr char kText[] = R"(net t
input x f32[2,8]
state w f32[4,8]
state b f32[4]
state g f32[4]
state h f32[4]
x1 f32[2,8] = StopGradient(x) @boundary
p f32[2,4] = MatMul(x1, w) trans_w=1 @fc
q f32[2,4] = BiasAdd(p, b) @fc.bias_add
p2 f32[2,4] = MatMul(x1, w) trans_w=1 @again
q2 f32[2,4] = BiasAdd(p2, b) @again.bias_add
a f32[2,4] = Gelu(q) @act
a2 f32[2,4] = Gelu(q2) @again.act
s f32[2,4] = Add(a, a2) @add
y f32[2,4], m f32[2], v f32[2] = LayerNorm(s, g, h) dtype="same" eps=1e-06 @norm
unused f32[2,4] = Gelu(y) @unused
z f32[2,4] = Gelu(s) @head
output y
output z
)";

// With all attributes.
std::string NetText() { return ToText(ParseAndVerify(kText)); }

// What dumps call the net behind pass `name`: "03_dead_op".
std::string Stage(const std::string& name) {
  const auto passes = CpuPasses();
  for (size_t i = 0; i < passes.size(); ++i) {
    if (passes[i].name == name) return absl::StrFormat("%02d_%s", i + 1, name);
  }
  return "no pass " + name;
}

absl::Status RunOne(std::function<absl::StatusOr<bool>(Net*)> body, Net* net) {
  const Pass fake = {"fake", [&](Net* n, const SchemaRegistry&) { return body(n); }};
  return RunPipeline(net, CoreOps(), {fake}, PipelineOptions()).status();
}

std::vector<std::string> Names(const Passes& passes) {
  std::vector<std::string> names;
  for (const auto& pass : passes) names.push_back(pass.name);
  return names;
}

Passes Fake(const std::string& name) {
  return {{name, [](Net*, const SchemaRegistry&) { return false; }}};
}

TEST(PipelineTest, ALoweringIsAroundRecomputationAndPrecision) {
  EXPECT_EQ(
      Names(MakePasses()),
      (std::vector<std::string>{"stop_gradient", "cse", "dead_op", "shared_rows", "row_pruning",
                                "recompute", "mixed_precision", "tensor_grouping", "in_place"}));
  EXPECT_EQ(Names(MakePasses({}, {Fake("a"), Fake("b"), Fake("c")})),
            (std::vector<std::string>{"stop_gradient", "cse", "dead_op", "shared_rows",
                                      "row_pruning", "a", "recompute", "b", "mixed_precision", "c",
                                      "tensor_grouping", "in_place"}));
}

TEST(PipelineTest, AllPassesTogether) {
  Net net = ParseAndVerify(kText);
  std::vector<std::pair<std::string, std::string>> dumps;
  PipelineOptions options;
  options.dump = [&](const std::string& stage, const Net& at) {
    dumps.emplace_back(stage, ToText(at));
  };
  const auto changed_by = RunPipeline(&net, CoreOps(), CpuPasses(), options);
  ASSERT_TRUE(changed_by.ok()) << changed_by.status();
  EXPECT_EQ(ToText(net), ToText(ParseAndVerify(R"(net t
input x f32[2,8]
state w f32[4,8]
state b f32[4]
state g f32[4]
state h f32[4]
w.packed_nk_f32 f32[64,64] = PackWeights(w) dtype="f32" trans_w=1 @pack/w part=w
a f32[2,4] = PackedLinear(x, w.packed_nk_f32, b) activation="gelu" cols=4 @fc
s f32[2,4], y f32[2,4], m f32[2], v f32[2] = AddLayerNorm(a, a, g, h) eps=1e-06 @norm
z f32[2,4] = Gelu(s) in_place=[0:0] @head
output y
output z
)")));

  std::vector<std::string> stages;
  for (const auto& dump : dumps) stages.push_back(dump.first);
  EXPECT_EQ(stages,
            (std::vector<std::string>{"00_built", "01_stop_gradient", "02_cse", "03_dead_op",
                                      Stage("linear_fusion"), Stage("residual_norm_fusion"),
                                      Stage("weight_packing"), Stage("in_place")}));
  EXPECT_EQ(dumps.front().second, NetText());
  EXPECT_EQ(dumps.back().second, ToText(net));

  const std::vector<std::pair<std::string, size_t>> wanted = {{"stop_gradient", 10},
                                                              {"cse", 7},
                                                              {"dead_op", 6},
                                                              {"linear_fusion", 4},
                                                              {"residual_norm_fusion", 3},
                                                              {"weight_packing", 4},
                                                              {"in_place", 4}};
  ASSERT_EQ(changed_by->size(), wanted.size());
  ASSERT_EQ(dumps.size(), 1 + wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i) {
    EXPECT_EQ((*changed_by)[i], wanted[i].first);
    EXPECT_EQ(ParseText(dumps[1 + i].second).value().ops.size(), wanted[i].second);
  }

  // Nothing is left to do, and nothing is dumped again.
  dumps.clear();
  const std::string done = ToText(net);
  const auto again = RunPipeline(&net, CoreOps(), CpuPasses(), options);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, std::vector<std::string>());
  EXPECT_EQ(ToText(net), done);
  EXPECT_EQ(dumps.size(), 1u);
}

TEST(PipelineTest, DisabledPassesDoNotRun) {
  Net net = ParseAndVerify(kText);
  PipelineOptions options;
  options.disabled = {"linear_fusion", "weight_packing", "in_place"};
  std::vector<std::string> stages;
  options.dump = [&](const std::string& stage, const Net&) { stages.push_back(stage); };
  const auto changed_by = RunPipeline(&net, CoreOps(), CpuPasses(), options);
  ASSERT_TRUE(changed_by.ok()) << changed_by.status();
  for (const std::string& pass : *changed_by) EXPECT_EQ(options.disabled.count(pass), 0u);
  const std::string text = ToText(net);
  EXPECT_NE(text.find("BiasAdd("), std::string::npos) << text;
  EXPECT_EQ(text.find("Linear("), std::string::npos) << text;
  EXPECT_EQ(text.find("in_place"), std::string::npos) << text;
  // Numbers belong to the pass, not to the run.
  EXPECT_EQ(stages.back(), Stage("residual_norm_fusion"));
}

TEST(PipelineTest, UnknownDisabledNameListsThePasses) {
  Net net = ParseAndVerify(kText);
  PipelineOptions options;
  options.disabled = {"cse", "linear_fusio"};
  const absl::Status status = RunPipeline(&net, CoreOps(), CpuPasses(), options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("'linear_fusio'"), std::string::npos) << status;
  for (const Pass& pass : CpuPasses()) {
    EXPECT_NE(status.message().find(pass.name), std::string::npos) << status;
  }
  EXPECT_EQ(ToText(net), NetText());
  // Also when no pass is to run: a misspelt flag is never silent.
  options.enabled = false;
  EXPECT_FALSE(RunPipeline(&net, CoreOps(), CpuPasses(), options).ok());
}

TEST(PipelineTest, SwitchedOffTheNetStaysAsBuilt) {
  Net net = ParseAndVerify(kText);
  PipelineOptions options;
  options.enabled = false;
  std::vector<std::string> stages;
  options.dump = [&](const std::string& stage, const Net&) { stages.push_back(stage); };
  const auto changed_by = RunPipeline(&net, CoreOps(), CpuPasses(), options);
  ASSERT_TRUE(changed_by.ok()) << changed_by.status();
  EXPECT_TRUE(changed_by->empty());
  EXPECT_EQ(ToText(net), NetText());
  EXPECT_EQ(stages, std::vector<std::string>{"00_built"});
}

TEST(PipelineTest, ABadNetIsNotThePassesFault) {
  Net net = ParseAndVerify(kText);
  std::swap(net.ops[0], net.ops[1]);
  const absl::Status status = RunPipeline(&net, CoreOps(), CpuPasses(), PipelineOptions()).status();
  ASSERT_FALSE(status.ok());
  EXPECT_NE(status.message().find("before the first pass"), std::string::npos) << status;
}

TEST(PipelineTest, APassThatHidesAChangeIsCaught) {
  Net net = ParseAndVerify(kText);
  const absl::Status status = RunOne(
      [](Net* n) {
        n->ops[0].name = "other";
        return false;
      },
      &net);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(status.message().find("'fake'"), std::string::npos) << status;
}

TEST(PipelineTest, APassThatClaimsAChangeIsCaught) {
  Net net = ParseAndVerify(kText);
  const absl::Status status = RunOne([](Net*) { return true; }, &net);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(status.message().find("'fake'"), std::string::npos) << status;
}

TEST(PipelineTest, APassThatBreaksTheNetIsNamed) {
  Net net = ParseAndVerify(kText);
  const absl::Status status = RunOne(
      [](Net* n) {
        n->ops.erase(n->ops.begin());
        return true;
      },
      &net);
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_NE(status.message().find("'fake'"), std::string::npos) << status;
  EXPECT_NE(status.message().find("'x1'"), std::string::npos) << status;
}

TEST(PipelineTest, APassThatMovesAnOperatorIsCaught) {
  for (const bool part : {true, false}) {
    Net net = ParseAndVerify(kText);
    const absl::Status status = RunOne(
        [part](Net* n) {
          if (part) n->ops[10].part = "elsewhere";
          if (!part) n->ops[10].phase = Phase::kUpdate;
          return true;
        },
        &net);
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_EQ(status.message(),
              part ? "pass 'fake' moved operator 'head' from head, forward, to elsewhere, forward"
                   : "pass 'fake' moved operator 'head' from head, forward, to head, update");
  }
}

TEST(PipelineTest, OverridesAreOfParts) {
  PipelineOptions options;
  options.precision = ComputePrecision::kBF16;
  options.precision_overrides = {{"guide/head", ComputePrecision::kInt8Products},
                                 {"guide", ComputePrecision::kF32}};
  EXPECT_EQ(PrecisionOf(options, "guide/head.fc"), ComputePrecision::kInt8Products);
  EXPECT_EQ(PrecisionOf(options, "guide/header"), ComputePrecision::kF32);
  EXPECT_EQ(PrecisionOf(options, "guided"), ComputePrecision::kBF16);
}

TEST(PipelineTest, AnErrorOfAPassIsPassedOnWithItsName) {
  Net net = ParseAndVerify(kText);
  const absl::Status status =
      RunOne([](Net*) { return absl::UnimplementedError("not this one"); }, &net);
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_NE(status.message().find("'fake'"), std::string::npos) << status;
  EXPECT_NE(status.message().find("not this one"), std::string::npos) << status;
}

TEST(PipelineTest, LaterPassesDoNotRunAfterAnError) {
  Net net = ParseAndVerify(kText);
  bool second_ran = false;
  const Passes passes = {{"liar", [](Net*, const SchemaRegistry&) { return true; }},
                         {"second", [&](Net*, const SchemaRegistry&) {
                            second_ran = true;
                            return false;
                          }}};
  EXPECT_FALSE(RunPipeline(&net, CoreOps(), passes, PipelineOptions()).ok());
  EXPECT_FALSE(second_ran);
}

}  // namespace
}  // namespace graph
