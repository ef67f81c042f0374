// The DropPos operators' kernels on the emulated CUDA backend: what tests/ops/droppos does not ask
// of every backend.
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"
#include "tests/simt/emulator.h"

namespace harness {
namespace {

graph::Backend Cuda() { return TestBackends().back(); }

// Blocks, warps and lanes may run in any order: equal bits. The reference backend has said what the
// numbers must be.
void ExpectSameInAllOrders(const OpCase& c) {
  SCOPED_TRACE(c.type);
  const std::vector<HostTensor> inputs = MakeInputs(c);
  std::vector<HostTensor> first;
  for (int i = 0; i < 4; ++i) {
    simt::SetOrder(i == 0   ? simt::Order::kForward
                   : i == 1 ? simt::Order::kReverse
                            : simt::Order::kShuffled,
                   i);
    const auto out = RunOn(Cuda(), c.type, c.attrs, inputs);
    simt::SetOrder(simt::Order::kForward);
    ASSERT_TRUE(out.ok()) << out.status();
    if (i == 0) first = *out;
    for (size_t o = 0; o < first.size(); ++o) EXPECT_TRUE((*out)[o] == first[o]) << o;
  }
}

TEST(CudaDropPos, SameInAllOrders) {
  ASSERT_EQ(Cuda().name, "cuda");
  ExpectSameInAllOrders({"RandomOrder",
                         {{"count", int64_t{300}}, {"purpose", std::string("shuffle")}},
                         {{I64({3}), Keys()}},
                         {}});
  for (const int64_t dim : {33, 64}) {
    ExpectSameInAllOrders({"PositionWeights",
                           {},
                           {{F32({5, 50, dim}), Normal()}, {I32({5, 13}), DistinctIds(49)}},
                           {}});
  }
  ExpectSameInAllOrders({"TokenRows", {}, {{I32({40, 13}), DistinctIds(49)}}, {}});
  for (const int64_t conf_ignore : {0, 1}) {
    for (const int64_t width : {7, 8}) {
      OpCase c = {"SmoothedPositionCE",
                  {{"grid_h", int64_t{5}}, {"grid_w", width}, {"conf_ignore", conf_ignore}},
                  {{F32({35, 19, 5 * width}), Normal(2.0)},
                   {I32({35, 19}), DistinctIds(5 * width)},
                   {U8({35, 19}), Mask(0.7)},
                   {F32({1}), Constant(1)},
                   {F32({35, 19}), Uniform(0, 1)}},
                  {}};
      ExpectSameInAllOrders(c);
      c.type = "SmoothedPositionCEGrad";
      c.inputs.insert(c.inputs.begin() + 4, {F32({1}), Constant(0.7)});
      ExpectSameInAllOrders(c);
    }
  }
  for (const int64_t patch : {3, 4}) {
    OpCase c = {"PixelLoss",
                {{"patch", patch}, {"norm_pix_loss", int64_t{1}}},
                {{F32({35, 18, patch * patch * 3}), Normal()},
                 {F32({35, 3, 3 * patch, 6 * patch}), Normal(1.3, 0.4)},
                 {U8({35, 18}), Mask(0.7)}},
                {}};
    ExpectSameInAllOrders(c);
    c.type = "PixelLossGrad";
    c.inputs.push_back({F32({1}), Constant(0.7)});
    ExpectSameInAllOrders(c);
  }
}

// An empty batch has no block, which no launch may have; sums over nothing are 0.
TEST(CudaDropPos, EmptyBatches) {
  const auto run = [](const std::string& type, const graph::Attrs& attrs,
                      const std::vector<graph::TensorType>& types) {
    std::vector<HostTensor> inputs;
    for (const graph::TensorType& t : types) inputs.emplace_back(t);
    const auto out = RunOn(Cuda(), type, attrs, inputs);
    ASSERT_TRUE(out.ok()) << type << ": " << out.status();
    for (const HostTensor& t : *out) {
      for (const double value : t.Values()) EXPECT_EQ(value, 0) << type;
    }
  };
  run("MaskSample",
      {{"num_patches", int64_t{9}}, {"num_visible", int64_t{4}}, {"num_pos_kept", int64_t{1}}},
      {I64({0})});
  run("RandomOrder", {{"count", int64_t{9}}, {"purpose", std::string("shuffle")}}, {I64({0})});
  run("PositionWeights", {}, {F32({0, 10, 4}), I32({0, 3})});
  run("TokenRows", {}, {I32({0, 3})});
  const graph::Attrs grid = {{"grid_h", int64_t{3}}, {"grid_w", int64_t{3}}};
  run("SmoothedPositionCE", grid, {F32({0, 4, 9}), I32({0, 4}), U8({0, 4}), F32({1})});
  run("SmoothedPositionCEGrad", grid,
      {F32({0, 4, 9}), I32({0, 4}), U8({0, 4}), F32({1}), F32({1})});
  const graph::Attrs patch = {{"patch", int64_t{2}}, {"norm_pix_loss", int64_t{1}}};
  run("PixelLoss", patch, {F32({0, 4, 12}), F32({0, 3, 4, 4}), U8({0, 4})});
  run("PixelLossGrad", patch, {F32({0, 4, 12}), F32({0, 3, 4, 4}), U8({0, 4}), F32({1})});
}

// What the kernels lack they refuse when they are made, by the operator's name and the number.
void ExpectUnimplemented(const std::string& type, const graph::Attrs& attrs,
                         const std::vector<graph::TensorType>& types, const std::string& message) {
  const auto op = MakeOp(type, attrs, types);
  ASSERT_TRUE(op.ok()) << op.status();
  const absl::Status status = OpRunner::Create(Cuda(), *op, 1).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << status;
  const std::string text(status.message());
  EXPECT_NE(text.find(type + " 'case'"), std::string::npos) << text;
  EXPECT_NE(text.find(message), std::string::npos) << text;
}

TEST(CudaDropPos, TooManyPatchesAreRefused) {
  const auto masks = [](int64_t patches) {
    return graph::Attrs{
        {"num_patches", patches}, {"num_visible", int64_t{4}}, {"num_pos_kept", int64_t{1}}};
  };
  ExpectUnimplemented("MaskSample", masks(4097), {I64({2})},
                      "at most 4096 patches an image, not num_patches=4097");
  const auto order = [](int64_t count) {
    return graph::Attrs{{"count", count}, {"purpose", std::string("shuffle")}};
  };
  ExpectUnimplemented("RandomOrder", order(4097), {I64({2})},
                      "at most 4096 elements an image, not count=4097");
  for (const auto& [type, attrs] :
       {std::make_pair("MaskSample", masks(4096)), std::make_pair("RandomOrder", order(4096))}) {
    const auto op = MakeOp(type, attrs, {I64({2})});
    ASSERT_TRUE(op.ok()) << op.status();
    EXPECT_TRUE(OpRunner::Create(Cuda(), *op, 1).ok()) << type;
  }
}

TEST(CudaDropPos, NoiseInBfloat16IsRefused) {
  ExpectUnimplemented(
      "MaskSample",
      {{"num_patches", int64_t{9}}, {"num_visible", int64_t{4}}, {"num_pos_kept", int64_t{1}}},
      {BF16({2, 9}), BF16({2, 4})}, "computes in f32, not bf16");
  ExpectUnimplemented("RandomOrder", {{"count", int64_t{9}}, {"purpose", std::string("shuffle")}},
                      {BF16({2, 9})}, "computes in f32, not bf16");
}

}  // namespace
}  // namespace harness
