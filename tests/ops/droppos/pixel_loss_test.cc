#include "ops/droppos/pixel_loss.h"

#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "graph/schema/builder.h"
#include "graph/schema/gradient.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

using Args = ops::droppos::PixelLossArgs;

constexpr const char* kOp = "PixelLoss";
constexpr const char* kGrad = "PixelLossGrad";

graph::Attrs Attrs(int64_t patch, bool norm) {
  return {{"patch", patch}, {"norm_pix_loss", int64_t{norm}}};
}

OpCase Case(int64_t b, int64_t h, int64_t w, int64_t p, bool norm) {
  OpCase c;
  c.type = kOp;
  c.attrs = Attrs(p, norm);
  const int64_t patches = h / p * (w / p);
  c.inputs = {{F32({b, patches, p * p * 3}), Normal(), true},
              {F32({b, 3, h, w}), Normal(1.3, 0.4)},
              {U8({b, patches}), Mask(0.7)}};
  c.outputs = {F32({1}), F32({b})};
  return c;
}

OpCase GradCase(OpCase c) {
  c.type = kGrad;
  c.inputs.push_back({F32({1}), Constant(0.7)});
  c.inputs[0].check_gradient = false;
  c.outputs = {c.inputs[0].type};
  return c;
}

std::vector<HostTensor> Outputs(const graph::Backend& backend, const std::string& type,
                                const graph::Attrs& attrs, std::vector<HostTensor> inputs,
                                int threads = 1) {
  if (type == kGrad) inputs.emplace_back(F32({1}), std::vector<double>{0.7});
  auto out = RunOn(backend, type, attrs, inputs, threads);
  if (!out.ok()) {
    ADD_FAILURE() << backend.name << ": " << out.status();
    return std::vector<HostTensor>(2, HostTensor(F32({1}), {NAN}));
  }
  return *std::move(out);
}

TEST(PixelLoss, Cases) {
  for (bool norm : {false, true}) {
    for (const auto& [b, h, w, p] : std::vector<std::array<int64_t, 4>>{
             {1, 1, 1, 1}, {2, 3, 5, 1}, {3, 4, 6, 2}, {1, 9, 3, 3}, {5, 5, 5, 5}, {2, 7, 21, 7}}) {
      OpCase c = Case(b, h, w, p, norm);
      if (b == 1) c.inputs[2].generate = Constant(1);
      RunCase(c);
      RunCase(GradCase(c));
    }
    OpCase large = Case(3, 48, 80, 16, norm);
    large.inputs[0].check_gradient = false;
    RunCase(large);
    RunCase(GradCase(large));
  }
}

// The error of one patch as the published code computes it: patchify of
// 'nchpwq->nhwpqc', then mean and unbiased variance of the last dimension.
double PublishedError(const std::vector<HostTensor>& inputs, int64_t p, bool norm, int64_t n,
                      int64_t l) {
  const int64_t height = inputs[1].type().dim(2), width = inputs[1].type().dim(3);
  const int64_t patches = inputs[0].type().dim(1), size = p * p * 3;
  std::vector<double> target;
  for (int64_t y = 0; y < p; ++y) {
    for (int64_t x = 0; x < p; ++x) {
      for (int64_t c = 0; c < 3; ++c) {
        const int64_t row = l / (width / p) * p + y, column = l % (width / p) * p + x;
        target.push_back(inputs[1].Get(((n * 3 + c) * height + row) * width + column));
      }
    }
  }
  if (norm) {
    double mean = 0, var = 0;
    for (double t : target) mean += t / static_cast<double>(size);
    for (double t : target) var += (t - mean) * (t - mean) / static_cast<double>(size - 1);
    for (double& t : target) t = (t - mean) / std::sqrt(var + 1e-6);
  }
  double error = 0;
  for (int64_t j = 0; j < size; ++j) {
    const double d = inputs[0].Get((n * patches + l) * size + j) - target[j];
    error += d * d / static_cast<double>(size);
  }
  return error;
}

