// A plugin joins by one registration function per layer and nothing else: what is
// here for Tanh is all there is to write, and no other file names it.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "backends/cpu/kernel_table.h"
#include "backends/cpu/ops/op_table.h"
#include "backends/reference/kernel_table.h"
#include "graph/base/status.h"
#include "models/training/session.h"
#include "models/zoo/zoo.h"
#include "ops/op_table.h"
#include "tests/plugin/kernels.h"
#include "tests/plugin/ops.h"
#include "tests/plugin/zoo_entries.h"

namespace plugin {
namespace {

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
// tell; the other pixels are zero.
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
  // The same net in float and in double. Only the first steps: gradients of these
  // symmetric data cancel, and AdamW makes full steps of the rounding that remains.
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

}  // namespace
}  // namespace plugin
