// A plugin joins by one registration function per layer and nothing else: what is
// here for Tanh is all there is to write, flags of its own included, and no other file names it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backends/cpu/kernel_table.h"
#include "backends/cpu/ops/op_table.h"
#include "backends/reference/kernel_table.h"
#include "graph/base/status.h"
#include "models/training/nets.h"
#include "models/training/session.h"
#include "models/zoo/zoo.h"
#include "ops/op_table.h"
#include "tests/plugin/kernels.h"
#include "tests/plugin/ops.h"
#include "tests/plugin/options.h"
#include "tests/plugin/zoo_entries.h"
#include "tools/flags/parse_flags.h"
#include "tools/flags/resolve_flags.h"
#include "tools/flags/train_help.h"
#include "tools/plugins.h"
#include "tools/resume.h"
#include "tools/run_options.h"

namespace plugin {
namespace {

using ::testing::HasSubstr;

constexpr int kSteps = 40;

graph::Backend CpuBackend() {
  graph::Backend backend = *backends::cpu::MakeBackend(2);
  RegisterCpuKernels(&backend.kernels);
  return backend;
}

graph::Backend ReferenceBackend() {
  graph::Backend backend = backends::reference::MakeBackend();
  RegisterReferenceKernels(&backend.kernels);
  return backend;
}

// The exclusive or of the signs of the first two pixels, which no linear model can
// learn; the other pixels are zero.
models::Batch XorBatch(int batch, int64_t pixels) {
  models::Batch b;
  b.images.assign(batch * pixels, 0.0f);
  for (int i = 0; i < batch; ++i) {
    const bool first = i % 2 == 0, second = i / 2 % 2 == 0;
    b.images[i * pixels] = first ? 1.0f : -1.0f;
    b.images[i * pixels + 1] = second ? 1.0f : -1.0f;
    b.labels.push_back(first == second ? 1 : 0);
    b.keys.push_back(i);
  }
  b.valid = batch;
  return b;
}

absl::StatusOr<std::vector<double>> TrainTanhMlp(const graph::Backend& backend) {
  graph::SchemaRegistry registry;
  ops::RegisterOps(&registry);
  ops::cpu::RegisterOps(&registry);
  RegisterOps(&registry);
  models::Zoo zoo;
  RegisterModels(&zoo);

  ASSIGN_OR_RETURN(const models::ZooEntry entry, zoo.Find("tanh_mlp"));
  const std::unique_ptr<models::Model> model = entry.make(entry, 2);
  models::SessionOptions options;
  options.compile.registry = &registry;
  options.compile.backend = &backend;
  options.recipe = entry.recipe;
  options.step.micro_batch = entry.recipe.batch_size;
  ASSIGN_OR_RETURN(const std::unique_ptr<models::Session> session,
                   models::Session::Create(model.get(), options));
  const models::Batch batch =
      XorBatch(entry.recipe.batch_size, int64_t{3} * entry.model.input_h * entry.model.input_w);
  std::vector<double> losses;
  for (int i = 0; i < kSteps; ++i) {
    ASSIGN_OR_RETURN(
        const models::StepResult result,
        session->Step([&]() -> absl::StatusOr<const models::Batch*> { return &batch; }, 0.02, {}));
    losses.push_back(result.loss);
  }
  return losses;
}

TEST(Plugin, TrainsOnBothBackends) {
  const absl::StatusOr<std::vector<double>> cpu = TrainTanhMlp(CpuBackend());
  ASSERT_TRUE(cpu.ok()) << cpu.status();
  const absl::StatusOr<std::vector<double>> reference = TrainTanhMlp(ReferenceBackend());
  ASSERT_TRUE(reference.ok()) << reference.status();
  // A linear model, which this is without a gradient through Tanh, stays at ln 2 = 0.69.
  EXPECT_GT(cpu->front(), 0.5);
  EXPECT_LT(cpu->back(), 0.1);
  EXPECT_LT(reference->back(), 0.1);
  // The same net in float and in double. Only the first steps, because gradients of
  // these symmetric data cancel, and AdamW makes full steps of the remaining rounding.
  for (int i = 0; i < 3; ++i) EXPECT_NEAR((*cpu)[i], (*reference)[i], 1e-4) << "step " << i;
}

TEST(Plugin, IsNamedWhereItsKernelsAreMissing) {
  const graph::Backend core = backends::reference::MakeBackend();
  const absl::StatusOr<std::vector<double>> result = TrainTanhMlp(core);
  ASSERT_FALSE(result.ok());
  const std::string message(result.status().message());
  EXPECT_NE(message.find("Tanh"), std::string::npos) << message;
  EXPECT_NE(message.find("TanhGrad"), std::string::npos) << message;
}

// The trainer's zoo, and this plugin beside DropPos.
models::Zoo BothPlugins() {
  models::Zoo zoo = tools::MakeZoo();
  RegisterModels(&zoo);
  return zoo;
}

absl::StatusOr<tools::ResolvedFlags> Resolve(const std::vector<std::string>& args,
                                             const models::Zoo& zoo) {
  ASSIGN_OR_RETURN(const tools::ParsedFlags parsed, tools::ParseTrainFlags(args, zoo));
  ASSIGN_OR_RETURN(const models::ZooEntry entry, zoo.Find(*parsed.flags.model));
  return tools::ResolveTrainFlags(parsed.flags, entry, {});
}

TEST(Plugin, ItsFlagsAreShownParsedAndReachItsModel) {
  const models::Zoo zoo = BothPlugins();
  const auto resolved = Resolve({"--model=tanh_mlp", "--hidden_units=24", "--second_layer"}, zoo);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  const auto& options = dynamic_cast<const TanhOptions&>(*resolved->entry.options);
  EXPECT_EQ(options.hidden_units, 24);
  EXPECT_TRUE(options.second_layer);
  EXPECT_EQ(resolved->flags.weight_decay, 0.01) << "its recipe";
  const std::string help = tools::TrainFlagsHelp(resolved->flags, zoo, 100);
  EXPECT_THAT(help, HasSubstr("\nTanh:\n  --hidden_units=N"));
  EXPECT_THAT(help, HasSubstr("width of the hidden layer [24, the model's]\n"));
  EXPECT_THAT(help, HasSubstr("\n  --[no_]second_layer "));

  graph::SchemaRegistry registry;
  ops::RegisterOps(&registry);
  RegisterOps(&registry);
  const std::unique_ptr<models::Model> model = resolved->entry.make(resolved->entry, 2);
  const auto net = models::BuildTrainingNet(registry, *model, models::AdamW(resolved->entry.recipe),
                                            1, models::MicroStep::kWhole, 1);
  ASSERT_TRUE(net.ok()) << net.status();
  std::map<std::string, int64_t> widths;
  for (const models::Parameter& p : net->parameters) widths[p.name] = p.type.dim(0);
  EXPECT_EQ(widths["fc1.bias"], 24);
  EXPECT_EQ(widths["fc2.bias"], 8);
}

TEST(Plugin, ItsFlagsAreChecked) {
  const models::Zoo zoo = BothPlugins();
  const auto error = [&](const std::vector<std::string>& args) {
    return std::string(Resolve(args, zoo).status().message());
  };
  EXPECT_EQ(error({"--model=tanh_mlp", "--hidden_units=0"}),
            "--hidden_units=0: must be greater than 0");
  EXPECT_EQ(error({"--model=tanh_mlp", "--second_layer", "--second_units=17"}),
            "--second_units=17 is above --hidden_units=16; lower it");
  EXPECT_EQ(error({"--model=droppos_tiny", "--hidden_units=3"}),
            "--hidden_units=3 is for Tanh; droppos_tiny has no such flag");
  EXPECT_EQ(error({"--model=tanh_mlp", "--mask_ratio=0.5"}),
            "--mask_ratio=0.5 is for DropPos; tanh_mlp has no such flag");
  EXPECT_THAT(error({"--model=tanh_mlp", "--hiden_units=3"}), HasSubstr("mean --hidden_units?"));
  const auto one_layer = Resolve({"--model=tanh_mlp", "--second_units=4"}, zoo);
  ASSERT_TRUE(one_layer.ok()) << one_layer.status();
  EXPECT_THAT(one_layer->notices,
              testing::ElementsAre("--second_units=4 has no effect: there is one hidden layer "
                                   "without --second_layer"));
}

TEST(Plugin, ItsFlagsAreWrittenAndReadWhereARunGoesOn) {
  const models::Zoo zoo = BothPlugins();
  const auto resolved = Resolve({"--model=tanh_mlp", "--hidden_units=24"}, zoo);
  ASSERT_TRUE(resolved.ok()) << resolved.status();
  const std::string text = tools::FlagsOfRun(*resolved, "");
  EXPECT_THAT(text, HasSubstr("\n--hidden_units=24\n--second_layer=false\n--device"));
  EXPECT_THAT(text, testing::Not(HasSubstr("second_units")));
  tools::Resumption resumption;
  resumption.checkpoint.emplace();
  resumption.checkpoint->state.notes[tools::kFlagsNote] = text;
  const auto go_on = [&](const std::vector<std::string>& args) -> absl::Status {
    ASSIGN_OR_RETURN(const tools::ParsedFlags parsed,
                     tools::ParseTrainFlags(args, zoo, text, "state.json"));
    ASSIGN_OR_RETURN(const models::ZooEntry entry, zoo.Find(*parsed.flags.model));
    ASSIGN_OR_RETURN(const tools::ResolvedFlags now,
                     tools::ResolveTrainFlags(parsed.flags, entry, {}));
    return tools::CheckSameRun(resumption, now.flags, zoo);
  };
  EXPECT_TRUE(go_on({}).ok()) << go_on({});
  EXPECT_TRUE(go_on({"--hidden_units=24"}).ok());
  EXPECT_THAT(std::string(go_on({"--hidden_units=32"}).message()),
              HasSubstr("--hidden_units was 24 and is 32"));
}

}  // namespace
}  // namespace plugin
