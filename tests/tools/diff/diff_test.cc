// Two ways to run a net held against each other, and proof that a wrong kernel is
// found and named.
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "graph/ir/text.h"
#include "gtest/gtest.h"
#include "tests/harness/guard_device.h"
#include "tools/diff/blob_diff.h"
#include "tools/diff/diff_flags.h"
#include "tools/diff/diff_nets.h"
#include "tools/diff/random_case.h"
#include "tools/parity/golden_case.h"
#include "tools/plugins.h"
#include "tools/reference_backend.h"

namespace tools {
namespace {

using ::testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Runs another kernel and scales its first output.
class Scaled : public graph::Kernel {
 public:
  Scaled(std::unique_ptr<graph::Kernel> kernel, graph::TensorType type, float factor)
      : kernel_(std::move(kernel)), type_(std::move(type)), factor_(factor) {}
  size_t scratch_bytes() const override { return kernel_->scratch_bytes(); }
  absl::Status Prepare() override { return kernel_->Prepare(); }
  absl::Status Bind(const graph::KernelArgs& args) override {
    output_ = args.outputs[0];
    return kernel_->Bind(args);
  }
  absl::Status Run() override {
    const absl::Status status = kernel_->Run();
    float* const values = static_cast<float*>(output_);
    for (int64_t i = 0; i < type_.elements(); ++i) values[i] *= factor_;
    return status;
  }

 private:
  std::unique_ptr<graph::Kernel> kernel_;
  const graph::TensorType type_;
  const float factor_;
  void* output_ = nullptr;
};

// `backend` with the kernel of `wrong` off by `factor`.
graph::Backend WithWrongKernel(const graph::Backend& backend, const std::string& wrong,
                               float factor) {
  graph::Backend made;
  made.name = backend.name;
  made.device = backend.device;
  for (const std::string& type : backend.kernels.Types()) {
    const graph::KernelFactory right = *backend.kernels.Find(type);
    if (type != wrong) {
      made.kernels.Add(type, right);
      continue;
    }
    made.kernels.Add(
        type,
        [right,
         factor](const graph::KernelSpec& spec) -> absl::StatusOr<std::unique_ptr<graph::Kernel>> {
          ASSIGN_OR_RETURN(std::unique_ptr<graph::Kernel> kernel, right(spec));
          return std::unique_ptr<graph::Kernel>(
              std::make_unique<Scaled>(std::move(kernel), spec.out(0), factor));
        });
  }
  return made;
}

// droppos_tiny made smaller, so that the reference backend takes no time.
models::ZooEntry SmallEntry() {
  models::ZooEntry entry = *MakeZoo().Find("droppos_tiny");
  entry.model.embed_dim = 32;
  entry.model.depth = 2;
  entry.model.decoder_embed_dim = 16;
  entry.model.decoder_depth = 1;
  entry.model.decoder_num_heads = 2;
  entry.recipe.batch_size = 2;
  return entry;
}

// A side that runs `way`.
struct Side {
  Side(const graph::SchemaRegistry& registry, const std::string& text)
      : way(*ParseWay("--a", text)),
        backend(harness::OnTestDevice(*MakeAnyBackend(way.backend, 2))) {
    diff.name = text;
    diff.compile.registry = &registry;
    diff.compile.backend = &backend;
    diff.compile.passes = way.Pipeline();
    diff.low_precision = way.low_precision();
  }
  Way way;
  graph::Backend backend;
  DiffSide diff;
};

class DiffNetsTest : public ::testing::Test {
 protected:
  DiffNetsTest() : registry_(MakeRegistry()) {
    auto made = MakeRandomCase(registry_, SmallEntry(), 3);
    EXPECT_TRUE(made.ok()) << made.status();
    random_ = std::move(made).value();
  }

  absl::StatusOr<DiffReport> Diff(Side* a, Side* b, const DiffOptions& options = {}) {
    a->diff.feed = b->diff.feed = random_.feed;
    return DiffNets(random_.net, a->diff, b->diff, options);
  }
  DiffReport Report(const std::string& a_text, const std::string& b_text) {
    Side a(registry_, a_text), b(registry_, b_text);
    absl::StatusOr<DiffReport> report = Diff(&a, &b);
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : DiffReport();
  }

