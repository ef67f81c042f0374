// Random small nets, differentiated, give the same numbers whatever passes of a backend ran.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/cpu/passes/passes.h"
#include "backends/cuda/passes/passes.h"
#include "graph/autodiff/autodiff.h"
#include "graph/base/random.h"
#include "graph/compiler/compiler.h"
#include "graph/ir/text.h"
#include "graph/passes/pipeline.h"
#include "graph/schema/builder.h"
#include "tests/graph/passes/pass_testing.h"
#include "tests/harness/backends.h"

namespace graph {
namespace {

constexpr int64_t kWidth = 5;
const TensorType kStream = {DType::kF64, {6, kWidth}};
const TensorType kLabels = {DType::kI32, {6}};
const TensorType kMatrix = {DType::kF64, {kWidth, kWidth}};
const TensorType kVector = {DType::kF64, {kWidth}};

// Writes a net with what passes look for: products with bias and activation,
// residuals before norms, a guide behind a boundary that reads the parameters
// again, repeated and dead operators, values fetched half way, running sums, norms of
// gradients.
class NetWriter {
 public:
  explicit NetWriter(uint64_t seed) : builder_(&CoreOps(), "random"), random_(seed, kPurpose) {}

  absl::StatusOr<Net> Write() {
    BlobId h = builder_.Input("x", kStream);
    std::vector<BlobId> earlier = {h};
    for (int step = 0; step < 12; ++step) {
      h = Step(h, earlier[random_.Below(earlier.size())]);
      earlier.push_back(h);
    }
    builder_.Output(h);
    const BlobId labels = builder_.Input("labels", kLabels);
    const BlobId loss = builder_.Op("SoftmaxCrossEntropy", "loss", {Gelu(h), labels});
    builder_.Output(loss);
    RETURN_IF_ERROR(builder_.status());
    ASSIGN_OR_RETURN(const std::vector<BlobId> gradients,
                     Differentiate(&builder_, loss, parameters_));
    const NetBuilder::Scope update(&builder_, Phase::kUpdate);
    for (size_t i = 0; i < gradients.size(); ++i) {
      Accumulate(absl::StrCat("accum/", builder_.net().blob(parameters_[i]).name), gradients[i]);
    }
    for (BlobId gradient : gradients) {
      builder_.Output(builder_.Op("GradNorm", Name("norm_of_gradient"), {gradient}));
    }
    return builder_.Finish();
  }

 private:
  static constexpr Purpose kPurpose = Purpose::kNoise;

  std::string Name(const std::string& what) { return absl::StrCat(what, counter_++); }

  BlobId Parameter(const std::string& name, const TensorType& type) {
    const BlobId blob = builder_.State(name, type);
    parameters_.push_back(blob);
    return blob;
  }
  BlobId Gelu(BlobId x) { return builder_.Op("Gelu", Name("gelu"), {x}); }
  BlobId Add(BlobId a, BlobId b) { return builder_.Op("Add", Name("add"), {a, b}); }
  BlobId Linear(const std::string& name, BlobId x, BlobId w, BlobId b) {
    const BlobId product = builder_.Op("MatMul", name, {x, w}, {{"trans_w", int64_t{1}}});
    return builder_.Op("BiasAdd", name + ".bias_add", {product, b});
  }
  BlobId NewLinear(BlobId x) {
    const std::string name = Name("fc");
    last_weight_ = Parameter(name + ".weight", kMatrix);
    last_bias_ = Parameter(name + ".bias", kVector);
    return Linear(name, x, last_weight_, last_bias_);
  }
  BlobId Norm(BlobId x) {
    const std::string name = Name("norm");
    return builder_.Op(
        "LayerNorm", name,
        {x, Parameter(name + ".weight", kVector), Parameter(name + ".bias", kVector)},
        {{"eps", 1e-6f}});
  }
  void Accumulate(const std::string& name, BlobId value) {
    const BlobId sum = builder_.State(name, builder_.type(value));
    builder_.SetExit(sum, builder_.Op("Add", name + ".add", {sum, value}));
  }

  BlobId Step(BlobId h, BlobId earlier) {
    switch (random_.Below(9)) {
      case 0:
        return NewLinear(h);
      case 1:
        return Gelu(NewLinear(h));
      case 2:
        return Norm(Add(h, NewLinear(Norm(h))));
      case 3: {
        const BlobId sum = Add(h, earlier);
        return Add(Norm(sum), sum);
      }
      case 4: {  // the guide
        if (last_weight_ == kNone) return Gelu(h);
        const BlobId boundary = builder_.Op("StopGradient", Name("stop"), {h});
        const BlobId guide = Gelu(Linear(Name("guide"), boundary, last_weight_, last_bias_));
        return Add(h, builder_.Op("StopGradient", Name("stop"), {guide}));
      }
      case 5:
        return Add(Gelu(h), Gelu(h));
      case 6:
        Gelu(Add(h, earlier));  // nobody reads it
        return h;
      case 7:
        builder_.Output(Gelu(h));
        return Add(earlier, h);
      default: {
        Accumulate(Name("running"), h);
        const std::string name = Name("mix");
        return builder_.Op("MatMul", name, {h, Parameter(name + ".weight", kMatrix)},
                           {{"trans_w", int64_t{0}}});
      }
    }
  }

