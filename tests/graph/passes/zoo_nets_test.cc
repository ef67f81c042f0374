// The training nets of all models of the zoo, made small: passes change neither the
// loss nor a gradient, alone or together, and bf16 stays near.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "backends/cuda/passes/passes.h"
#include "graph/base/random.h"
#include "graph/compiler/compiler.h"
#include "graph/ir/part.h"
#include "graph/ir/text.h"
#include "graph/passes/pipeline.h"
#include "models/droppos/droppos_config.h"
#include "models/droppos/zoo_entries.h"
#include "models/training/nets.h"
#include "models/vit/zoo_entries.h"
#include "models/zoo/zoo.h"
#include "ops/droppos/op_table.h"
#include "ops/op_table.h"
#include "tests/graph/passes/pass_testing.h"
#include "tests/harness/backends.h"
#include "tools/reference_backend.h"

namespace graph {
namespace {

constexpr int kBatch = 2;
constexpr int kClasses = 5;

const SchemaRegistry& AllOps() { return harness::TestRegistry(); }

struct NamedNet {
  std::string name;
  Net net;
};

// The first micro-step of an accumulation: its gradients are states at exit.
NamedNet Training(models::ZooEntry entry, const std::string& what) {
  entry.model.input_h = entry.model.input_w = 4 * entry.model.patch_size;
  entry.model.embed_dim = 8;
  entry.model.num_heads = 2;
  entry.model.depth = 2;
  entry.model.decoder_embed_dim = 8;
  entry.model.decoder_num_heads = 2;
  entry.model.decoder_depth = std::min(entry.model.decoder_depth, 2);
  const auto model = entry.make(entry, kClasses);
  auto net = models::BuildTrainingNet(AllOps(), *model, models::AdamW(models::TinyRecipe()), kBatch,
                                      models::MicroStep::kFirst, 2);
  EXPECT_TRUE(net.ok()) << entry.name << ": " << net.status();
  return {entry.name + what, net.ok() ? std::move(net->net) : Net()};
}

// Every entry of the zoo, and DropPos with its switches; of those that are the same
// when they are small, one.
std::vector<NamedNet> AllModels() {
  models::Zoo zoo;
  models::RegisterVitModels(&zoo);
  models::RegisterDropPosModels(&zoo);
  std::vector<NamedNet> nets;
  std::set<std::string> texts;
  const auto add = [&](const models::ZooEntry& entry, const std::string& what) {
    NamedNet net = Training(entry, what);
    if (texts.insert(ToText(net.net)).second) nets.push_back(std::move(net));
  };
  for (models::ZooEntry entry : zoo.entries()) {
    entry.model.patch_size = 4;
    add(entry, "");
  }
  models::ZooEntry both = zoo.Find("droppos_tiny").value();
  both.model.patch_size = 4;
  auto config = std::make_shared<models::DropPosConfig>();
  config->drop_pos_type = "multi_task";
  config->shuffle = true;
  config->mask_ratio = 0.5;
  both.options = config;
  add(both, " multi_task shuffle");
  config->mask_token_type = "wrong_pos";
  config->attn_guide = false;
  add(both, " multi_task wrong_pos without guide");
  return nets;
}

// Blocks are computed twice.
PipelineOptions All() {
  PipelineOptions options;
  options.recompute_segment = [](absl::string_view part) -> std::string {
    return absl::StartsWith(part, "blocks.") ? std::string(BlockOf(part)) : "";
  };
  return options;
}

// They have nothing to do with these nets, or below.
const std::set<std::string> kElsewhere = {"stop_gradient", "dead_op", "mixed_precision", "quantize",
                                          "tensor_grouping"};

using Values = std::map<std::string, std::vector<float>>;

// The outputs and the states after a run from random inputs and states.
Values RunNet(const Net& net, const PipelineOptions& passes, std::set<std::string>* changed,
              const Backend& backend = harness::ReferenceBackend()) {
  CompileOptions options;
  options.registry = &AllOps();
  options.backend = &backend;
  options.passes = passes;
  Workspace workspace;
  auto prepared = Prepare(net, options);
  EXPECT_TRUE(prepared.ok()) << prepared.status();
  if (!prepared.ok()) return {};
  changed->insert(prepared->effective_passes.begin(), prepared->effective_passes.end());
  auto executable = Create(*std::move(prepared), &workspace);
  EXPECT_TRUE(executable.ok()) << executable.status();
  if (!executable.ok()) return {};
  const auto fill = [&](BlobId blob) {
    const std::string& name = net.blob(blob).name;
    RandomStream random(HashName(name), Purpose::kNoise);
    const Tensor tensor = (*executable)->Find(name).value();
    if (tensor.type.dtype == DType::kI64) {
      for (int64_t& x : tensor.as<int64_t>()) x = static_cast<int64_t>(random.Below(1 << 20));
    } else if (name == "mix_mode") {
      for (int32_t& x : tensor.as<int32_t>()) x = static_cast<int32_t>(random.Below(2));
    } else if (tensor.type.dtype == DType::kI32) {
      for (int32_t& x : tensor.as<int32_t>()) x = static_cast<int32_t>(random.Below(kClasses));
    } else if (name == "sigma") {
      tensor.as<float>()[0] = 1;
    } else if (name == models::kLossLimit) {
      tensor.as<float>()[0] = std::numeric_limits<float>::infinity();
    } else {
      // Scales of norms away from zero, everything else about it.
      const double middle = name.find("norm") != std::string::npos ? 1 : 0;
      for (float& x : tensor.as<float>())
        x = static_cast<float>(random.Uniform(-0.5, 0.5) + middle);
    }
  };
  for (BlobId input : net.inputs) fill(input);
  for (const State& state : net.states) fill(state.entry);
  const absl::Status status = (*executable)->Run();
  EXPECT_TRUE(status.ok()) << status;
  Values values;
  const auto keep = [&](BlobId blob) {
    const std::string& name = net.blob(blob).name;
    const Tensor tensor = (*executable)->Find(name).value();
    if (tensor.type.dtype != DType::kF32) return;
    const absl::Span<const float> elements = tensor.as<float>();
    values[name].assign(elements.begin(), elements.end());
  };
  for (BlobId output : net.outputs) keep(output);
  for (const State& state : net.states) keep(state.entry);
  return values;
}

// `tolerance` is relative to the largest number of all in a tensor, or `floor`.
void ExpectNear(const Values& got, const Values& want, double tolerance, double floor) {
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [name, elements] : want) {
    const auto it = got.find(name);
    ASSERT_NE(it, got.end()) << name;
    ASSERT_EQ(it->second.size(), elements.size()) << name;
    double scale = floor;
    for (float x : elements) scale = std::max<double>(scale, std::abs(x));
    for (size_t i = 0; i < elements.size(); ++i) {
      ASSERT_TRUE(std::isfinite(elements[i])) << name;
      ASSERT_NEAR(it->second[i], elements[i], tolerance * scale) << name << "[" << i << "]";
    }
  }
}

TEST(ZooNetsTest, PassesChangeNoNumbers) {
  PipelineOptions none;
  none.enabled = false;
  std::set<std::string> changed;
  for (const NamedNet& model : AllModels()) {
    SCOPED_TRACE(model.name);
    const Values want = RunNet(model.net, none, &changed);
    ExpectNear(RunNet(model.net, All(), &changed), want, 1e-5, 1e-3);
    for (const Pass& pass : CpuPasses()) {
      SCOPED_TRACE(pass.name);
      PipelineOptions options = All();
      options.disabled = {pass.name};
      ExpectNear(RunNet(model.net, options, &changed), want, 1e-5, 1e-3);
      if (HasFailure()) return;
    }
  }
  for (const Pass& pass : CpuPasses()) {
    const std::string& name = pass.name;
    if (kElsewhere.count(name) > 0) continue;
    EXPECT_EQ(changed.count(name), 1u) << name << " had nothing to do";
  }
}

TEST(ZooNetsTest, PassesOfCudaChangeNoNumbers) {
  Backend cuda = harness::ReferenceBackend();
  cuda.lowering = backends::cuda::MakeLowering;
  PipelineOptions none, low = All();
  none.enabled = false;
  low.precision = ComputePrecision::kBF16;
  for (const NamedNet& model : AllModels()) {
    SCOPED_TRACE(model.name);
    std::set<std::string> changed;
    const Values want = RunNet(model.net, none, &changed);
    ExpectNear(RunNet(model.net, All(), &changed, cuda), want, 1e-5, 1e-3);
    ExpectNear(RunNet(model.net, low, &changed, cuda), want, 0.1, 0.01);
    for (const Pass& pass : cuda.lowering({}).after_recompute) {
      EXPECT_EQ(changed.count(pass.name), 1u) << pass.name << " had nothing to do";
    }
    if (HasFailure()) return;
  }
}

// The operators of a net after the passes.
std::vector<std::string> WithoutNames(Net net, const PipelineOptions& options,
                                      const Passes& passes) {
  const auto reports = RunPipeline(&net, AllOps(), passes, options);
  EXPECT_TRUE(reports.ok()) << reports.status();
  std::vector<std::string> lines;
  for (const Op& op : net.ops) {
    lines.push_back(
        absl::StrCat(op.type, " ", op.part, " ", PhaseName(op.phase), " ", op.recomputed));
    for (BlobId b : op.inputs) absl::StrAppend(&lines.back(), " ", net.type(b).ToString());
    for (BlobId b : op.outputs) absl::StrAppend(&lines.back(), " ", net.type(b).ToString());
  }
  return lines;
}

TEST(ZooNetsTest, PassesReadNoNames) {
  PipelineOptions options = All();
  options.precision = ComputePrecision::kBF16;
  options.precision_overrides = {{"guide", ComputePrecision::kInt8Products}};
  for (const NamedNet& model : AllModels()) {
    SCOPED_TRACE(model.name);
    Net renamed = model.net;
    for (size_t i = 0; i < renamed.ops.size(); ++i) renamed.ops[i].name = absl::StrCat("op", i);
    for (const Passes& passes : {CpuPasses(options), CudaPasses(options)}) {
      EXPECT_EQ(WithoutNames(renamed, options, passes), WithoutNames(model.net, options, passes));
    }
  }
}

// A registry that has no operator of the CPU has all that the reference backend runs.
TEST(ZooNetsTest, TheReferenceBackendRunsNoOperatorOfTheCpu) {
  SchemaRegistry neutral;
  ops::RegisterOps(&neutral);
  ops::droppos::RegisterOps(&neutral);
  const Backend backend = tools::MakeReferenceBackend();
  CompileOptions options;
  options.registry = &neutral;
  options.backend = &backend;
  options.passes = All();
  for (const NamedNet& model : AllModels()) {
    for (const auto precision : {ComputePrecision::kF32, ComputePrecision::kBF16}) {
      options.passes.precision = precision;
      const auto prepared = Prepare(model.net, options);
      EXPECT_TRUE(prepared.ok()) << model.name << ": " << prepared.status();
    }
  }
}

TEST(ZooNetsTest, LowPrecisionStaysNear) {
  PipelineOptions none, low = All(), guide = All();
  none.enabled = false;
  low.precision = ComputePrecision::kBF16;
  guide.precision_overrides = {{"guide", ComputePrecision::kBF16}};
  std::set<std::string> changed;
  for (const NamedNet& model : AllModels()) {
    SCOPED_TRACE(model.name);
    const Values want = RunNet(model.net, none, &changed);
    ExpectNear(RunNet(model.net, low, &changed), want, 0.1, 0.01);
    EXPECT_EQ(changed.count("mixed_precision"), 1u);
    changed.clear();
    ExpectNear(RunNet(model.net, guide, &changed), want, 0.02, 0.01);
    for (const Pass& pass : CpuPasses()) {
      SCOPED_TRACE(pass.name);
      PipelineOptions options = low;
      options.disabled = {pass.name};
      ExpectNear(RunNet(model.net, options, &changed), want, 0.1, 0.01);
      if (HasFailure()) return;
    }
    changed.clear();
  }
}

}  // namespace
}  // namespace graph