TEST(PixelLoss, EqualsThePublishedFormula) {
  for (bool norm : {false, true}) {
    const auto inputs = MakeInputs(Case(4, 6, 9, 3, norm));
    double loss = 0, masked = 0;
    std::vector<double> per_image;
    for (int64_t n = 0; n < 4; ++n) {
      double sum = 0, count = 0;
      for (int64_t l = 0; l < 6; ++l) {
        if (inputs[2].GetInt(n * 6 + l) == 0) continue;
        sum += PublishedError(inputs, 3, norm, n, l);
        ++count;
      }
      ASSERT_GT(count, 0);
      per_image.push_back(sum / count);
      loss += sum;
      masked += count;
    }
    for (const graph::Backend& backend : TestBackends()) {
      SCOPED_TRACE(backend.name);
      const auto out = Outputs(backend, kOp, Attrs(3, norm), inputs);
      EXPECT_NEAR(out[Args::kLoss].Get(0), loss / masked, 1e-6 * loss);
      for (int64_t n = 0; n < 4; ++n) {
        EXPECT_NEAR(out[Args::kPerImage].Get(n), per_image[n], 1e-6 * per_image[n]);
      }
    }
  }
}

TEST(PixelLoss, ChannelsComeLast) {
  // Image 2 x 4, patch 2; a pixel's value is channel * 100 + row * 10 + column.
  const HostTensor images(F32({1, 3, 2, 4}),
                          {0,   1,   2,   3,   10,  11,  12,  13,  100, 101, 102, 103,
                           110, 111, 112, 113, 200, 201, 202, 203, 210, 211, 212, 213});
  std::vector<double> pred = {0, 100, 200, 1, 101, 201, 10, 110, 210, 11, 111, 211,
                              2, 102, 202, 3, 103, 203, 12, 112, 212, 13, 113, 213};
  const HostTensor mask(U8({1, 2}), {1, 1});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    std::vector<HostTensor> inputs = {HostTensor(F32({1, 2, 12}), pred), images, mask};
    EXPECT_EQ(Outputs(backend, kOp, Attrs(2, false), inputs)[Args::kLoss].Get(0), 0);
    for (double d : Outputs(backend, kGrad, Attrs(2, false), inputs)[0].Values()) EXPECT_EQ(d, 0);
    // Off by 6 in one of 24 values: 36 / 24, and 0.7 * 2 * 6 / 24.
    inputs[0].Set(5, pred[5] + 6);
    EXPECT_EQ(Outputs(backend, kOp, Attrs(2, false), inputs)[Args::kLoss].Get(0), 1.5);
    const auto grad = Outputs(backend, kGrad, Attrs(2, false), inputs);
    for (int64_t i = 0; i < 24; ++i) EXPECT_FLOAT_EQ(grad[0].Get(i), i == 5 ? 0.35 : 0) << i;
  }
}

// A patch of one colour has no variance: its normalised target is zero.
TEST(PixelLoss, FlatPatches) {
  for (double colour : {0.0, 0.1, -2.117904, 1e6}) {
    const std::vector<HostTensor> inputs = {
        HostTensor(F32({1, 2, 27}), std::vector<double>(54, 0.5)),
        HostTensor(F32({1, 3, 3, 6}), std::vector<double>(54, colour)),
        HostTensor(U8({1, 2}), {1, 0})};
    for (const graph::Backend& backend : TestBackends()) {
      SCOPED_TRACE(backend.name);
      EXPECT_NEAR(Outputs(backend, kOp, Attrs(3, true), inputs)[0].Get(0), 0.25, 1e-6) << colour;
      const auto grad = Outputs(backend, kGrad, Attrs(3, true), inputs);
      for (int64_t i = 0; i < 54; ++i) {
        EXPECT_NEAR(grad[0].Get(i), i < 27 ? 0.7 / 27 : 0, 1e-7) << colour;
      }
    }
  }
}

TEST(PixelLoss, NothingMasked) {
  OpCase c = Case(3, 4, 4, 2, true);
  // All of image 1 visible; then all of every image.
  for (bool all : {false, true}) {
    c.inputs[2].generate = all ? Constant(0) : Values({1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0});
    const auto inputs = MakeInputs(c);
    for (const graph::Backend& backend : TestBackends()) {
      SCOPED_TRACE(backend.name);
      const auto out = Outputs(backend, kOp, c.attrs, inputs);
      EXPECT_EQ(out[Args::kPerImage].Get(1), 0);
      EXPECT_EQ(out[Args::kPerImage].Get(0) == 0, all);
      EXPECT_EQ(out[Args::kLoss].Get(0) == 0, all);
      const auto grad = Outputs(backend, kGrad, c.attrs, inputs);
      for (int64_t i = 0; i < grad[0].size(); ++i) {
        if (all || inputs[2].GetInt(i / 12) == 0) {
          EXPECT_EQ(grad[0].Get(i), 0);
        }
      }
    }
  }
}