  graph::SchemaRegistry registry_;
  RandomCase random_;
};

TEST_F(DiffNetsTest, ANetIsEqualToItself) {
  const DiffReport report = Report("cpu", "cpu");
  EXPECT_GT(report.blobs.size(), 200u);
  EXPECT_TRUE(report.only_a.empty());
  EXPECT_TRUE(report.only_b.empty());
  for (const BlobDiff& diff : report.blobs) EXPECT_EQ(diff.error, 0) << diff.blob;
}

TEST_F(DiffNetsTest, BackendsAgree) {
  const DiffReport report = Report("reference,passes=off", "cpu,passes=off");
  EXPECT_EQ(report.beyond(), 0) << ReportText(report);
  EXPECT_TRUE(report.only_a.empty() && report.only_b.empty());
  // They do not round alike: something was measured.
  EXPECT_GT(report.Worst(1)[0]->error, 0);
  EXPECT_THAT(ReportText(report), HasSubstr("all within bounds"));
}

TEST_F(DiffNetsTest, FusedAgainstUnfused) {
  const DiffReport report = Report("cpu,passes=off", "cpu,passes=on");
  EXPECT_EQ(report.beyond(), 0) << ReportText(report);
  EXPECT_FALSE(report.only_a.empty());
  EXPECT_THAT(ReportText(report), HasSubstr("only in a"));
  // Gradients of all parameters are still there.
  EXPECT_TRUE(std::any_of(report.blobs.begin(), report.blobs.end(), [](const BlobDiff& d) {
    return d.blob == "grad/blocks.0.mlp.fc1.weight";
  }));
}

TEST_F(DiffNetsTest, LowPrecisionHasItsOwnBound) {
  const DiffReport report = Report("reference", "reference,precision=bf16");
  EXPECT_EQ(report.beyond(), 0) << ReportText(report);
  for (const BlobDiff& diff : report.blobs) {
    if (diff.integer || absl::StrContains(diff.blob, "accuracy")) continue;
    EXPECT_EQ(diff.bound, Bounds().low) << diff.blob;
  }
}

TEST_F(DiffNetsTest, AWrongKernelIsFoundAndNamed) {
  for (const char* type : {"Gelu", "Attention", "LayerNormGrad", "MatMulWeightGrad"}) {
    Side a(registry_, "cpu,passes=off"), b(registry_, "cpu,passes=off");
    b.backend = WithWrongKernel(a.backend, type, 1.01f);
    const absl::StatusOr<DiffReport> report = Diff(&a, &b);
    ASSERT_TRUE(report.ok()) << report.status();
    const BlobDiff* first = report->first_beyond();
    ASSERT_NE(first, nullptr) << type;
    // The first operator of that type, and no other.
    std::string expected;
    for (const graph::Op& op : random_.net.ops) {
      if (op.type == type && expected.empty()) expected = op.Describe();
    }
    EXPECT_EQ(first->op, expected);
    EXPECT_NEAR(first->error, 0.01, 1e-3);
    const std::string text = ReportText(*report);
    EXPECT_THAT(text, HasSubstr(absl::StrCat("made by ", expected)));
    EXPECT_THAT(text, HasSubstr("elements by |a - b| / scale"));
  }
}

TEST_F(DiffNetsTest, NotANumberIsFound) {
  Side a(registry_, "cpu"), b(registry_, "cpu");
  b.backend = WithWrongKernel(a.backend, "GradNorm", std::numeric_limits<float>::quiet_NaN());
  const absl::StatusOr<DiffReport> report = Diff(&a, &b);
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_NE(report->first_beyond(), nullptr);
  EXPECT_EQ(report->first_beyond()->error, kInfinity);
}

TEST_F(DiffNetsTest, ErrorsNameTheSideAndTheWayOut) {
  Side a(registry_, "cpu"), b(registry_, "cpu,disable=no_such_pass");
  const auto unknown = Diff(&a, &b);
  ASSERT_FALSE(unknown.ok());
  EXPECT_THAT(std::string(unknown.status().message()), HasSubstr("cpu,disable=no_such_pass"));
  DiffOptions small;
  small.most_bytes = 1000;
  const auto large = Diff(&a, &a, small);
  EXPECT_EQ(large.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(large.status().message()), HasSubstr("--batch_size"));
}

TEST(RandomCase, IsAFunctionOfTheSeed) {
  const graph::SchemaRegistry registry = MakeRegistry();
  const graph::Backend backend = *MakeBackend("cpu", 1);
  graph::CompileOptions compile;
  compile.registry = &registry;
  compile.backend = &backend;
  std::vector<std::vector<float>> images, weights;
  for (uint64_t seed : {1, 1, 2}) {
    const auto made = MakeRandomCase(registry, SmallEntry(), seed);
    ASSERT_TRUE(made.ok()) << made.status();
    graph::Workspace workspace;
    const auto executable = graph::Compile(made->net, compile, &workspace);
    ASSERT_TRUE(executable.ok()) << executable.status();
    ASSERT_TRUE(made->feed(executable->get()).ok());
    for (const auto& [name, to] :
         {std::make_pair("images", &images), std::make_pair("blocks.1.mlp.fc2.bias", &weights)}) {
      const std::vector<float> values = (*executable)->Read<float>(name).value();
      to->emplace_back(values.begin(), values.end());
      EXPECT_NE(std::accumulate(values.begin(), values.end(), 0.0f), 0);
    }
  }
  EXPECT_EQ(images[0], images[1]);
  EXPECT_EQ(weights[0], weights[1]);
  EXPECT_NE(images[0], images[2]);
  EXPECT_NE(weights[0], weights[2]);
}

class GoldenDiff : public ::testing::TestWithParam<const char*> {
 protected:
  absl::StatusOr<DiffReport> Diff(const Side& side) {
    ASSIGN_OR_RETURN(const GoldenCase golden,
                     ReadGoldenCase(absl::StrCat("tests/golden/", GetParam())));
    return DiffGolden(golden, side.diff.compile, side.diff.low_precision, Bounds());
  }
  const graph::SchemaRegistry registry_ = MakeRegistry();
};

TEST_P(GoldenDiff, EveryTensorIsWithinItsBound) {
  const Side side(registry_, "cpu");
  const absl::StatusOr<DiffReport> report = Diff(side);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->beyond(), 0) << ReportText(*report);
  EXPECT_GT(report->blobs.size(), 50u);
  EXPECT_TRUE(report->only_b.empty());
  EXPECT_TRUE(report->reshaped.empty());
}

TEST_P(GoldenDiff, AWrongKernelIsFound) {
  Side side(registry_, "cpu,passes=off");
  side.backend = WithWrongKernel(harness::OnTestDevice(*MakeBackend("cpu", 2)), "Gelu", 1.01f);
  const absl::StatusOr<DiffReport> report = Diff(side);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_GT(report->beyond(), 5);
}

INSTANTIATE_TEST_SUITE_P(Cases, GoldenDiff,
                         ::testing::Values("tiny_guide.safetensors", "tiny_mae.safetensors"));

BlobDiff Measured(const std::vector<double>& a, const std::vector<double>& b,
                  bool integer = false) {
  BlobDiff diff;
  diff.integer = integer;
  diff.type_a = diff.type_b = {graph::DType::kF32, {static_cast<int64_t>(a.size())}};
  Measure(a, b, &diff);
  return diff;
}

TEST(BlobDiff, ErrorIsAShareOfTheLargestElement) {
  const BlobDiff diff = Measured({1, -4, 2}, {1, -4, 2.5});
  EXPECT_EQ(diff.scale, 4);
  EXPECT_EQ(diff.max_abs, 0.5);
  EXPECT_EQ(diff.error, 0.125);
  EXPECT_EQ(diff.at, 2);
  EXPECT_EQ(diff.value_a, 2);
  EXPECT_EQ(diff.value_b, 2.5);
  EXPECT_EQ(diff.histogram[0], 2);   // equal
  EXPECT_EQ(diff.histogram[10], 1);  // 1e-1 to 1
}

TEST(BlobDiff, HistogramBins) {
  const BlobDiff diff = Measured({1, 0, 0, 0, 0}, {1, 1e-12, 2e-9, 2e-3, 3});
  EXPECT_EQ(diff.histogram[0], 1);
  EXPECT_EQ(diff.histogram[1], 1);   // below 1e-9
  EXPECT_EQ(diff.histogram[2], 1);   // 1e-9 to 1e-8
  EXPECT_EQ(diff.histogram[8], 1);   // 1e-3 to 1e-2
  EXPECT_EQ(diff.histogram[11], 1);  // 1 and more
}

TEST(BlobDiff, WhatIsNotFinite) {
  const double nan = std::nan("");
  EXPECT_EQ(Measured({1, nan}, {1, nan}).error, 0);
  EXPECT_EQ(Measured({kInfinity, 1}, {kInfinity, 1}).error, 0);
  EXPECT_EQ(Measured({1, 2}, {1, nan}).error, kInfinity);
  EXPECT_EQ(Measured({1, kInfinity}, {1, -kInfinity}).error, kInfinity);
  EXPECT_TRUE(Measured({1, 2}, {1, nan}).beyond());
  EXPECT_EQ(Measured({0, 0}, {0, 0}).error, 0);
  EXPECT_EQ(Measured({}, {}).error, 0);
}

TEST(BlobDiff, IntegersMadeOfIntegersAreEqual) {
  BlobDiff diff;
  diff.integer = true;
  Judge({3, 3}, {3, 4}, Bounds(), /*of_floats=*/false, /*low=*/false, &diff);
  EXPECT_TRUE(diff.beyond());
  BlobDiff count;
  count.integer = true;
  Judge({3, 3}, {3, 4}, Bounds(), /*of_floats=*/true, /*low=*/false, &count);
  EXPECT_FALSE(count.beyond());  // one flip
  BlobDiff many;
  many.integer = true;
  Judge({30, 30}, {30, 34}, Bounds(), /*of_floats=*/true, /*low=*/false, &many);
  EXPECT_TRUE(many.beyond());
}

TEST(BlobDiff, IndexOfAnElement) {
  EXPECT_EQ(IndexString({graph::DType::kF32, {2, 3, 4}}, 23), "[1,2,3]");
  EXPECT_EQ(IndexString({graph::DType::kF32, {2, 3, 4}}, 0), "[0,0,0]");
}

TEST(Way, SaysWhatRuns) {
  const auto way = ParseWay("--a", "reference,passes=on,disable=cse+in_place,precision=bf16");
  ASSERT_TRUE(way.ok()) << way.status();
  EXPECT_EQ(way->backend, "reference");
  EXPECT_EQ(way->disabled, (std::set<std::string>{"cse", "in_place"}));
  EXPECT_TRUE(way->low_precision());
  EXPECT_EQ(way->Pipeline().precision, graph::ComputePrecision::kBF16);
  EXPECT_TRUE(way->Pipeline().precision_overrides.empty());
  const auto guide = ParseWay("--a", "cpu,guide=int8,threads=3");
  ASSERT_TRUE(guide.ok()) << guide.status();
  EXPECT_EQ(guide->threads, 3);
  ASSERT_EQ(guide->Pipeline().precision_overrides.size(), 1u);
  EXPECT_EQ(guide->Pipeline().precision_overrides[0].part, "guide");
  EXPECT_EQ(guide->Pipeline().precision_overrides[0].precision,
            graph::ComputePrecision::kInt8Products);
  EXPECT_FALSE(ParseWay("--a", "cpu")->low_precision());
}

TEST(Way, RefusesWhatItDoesNotKnow) {
  for (const char* text : {"", "gpu", "passes=maybe", "cpu,reference", "precision=fp16",
                           "threads=0", "threads=two", "passes=off,precision=bf16",
                           "disable=", "cpu,,", "passes=on,passes=off", "passes=off,guide=int8"}) {
    const auto way = ParseWay("--b", text);
    ASSERT_FALSE(way.ok()) << text;
    EXPECT_THAT(std::string(way.status().message()), HasSubstr("--b")) << text;
  }
}

TEST(DiffFlags, ModelAndWays) {
  const auto flags = ParseDiffFlags(
      {"--model=droppos_tiny", "--a", "reference", "--depth=2", "--b=cpu", "--seed", "5"},
      MakeZoo());
  ASSERT_TRUE(flags.ok()) << flags.status();
  EXPECT_EQ(flags->entry.model.depth, 2);
  EXPECT_EQ(flags->entry.recipe.batch_size, 2);
  EXPECT_EQ(flags->seed, 5u);
  EXPECT_EQ(flags->a.backend, "reference");
  const auto batch = ParseDiffFlags(
      {"--model=droppos_tiny", "--a=cpu", "--b=cpu", "--batch_size=7", "--bound=1e-3"}, MakeZoo());
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->entry.recipe.batch_size, 7);
  EXPECT_EQ(*batch->bound, 1e-3);
  EXPECT_TRUE(ParseDiffFlags({"--help"}, MakeZoo())->help);
  EXPECT_TRUE(ParseDiffFlags({"--golden=/x/case.safetensors", "--a=cpu"}, MakeZoo()).ok());
}