  NetBuilder builder_;
  RandomStream random_;
  std::vector<BlobId> parameters_;
  BlobId last_weight_ = kNone, last_bias_ = kNone;
  int counter_ = 0;
};

using Values = std::map<std::string, std::vector<double>>;

std::set<std::string> NamesOf(const Passes& passes) {
  std::set<std::string> names;
  for (const Pass& pass : passes) names.insert(pass.name);
  return names;
}

// Runs `net` twice from the same random inputs and states; the outputs and the
// states at the end. `passes` are those of the backend's to run.
Values RunNet(const Net& net, const Backend& backend, const std::set<std::string>& passes,
              int* changed) {
  CompileOptions options;
  options.registry = &harness::TestRegistry();
  options.backend = &backend;
  for (const std::string& name : NamesOf(MakePasses({}, backend.lowering({})))) {
    if (passes.count(name) == 0) options.passes.disabled.insert(name);
  }
  Workspace workspace;
  absl::StatusOr<Prepared> prepared = Prepare(net, options);
  EXPECT_TRUE(prepared.ok()) << prepared.status();
  if (!prepared.ok()) return {};
  *changed += static_cast<int>(prepared->effective_passes.size());
  auto executable = Create(*std::move(prepared), &workspace);
  EXPECT_TRUE(executable.ok()) << executable.status();
  if (!executable.ok()) return {};

  const auto fill = [&](BlobId blob) {
    const std::string& name = net.blob(blob).name;
    RandomStream random(HashName(name), Purpose::kNoise);
    absl::StatusOr<Tensor> tensor = (*executable)->Find(name);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    if (tensor->type.dtype == DType::kI32) {
      for (int32_t& x : tensor->as<int32_t>()) x = static_cast<int32_t>(random.Below(kWidth));
    } else {
      for (double& x : tensor->as<double>()) x = random.Uniform(-1, 1);
    }
  };
  for (BlobId input : net.inputs) fill(input);
  for (const State& state : net.states) fill(state.entry);
  Values values;
  for (int run = 0; run < 2; ++run) {
    // NaN in every element: what is read before it is written shows.
    if (workspace.arena_bytes() > 0) {
      std::memset(workspace.arena()->data(), 0xff, workspace.arena_bytes());
    }
    const absl::Status status = (*executable)->Run();
    EXPECT_TRUE(status.ok()) << status;
  }
  const auto keep = [&](BlobId blob) {
    const std::string& name = net.blob(blob).name;
    absl::StatusOr<Tensor> tensor = (*executable)->Find(name);
    ASSERT_TRUE(tensor.ok()) << tensor.status();
    const absl::Span<const double> elements = tensor->as<double>();
    values[name].assign(elements.begin(), elements.end());
  };
  for (BlobId output : net.outputs) keep(output);
  for (const State& state : net.states) keep(state.entry);
  return values;
}

// `tolerance` is relative to 1 + |value|; 0 means bit for bit.
void ExpectEqual(const Values& got, const Values& want, double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [name, elements] : want) {
    const auto it = got.find(name);
    ASSERT_NE(it, got.end()) << name;
    ASSERT_EQ(it->second.size(), elements.size());
    for (size_t i = 0; i < elements.size(); ++i) {
      ASSERT_FALSE(std::isnan(elements[i])) << name;
      ASSERT_LE(std::abs(it->second[i] - elements[i]), tolerance * (1 + std::abs(elements[i])))
          << name << "[" << i << "]";
    }
  }
}

// These nets have nothing for them: zoo_nets_test runs them on whole models.
const std::set<std::string> kElsewhere = {"mixed_precision", "recompute", "row_pruning",
                                          "shared_rows",     "quantize",  "weight_packing",
                                          "bias_cast"};

// The reference kernels with the passes of a backend.
void ExpectEqualNumbers(const std::function<Lowering(const PipelineOptions&)>& lowering) {
  Backend backend = harness::ReferenceBackend();
  backend.lowering = lowering;
  const std::set<std::string> all = NamesOf(MakePasses({}, lowering({})));
  std::map<std::string, int> changed;
  for (uint64_t seed = 0; seed < 24; ++seed) {
    const absl::StatusOr<Net> net = NetWriter(seed).Write();
    ASSERT_TRUE(net.ok()) << net.status();
    SCOPED_TRACE(absl::StrCat("seed ", seed, "\n", ToText(*net)));
    int none = 0;
    const Values want = RunNet(*net, backend, {}, &none);
    EXPECT_EQ(none, 0);
    for (const std::string& pass : all) {
      SCOPED_TRACE(pass);
      // Fused kernels may add in another order; the rest only moves values.
      const bool fusion = pass.find("fusion") != std::string::npos || pass == "gelu_derivative";
      std::set<std::string> passes = {pass};
      // They join what it has made.
      const bool of_linear = pass == "gelu_fusion" || pass == "linear_residual_fusion";
      if (of_linear) passes.insert("linear_fusion");
      int together = 0;
      ExpectEqual(RunNet(*net, backend, passes, &together), want, fusion ? 1e-12 : 0);
      changed[pass] += of_linear ? together > 1 : together;
    }
    ExpectEqual(RunNet(*net, backend, all, &changed["all"]), want, 1e-12);
    if (testing::Test::HasFailure()) return;
  }
  for (const std::string& pass : all) {
    if (kElsewhere.count(pass) > 0) continue;
    EXPECT_GE(changed[pass], 5) << pass << " had hardly anything to do";
  }
}

TEST(EqualNumbersTest, RandomNetsBeforeAndAfterEachPassOfTheCpu) {
  ExpectEqualNumbers(backends::cpu::MakeLowering);
}

TEST(EqualNumbersTest, RandomNetsBeforeAndAfterEachPassOfCuda) {
  ExpectEqualNumbers(backends::cuda::MakeLowering);
}

}  // namespace
}  // namespace graph