TEST(PixelLoss, VisiblePatchesAddNothing) {
  const OpCase c = Case(2, 4, 6, 2, true);
  const auto inputs = MakeInputs(c);
  std::vector<HostTensor> spoilt = inputs;
  for (int64_t r = 0; r < 12; ++r) {
    if (inputs[2].GetInt(r) != 0) continue;
    for (int64_t j = 0; j < 12; ++j) spoilt[0].Set(r * 12 + j, NAN);
    const int64_t b = r / 6, l = r % 6;
    for (int64_t channel = 0; channel < 3; ++channel) {
      spoilt[1].Set(((b * 3 + channel) * 4 + l / 3 * 2) * 6 + l % 3 * 2 + 1, INFINITY);
    }
  }
  ASSERT_FALSE(spoilt[0] == inputs[0]);
  for (const graph::Backend& backend : TestBackends()) {
    for (const char* type : {kOp, kGrad}) {
      const auto before = Outputs(backend, type, c.attrs, inputs);
      const auto after = Outputs(backend, type, c.attrs, spoilt);
      for (size_t o = 0; o < before.size(); ++o) EXPECT_TRUE(before[o] == after[o]) << type;
    }
  }
}

TEST(PixelLoss, NonFinitePixelsMakeTheLossNaN) {
  OpCase c = Case(2, 4, 4, 2, true);
  c.inputs[2].generate = Constant(1);
  auto inputs = MakeInputs(c);
  inputs[1].Set(3 * 16 + 5, NAN);
  for (const graph::Backend& backend : TestBackends()) {
    const auto out = Outputs(backend, kOp, c.attrs, inputs);
    EXPECT_TRUE(std::isnan(out[Args::kLoss].Get(0))) << backend.name;
    EXPECT_TRUE(std::isfinite(out[Args::kPerImage].Get(0))) << backend.name;
    EXPECT_TRUE(std::isnan(out[Args::kPerImage].Get(1))) << backend.name;
  }
}

TEST(PixelLoss, PerImageDoesNotDependOnTheBatch) {
  const OpCase c = Case(3, 6, 4, 2, true);
  const auto inputs = MakeInputs(c);
  for (const graph::Backend& backend : TestBackends()) {
    const auto together = Outputs(backend, kOp, c.attrs, inputs);
    for (int64_t b = 0; b < 3; ++b) {
      std::vector<HostTensor> one = MakeInputs(Case(1, 6, 4, 2, true));
      for (HostTensor& t : one) {
        const HostTensor& from = inputs[&t - one.data()];
        for (int64_t i = 0; i < t.size(); ++i) t.Set(i, from.Get(b * t.size() + i));
      }
      const auto alone = Outputs(backend, kOp, c.attrs, one);
      EXPECT_EQ(alone[Args::kPerImage].Get(0), together[Args::kPerImage].Get(b)) << backend.name;
      EXPECT_EQ(alone[Args::kLoss].Get(0), together[Args::kPerImage].Get(b)) << backend.name;
    }
  }
}

TEST(PixelLoss, SameForAnyThreads) {
  const OpCase c = Case(5, 12, 20, 4, true);
  const auto inputs = MakeInputs(c);
  for (const graph::Backend& backend : TestBackends()) {
    for (const char* type : {kOp, kGrad}) {
      const auto one = Outputs(backend, type, c.attrs, inputs, 1);
      for (int threads = 2; threads <= 4; ++threads) {
        const auto more = Outputs(backend, type, c.attrs, inputs, threads);
        for (size_t o = 0; o < one.size(); ++o) EXPECT_TRUE(more[o] == one[o]) << type;
      }
    }
  }
}