TEST(DiffFlags, RefusesBadUsage) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "--a=WAY is missing"},
      {{"--a=cpu", "--model=droppos_tiny"}, "--b=WAY is missing"},
      {{"--a=cpu", "--b=cpu"}, "--model"},
      {{"--a=cpu", "--b=cpu", "--model=none"}, "none"},
      {{"--a=cpu", "--b=cpu", "--model=droppos_tiny", "--bound=-1"}, "--bound=-1"},
      {{"--a=cpu", "--b=cpu", "--model=droppos_tiny", "--most_mib=x"}, "--most_mib=x"},
      {{"--a=cpu", "--b=cpu", "--model=droppos_tiny", "--precision=bf16"}, "--a and --b"},
      {{"--a=cpu", "--b=cpu", "--model=droppos_tiny", "--no_such_flag"}, "no_such_flag"},
      {{"--a=cpu", "--b=cpu", "--golden=x"}, "leave out --b"},
      {{"--a=cpu", "--model=droppos_tiny", "--golden=x"}, "leave out --model"},
      {{"--a"}, "--a needs a value"},
  };
  for (const auto& [args, text] : cases) {
    const auto flags = ParseDiffFlags(args, MakeZoo());
    ASSERT_FALSE(flags.ok()) << text;
    EXPECT_THAT(std::string(flags.status().message()), HasSubstr(text));
  }
}

}  // namespace
}  // namespace tools
