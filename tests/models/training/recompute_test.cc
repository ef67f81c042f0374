#include "models/training/recompute.h"

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/session.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using ::testing::HasSubstr;

std::string Segment(const char* mode, const char* part) {
  const auto segments = RecomputeSegments(mode);
  EXPECT_TRUE(segments.ok()) << segments.status();
  return (*segments)(part);
}

TEST(RecomputeSegments, Mlp) {
  EXPECT_EQ(Segment("mlp", "blocks.0.norm2"), "blocks.0.mlp");
  EXPECT_EQ(Segment("mlp", "blocks.0.mlp.fc1"), "blocks.0.mlp");
  EXPECT_EQ(Segment("mlp", "decoder_blocks.11.mlp.act"), "decoder_blocks.11.mlp");
  EXPECT_EQ(Segment("mlp", "blocks.0.mlp.fc1.add_bias"), "blocks.0.mlp");
  for (const char* kept : {"blocks.0.mlp.residual", "blocks.0.attn", "blocks.0.norm1", "norm",
                           "blocks.0.norm20", "blocks.x.mlp.fc1", "blocks.3", "mlp.fc1"}) {
    EXPECT_EQ(Segment("mlp", kept), "") << kept;
  }
}

TEST(RecomputeSegments, Block) {
  EXPECT_EQ(Segment("block", "blocks.0.attn.qkv"), "blocks.0");
  EXPECT_EQ(Segment("block", "blocks.10.attn.residual"), "blocks.10");
  EXPECT_EQ(Segment("block", "decoder_blocks.1.mlp.fc2"), "decoder_blocks.1");
  for (const char* kept :
       {"blocks.0.mlp.residual", "patch_embed.proj", "blocks.0", "decoder_pred", ""}) {
    EXPECT_EQ(Segment("block", kept), "") << kept;
  }
}

TEST(RecomputeSegments, Modes) {
  EXPECT_EQ(*RecomputeSegments("none"), nullptr);
  const auto unknown = RecomputeSegments("all");
  EXPECT_EQ(unknown.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("none, mlp or block"));
}

struct AfterTwoSteps {
  std::vector<double> losses;
  std::map<std::string, std::vector<uint8_t>> state;  // all of the workspace, as bytes
  size_t arena = 0;
  int64_t copies = 0;
};

AfterTwoSteps TwoSteps(const char* mode, bool guide, graph::ComputePrecision precision) {
  const TinyEngine engine;
  ModelConfig config = TinyModelConfig();
  config.embed_dim = 32;
  config.depth = 4;
  const DropPos model(config, TinyDropPosConfig(guide));
  SessionOptions options = engine.Options(16);
  options.compile.passes.recompute_segment = RecomputeSegments(mode).value();
  options.compile.passes.precision = precision;
  AfterTwoSteps result;
  const auto session = Session::Create(&model, options);
  EXPECT_TRUE(session.ok()) << session.status();
  if (!session.ok()) return result;
  for (int step = 0; step < 2; ++step) {
    const Batch batch = RandomBatch(config, 16, 40 + step);
    const auto done =
        (*session)->Step([&]() -> absl::StatusOr<const Batch*> { return &batch; }, 1e-3,
                         std::vector<std::pair<std::string, float>>{{"sigma", 1.0f}});
    EXPECT_TRUE(done.ok()) << done.status();
    if (!done.ok()) return result;
    result.losses.push_back(done->loss);
    result.losses.push_back(done->grad_norm);
  }
  graph::Workspace* const workspace = (*session)->workspace();
  for (const std::string& name : workspace->Names()) {
    const graph::ConstTensor blob = workspace->Find(name).value();
    std::vector<uint8_t> bytes(blob.type.bytes());
    EXPECT_TRUE(blob.ReadBytes(0, absl::MakeSpan(bytes)).ok());
    result.state[name].assign(bytes.begin(), bytes.end());
  }
  result.arena = (*session)->train().plan().arena_bytes;
  for (const graph::Op& op : (*session)->train().net().ops) {
    result.copies += op.name.substr(0, 10) == "recompute/";
  }
  return result;
}

// Bit for bit: the copies are the same operators on the same values.
TEST(Recompute, ChangesNoNumberAndShrinksTheArena) {
  for (const bool guide : {false, true}) {
    const AfterTwoSteps kept = TwoSteps("none", guide, graph::ComputePrecision::kF32);
    const AfterTwoSteps mlp = TwoSteps("mlp", guide, graph::ComputePrecision::kF32);
    const AfterTwoSteps block = TwoSteps("block", guide, graph::ComputePrecision::kF32);
    ASSERT_EQ(kept.losses.size(), 4u);
    EXPECT_EQ(kept.copies, 0);
    EXPECT_GT(mlp.copies, 0);
    EXPECT_GT(block.copies, mlp.copies);
    for (const AfterTwoSteps* other : {&mlp, &block}) {
      EXPECT_EQ(other->losses, kept.losses);
      ASSERT_EQ(other->state.size(), kept.state.size());
      for (const auto& [name, bytes] : kept.state) {
        EXPECT_TRUE(other->state.at(name) == bytes) << name;
      }
    }
    if (guide) continue;  // its many tokens may hold the peak
    EXPECT_LT(static_cast<double>(mlp.arena), 0.9 * static_cast<double>(kept.arena));
    EXPECT_LT(static_cast<double>(block.arena), 0.9 * static_cast<double>(mlp.arena));
  }
}

}  // namespace
}  // namespace models
