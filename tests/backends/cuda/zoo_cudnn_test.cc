// Every graph that the zoo's nets ask cuDNN for at batch 64 in bf16, on an H100, is planned and
// compiled by the real library, without a GPU. Nets are compiled and not run.
#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_format.h"
#include "backends/cuda/cudnn.h"
#include "backends/cuda/cudnn_graphs.h"
#include "backends/cuda/droppos/kernel_table.h"
#include "backends/cuda/kernel_table.h"
#include "graph/base/status.h"
#include "graph/compiler/compiler.h"
#include "models/training/nets.h"
#include "models/zoo/zoo.h"
#include "tests/fake_cuda/control.h"
#include "tests/fake_cuda/deviceless.h"
#include "tools/plugins.h"

namespace backends::cuda {
namespace {

struct Outcome {
  absl::Status status;
  int64_t workspace_bytes = 0;
  double seconds = 0;
};
// By description, of all graphs that were asked for.
std::map<std::string, Outcome>& Outcomes() {
  static auto* const outcomes = new std::map<std::string, Outcome>();
  return *outcomes;
}

class OnlyPlanned final : public CudnnPlan {
 public:
  explicit OnlyPlanned(int64_t workspace_bytes) : workspace_bytes_(workspace_bytes) {}
  size_t workspace_bytes() const override { return workspace_bytes_; }
  absl::Status Run(CudnnPointers, void*, Stream) const override {
    return absl::UnimplementedError("there is no GPU");
  }

 private:
  const int64_t workspace_bytes_;
};

class Deviceless final : public Cudnn {
 public:
  std::string version() const override { return CudnnVersionText(OpenCudnn().value()); }

 private:
  absl::StatusOr<std::unique_ptr<CudnnPlan>> MakePlan(const CudnnGraphSpec& spec) override {
    const auto start = std::chrono::steady_clock::now();
    Outcome& outcome = Outcomes()[Describe(spec)];
    const auto workspace = CudnnGraph(spec, fake_cuda::H100()).Plan();
    outcome.status = workspace.status();
    outcome.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    RETURN_IF_ERROR(outcome.status);
    outcome.workspace_bytes = *workspace;
    return std::make_unique<OnlyPlanned>(*workspace);
  }
};

}  // namespace

absl::StatusOr<std::unique_ptr<Cudnn>> LoadCudnn(int) {
  fake_cuda::LoadDriverDouble();
  RETURN_IF_ERROR(OpenCudnn().status());
  return std::make_unique<Deviceless>();
}

namespace {

TEST(ZooCudnn, AllIsPlanned) {
  fake_cuda::Reset();
  const graph::SchemaRegistry registry = tools::MakeRegistry();
  graph::Backend backend = MakeBackend(/*index=*/0, /*threads=*/1).value();
  droppos::RegisterKernels(&backend);
  const models::Zoo zoo = tools::MakeZoo();
  for (const models::ZooEntry& entry : zoo.entries()) {
    const auto model = entry.make(entry, /*num_classes=*/1000);
    auto net = models::BuildTrainingNet(registry, *model, models::AdamW(entry.recipe),
                                        /*batch=*/64, models::MicroStep::kWhole, /*accum_iter=*/1);
    ASSERT_TRUE(net.ok()) << net.status();
    graph::CompileOptions options;
    options.registry = &registry;
    options.backend = &backend;
    options.passes.precision = graph::ComputePrecision::kBF16;
    const auto prepared = graph::Prepare(std::move(net->net), options);
    ASSERT_TRUE(prepared.ok()) << entry.name << ": " << prepared.status();
    int by_cudnn = 0;
    for (const auto& kernel : prepared->kernels) {
      by_cudnn += absl::StrContains(kernel->implementation(), "cudnn");
    }
    std::cout << entry.name << ": " << by_cudnn << " of " << prepared->kernels.size()
              << " kernels are cuDNN's" << std::endl;
  }
  double seconds = 0;
  for (const auto& [graph, outcome] : Outcomes()) {
    std::cout << absl::StrFormat("%-90s %4d MiB %5.2f s\n", graph, outcome.workspace_bytes >> 20,
                                 outcome.seconds);
    EXPECT_TRUE(outcome.status.ok()) << graph << ": " << outcome.status;
    seconds += outcome.seconds;
  }
  std::cout << Outcomes().size() << " graphs in " << seconds << " s\n";
  EXPECT_GE(Outcomes().size(), 1u);
}

}  // namespace
}  // namespace backends::cuda
