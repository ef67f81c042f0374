// The guide's last block is computed for the class token and the visible patches, and
// nothing else becomes smaller. That no number changes is in tests/graph/passes/zoo_nets_test.
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/compiler/compiler.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/nets.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

constexpr int kBatch = 3;

// The net that runs when `disabled` passes are left out.
graph::Net Compiled(const TinyEngine& engine, const Model& model,
                    const std::set<std::string>& disabled) {
  auto net =
      BuildTrainingNet(engine.registry, model, AdamW(TinyRecipe()), kBatch, MicroStep::kWhole, 1);
  EXPECT_TRUE(net.ok()) << net.status();
  if (!net.ok()) return {};
  graph::CompileOptions compile = engine.Options(kBatch).compile;
  compile.passes.disabled = disabled;
  auto plan = graph::Prepare(std::move(net->net), compile);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return plan.ok() ? std::move(plan->net) : graph::Net();
}

// The rows that operator `name` makes; -1: there is none.
int64_t RowsOf(const graph::Net& net, const std::string& name) {
  for (const graph::Op& op : net.ops) {
    if (op.name == name) return net.type(op.outputs[0]).dim(1);
  }
  return -1;
}

TEST(PrunedRows, OfTheGuidesLastBlockAreNotComputed) {
  const TinyEngine engine;
  const ModelConfig config = TinyModelConfig();
  DropPosConfig droppos = TinyDropPosConfig(/*attn_guide=*/true);
  droppos.mask_ratio = 0.75;
  const DropPos model(config, droppos);
  const int64_t all = 1 + config.num_patches();
  const int64_t visible = 1 + droppos.num_visible(config.num_patches());
  ASSERT_GT(config.depth, 1);
  ASSERT_LT(visible, all);
  // Fused operators have other names.
  const std::set<std::string> fusions = {"linear_fusion", "gelu_derivative"};
  std::set<std::string> and_pruning = fusions;
  and_pruning.insert("row_pruning");
  const graph::Net few = Compiled(engine, model, fusions);
  const graph::Net whole = Compiled(engine, model, and_pruning);

  const std::string last = absl::StrCat("blocks.", config.depth - 1);
  for (const char* op : {".attn", ".attn.proj", ".mlp.fc1", ".mlp.fc2"}) {
    SCOPED_TRACE(op);
    EXPECT_EQ(RowsOf(whole, "guide/" + last + op), all);
    EXPECT_EQ(RowsOf(few, "guide/" + last + op), visible);
    EXPECT_EQ(RowsOf(few, absl::StrCat("guide/blocks.0", op)), all);
    EXPECT_EQ(RowsOf(few, last + op), visible);  // the encoder's
  }
  EXPECT_EQ(RowsOf(few, "guide/" + last + ".attn.qkv"), all);
  EXPECT_EQ(RowsOf(few, "decoder_pred"), visible - 1);

  const int64_t d = config.embed_dim;
  const auto hidden = static_cast<int64_t>(d * config.mlp_ratio);
  const int64_t products = 2 * kBatch * (all - visible) * (2 * all * d + d * d + 2 * d * hidden);
  const int64_t saved = engine.registry.NetCost(whole).flops - engine.registry.NetCost(few).flops;
  EXPECT_GE(saved, products);
  EXPECT_LT(saved, 1.5 * products);  // norms, GELU, sums
}

}  // namespace
}  // namespace models