// The status of the gradient maker when `needs` inputs and `through` outputs are asked for.
absl::Status MakeGradient(const std::vector<bool>& needs, int through, graph::NetBuilder* b,
                          graph::BlobId* dpred) {
  b->OpN(kOp, "loss",
         {b->Input("pred", F32({2, 6, 12})), b->Input("images", F32({2, 3, 4, 6})),
          b->Input("mask", U8({2, 6}))},
         Attrs(2, true));
  std::vector<graph::BlobId> dy(2, graph::kNone);
  dy[through] = b->Input("dy", F32({through == Args::kLoss ? 1 : 2}));
  graph::GradientBuilder g(b, b->net().ops.back(), dy, needs);
  RETURN_IF_ERROR(TestRegistry().Find(kOp)->gradient(&g));
  *dpred = g.grad_input(Args::kPred);
  return b->status();
}

TEST(PixelLoss, GradientMaker) {
  graph::BlobId dpred = graph::kNone;
  graph::NetBuilder good(&TestRegistry(), "net");
  ASSERT_TRUE(MakeGradient({true, false, false}, Args::kLoss, &good, &dpred).ok());
  EXPECT_NE(dpred, graph::kNone);
  EXPECT_EQ(good.net().ops.back().type, kGrad);
  EXPECT_EQ(good.net().ops.back().Int("patch"), 2);
  EXPECT_EQ(good.net().ops.back().Int("norm_pix_loss"), 1);
  graph::NetBuilder images(&TestRegistry(), "net");
  absl::Status status = MakeGradient({true, true, false}, Args::kLoss, &images, &dpred);
  EXPECT_NE(std::string(status.message()).find("PixelLoss 'loss': the images have no gradient"),
            std::string::npos)
      << status;
  graph::NetBuilder per_image(&TestRegistry(), "net");
  status = MakeGradient({true, false, false}, Args::kPerImage, &per_image, &dpred);
  EXPECT_NE(std::string(status.message()).find("'loss': per_image has no gradient"),
            std::string::npos)
      << status;
}

TEST(PixelLoss, Refuses) {
  const graph::TensorType pred = F32({2, 6, 12}), images = F32({2, 3, 4, 6}), mask = U8({2, 6});
  const auto refused = [](graph::Attrs attrs, std::vector<graph::TensorType> in,
                          const std::string& message) {
    ExpectRefused(kOp, attrs, in, message);
    in.push_back(F32({1}));
    ExpectRefused(kGrad, attrs, in, message);
  };
  const graph::Attrs attrs = Attrs(2, true);
  refused(Attrs(0, true), {pred, images, mask}, "patch=0");
  refused(Attrs(-2, true), {pred, images, mask}, "patch=-2");
  refused(Attrs(int64_t{1} << 40, true), {pred, images, mask}, "patch=1099511627776");
  refused({{"patch", int64_t{2}}, {"norm_pix_loss", int64_t{2}}}, {pred, images, mask},
          "norm_pix_loss=2 must be 0 or 1");
  refused({{"patch", int64_t{2}}}, {pred, images, mask}, "norm_pix_loss");
  refused(Attrs(3, true), {pred, images, mask}, "4 x 6 pixels, which patch=3 does not divide");
  refused(Attrs(8, true), {pred, images, mask}, "4 x 6 pixels, which patch=8 does not divide");
  refused(attrs, {pred, F32({2, 3, 0, 6}), mask}, "0 x 6 pixels");
  refused(attrs, {pred, F32({2, 1, 4, 6}), mask}, "1 channels, not 3");
  refused(attrs, {pred, F32({2, 3, 6, 6}), mask}, "input 0");
  refused(attrs, {pred, F32({3, 3, 4, 6}), mask}, "input 0");
  refused(attrs, {F32({2, 6, 4}), images, mask}, "input 0");
  refused(attrs, {F32({12, 12}), images, mask}, "input 0");
  refused(attrs, {I32({2, 6, 12}), images, mask}, "input 0");
  refused(attrs, {pred, F64({2, 3, 4, 6}), mask}, "input 1");
  refused(attrs, {pred, F32({2, 3, 24}), mask}, "input 1");
  refused(attrs, {pred, images, I32({2, 6})}, "input 2");
  refused(attrs, {pred, images, U8({2, 5})}, "input 2");
  ExpectRefused(kGrad, attrs, {pred, images, mask, F32({2})}, "input 3");
  ExpectRefused(kGrad, attrs, {pred, images, mask, F64({1})}, "input 3");
}

}  // namespace
}  // namespace harness
