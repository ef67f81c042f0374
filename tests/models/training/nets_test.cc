#include "models/training/nets.h"

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using graph::Phase;

// Names are the builder's habit; here they tell what an operator is.
TEST(TrainingNets, EveryOperatorSaysPhaseAndPart) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(/*attn_guide=*/true));
  for (const UpdateWhen when : {UpdateWhen::kWindow, UpdateWhen::kMicroStep}) {
    for (const MicroStep step :
         {MicroStep::kWhole, MicroStep::kFirst, MicroStep::kMiddle, MicroStep::kLast}) {
      const auto built = BuildTrainingNet(engine.registry, model, AdamW(RecipeConfig()), 2, step, 3,
                                          "train", when);
      ASSERT_TRUE(built.ok()) << built.status();
      std::set<std::string> parameters, forward;
      for (const Parameter& p : built->parameters) parameters.insert(p.name);
      int updates = 0;
      for (const graph::Op& op : built->net.ops) {
        const bool update = op.type == "GradNorm" || op.type == "ClipFactors" ||
                            op.type == "AdamW" || op.type == "Increment" ||
                            op.type == "AppendToWindow" || absl::StartsWith(op.name, "accum/") ||
                            absl::StartsWith(op.name, "clip/");
        const bool backward = absl::StartsWith(op.name, "grad/");
        EXPECT_EQ(op.phase, update     ? Phase::kUpdate
                            : backward ? Phase::kBackward
                                       : Phase::kForward)
            << op.Describe();
        EXPECT_FALSE(op.recomputed) << op.Describe();
        if (op.phase == Phase::kForward) forward.insert(op.part);
        if (backward) {
          EXPECT_EQ(forward.count(op.part) + parameters.count(op.part), 1u) << op.Describe();
        }
        const size_t slash = op.name.find('/');
        if (update && op.type != "Increment" && op.type != "AppendToWindow" &&
            slash != std::string::npos) {
          EXPECT_EQ(op.part, op.name.substr(slash + 1));
          EXPECT_EQ(parameters.count(op.part), 1u) << op.Describe();
        }
        updates += update;
      }
      EXPECT_EQ(forward.count("guide/blocks.1.mlp.fc1"), 1u);
      EXPECT_EQ(forward.count("blocks.1.mlp.fc1"), 1u);
      EXPECT_GT(updates, 0);
    }
  }
}

TEST(TrainingNets, InitialValuesArePartsOfTheirParameters) {
  const TinyEngine engine;
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(true));
  const auto built =
      BuildTrainingNet(engine.registry, model, AdamW(RecipeConfig()), 2, MicroStep::kWhole, 1);
  ASSERT_TRUE(built.ok()) << built.status();
  const auto net = BuildInitNet(engine.registry, built->parameters, 7);
  ASSERT_TRUE(net.ok()) << net.status();
  ASSERT_EQ(net->ops.size(), built->parameters.size());
  for (size_t i = 0; i < net->ops.size(); ++i) {
    EXPECT_EQ(net->ops[i].part, built->parameters[i].name);
  }
}

}  // namespace
}  // namespace models
