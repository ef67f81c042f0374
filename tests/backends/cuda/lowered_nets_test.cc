// Training nets, lowered and run by the emulated CUDA backend, beside the same nets as the model
// writes them, on the reference backend.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "graph/base/random.h"
#include "graph/compiler/compiler.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/nets.h"
#include "models/training/recompute.h"
#include "models/zoo/zoo.h"
#include "tests/harness/cuda.h"
#include "tests/models/layers/drop_path_net.h"
#include "tests/models/training/tiny_run.h"
#include "tools/plugins.h"
#include "tools/reference_backend.h"

namespace models {
namespace {

using graph::Backend;
using graph::Net;
using graph::PipelineOptions;
using Values = std::map<std::string, std::vector<float>>;

const graph::SchemaRegistry& Registry() {
  static const auto* registry = new graph::SchemaRegistry(tools::MakeRegistry());
  return *registry;
}

// That of a first or a middle micro-batch: its gradients are states at exit.
Net Training(MicroStep step) {
  const DropPos model(TinyModelConfig(), TinyDropPosConfig(/*attn_guide=*/true));
  auto net = BuildTrainingNet(Registry(), model, AdamW(TinyRecipe()), /*batch=*/2, step, 4);
  EXPECT_TRUE(net.ok()) << net.status();
  return net.ok() ? std::move(net->net) : Net();
}

// Random elements, the same for each blob of that name.
void Fill(const graph::Tensor& tensor, const std::string& name) {
  graph::RandomStream random(graph::HashName(name), graph::Purpose::kNoise);
  absl::Status status;
  if (tensor.type.dtype == graph::DType::kI64) {
    std::vector<int64_t> values(tensor.type.elements());
    for (int64_t& x : values) x = static_cast<int64_t>(random.Below(1 << 20));
    status = tensor.Write(values);
  } else {
    // Scales of norms away from zero, everything else about it.
    const double middle = name.find("norm") != std::string::npos ? 1 : 0;
    std::vector<float> values(tensor.type.elements());
    for (float& x : values) {
      x = name == "sigma" ? 1 : static_cast<float>(random.Uniform(-0.5, 0.5) + middle);
    }
    status = tensor.Write(values);
  }
  EXPECT_TRUE(status.ok()) << name << ": " << status;
}

// The outputs and the states in f32 after a run. Adds the names of the passes that did something.
Values RunNet(const Net& net, const Backend& backend, const PipelineOptions& passes,
              std::set<std::string>* changed) {
  graph::CompileOptions options;
  options.registry = &Registry();
  options.backend = &backend;
  options.passes = passes;
  graph::Workspace workspace(backend.device);
  auto prepared = graph::Prepare(net, options);
  EXPECT_TRUE(prepared.ok()) << prepared.status();
  if (!prepared.ok()) return {};
  changed->insert(prepared->effective_passes.begin(), prepared->effective_passes.end());
  auto executable = graph::Create(*std::move(prepared), &workspace);
  EXPECT_TRUE(executable.ok()) << executable.status();
  if (!executable.ok()) return {};
  const auto find = [&](graph::BlobId blob) { return (*executable)->Find(net.blob(blob).name); };
  for (graph::BlobId input : net.inputs) Fill(find(input).value(), net.blob(input).name);
  for (const graph::State& s : net.states) Fill(find(s.entry).value(), net.blob(s.entry).name);
  const absl::Status status = (*executable)->Run();
  EXPECT_TRUE(status.ok()) << status;
  Values values;
  const auto keep = [&](graph::BlobId blob) {
    const graph::Tensor tensor = find(blob).value();
    if (tensor.type.dtype != graph::DType::kF32) return;
    values[net.blob(blob).name] = tensor.Read<float>().value();
  };
  for (graph::BlobId output : net.outputs) keep(output);
  for (const graph::State& state : net.states) keep(state.entry);
  return values;
}

// `tolerance` is relative to the largest number of all in a tensor, or `floor`. Returns the largest
// error as a share of its bound.
double ExpectNear(const Values& got, const Values& want, double tolerance, double floor) {
  EXPECT_EQ(got.size(), want.size());
  double worst = 0;
  for (const auto& [name, elements] : want) {
    const auto it = got.find(name);
    if (it == got.end() || it->second.size() != elements.size()) {
      ADD_FAILURE() << name << " is missing or of another size";
      continue;
    }
    double scale = floor, error = 0;
    for (size_t i = 0; i < elements.size(); ++i) {
      EXPECT_TRUE(std::isfinite(elements[i]) && std::isfinite(it->second[i])) << name;
      scale = std::max<double>(scale, std::abs(elements[i]));
      error = std::max<double>(error, std::abs(it->second[i] - elements[i]));
    }
    EXPECT_LE(error, tolerance * scale) << name;
    worst = std::max(worst, error / (tolerance * scale));
  }
  return worst;
}

TEST(CudaLowering, ChangesNoNumbers) {
  const std::set<std::string> lowering = {"linear_fusion",          "gelu_fusion",
                                          "linear_residual_fusion", "residual_norm_fusion",
                                          "weight_grad_fusion",     "bias_cast"};
  PipelineOptions none;
  none.enabled = false;
  const Backend reference = tools::MakeReferenceBackend(), cuda = harness::MakeCuda();
  for (const MicroStep step : {MicroStep::kFirst, MicroStep::kMiddle}) {
    const Net net = Training(step);
    std::set<std::string> changed;
    const Values want = RunNet(net, reference, none, &changed);
    for (const auto precision : {graph::ComputePrecision::kF32, graph::ComputePrecision::kBF16}) {
      const bool low = precision == graph::ComputePrecision::kBF16;
      for (const char* recompute : {"none", "mlp", "block"}) {
        SCOPED_TRACE(testing::Message() << (step == MicroStep::kFirst ? "first" : "middle")
                                        << (low ? ", bf16" : ", fp32") << ", " << recompute);
        PipelineOptions options;
        options.precision = precision;
        options.recompute_segment = RecomputeSegments(recompute).value();
        const double tolerance = low ? 0.1 : 1e-5, floor = low ? 0.01 : 1e-3;
        const double worst =
            ExpectNear(RunNet(net, cuda, options, &changed), want, tolerance, floor);
        std::cout << "largest error: " << worst << " of its bound\n";
        if (std::string(recompute) != "none") continue;
        for (const std::string& pass : lowering) {
          SCOPED_TRACE("without " + pass);
          PipelineOptions without = options;
          without.disabled = {pass};
          std::set<std::string> others;
          ExpectNear(RunNet(net, cuda, without, &others), want, tolerance, floor);
          EXPECT_EQ(others.count(pass), 0u);
        }
      }
    }
    for (const std::string& pass : lowering) {
      EXPECT_EQ(changed.count(pass), 1u) << pass << " had nothing to do";
    }
  }
}

// Drop path, as the model writes it and with its scales in the norms.
TEST(CudaLowering, ChangesNoNumbersOfDropPath) {
  const Net net = DropPathNet(Registry(), ScalesFrom::kKeys);
  PipelineOptions none;
  none.enabled = false;
  std::set<std::string> changed;
  const Backend cuda = harness::MakeCuda();
  const Values want = RunNet(net, tools::MakeReferenceBackend(), none, &changed);
  for (const auto precision : {graph::ComputePrecision::kF32, graph::ComputePrecision::kBF16}) {
    const bool low = precision == graph::ComputePrecision::kBF16;
    SCOPED_TRACE(low ? "bf16" : "fp32");
    PipelineOptions options;
    options.precision = precision;
    for (const std::set<std::string>& disabled :
         {std::set<std::string>(), {"residual_norm_fusion"}}) {
      options.disabled = disabled;
      ExpectNear(RunNet(net, cuda, options, &changed), want, low ? 0.1 : 1e-5, low ? 0.01 : 1e-3);
    }
  }
  EXPECT_EQ(changed.count("residual_norm_fusion"), 1u);
}

}  // namespace
}  // namespace models
