#include <array>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

graph::Attrs Prefix(int64_t prefix) { return {{"prefix", prefix}}; }

graph::Attrs GradAttrs(int64_t prefix, std::vector<int64_t> shape) {
  return {{"prefix", prefix}, {"shape", std::move(shape)}};
}

struct Sizes {
  int64_t batch, prefix, visible, patches, dim;
};

// Nothing hidden, one of each, a few visible, no class token, a longer prefix, more visible than a
// warp has lanes, rows of whole vectors.
constexpr Sizes kSizes[] = {{1, 0, 1, 1, 1},   {1, 1, 1, 2, 1},   {3, 1, 4, 16, 5},
                            {2, 0, 5, 15, 7},  {2, 3, 9, 9, 17},  {13, 1, 2, 5, 130},
                            {4, 2, 1, 11, 3},  {2, 1, 40, 70, 2}, {13, 1, 2, 20, 128},
                            {1, 0, 1, 2, 1032}};

graph::TensorType Float(graph::Shape shape, bool bf16) { return bf16 ? BF16(shape) : F32(shape); }

// ids_keep and mask as MaskSample makes them.
std::array<Generator, 2> Masks(const Sizes& s) {
  OpCase keys;
  keys.inputs = {{I64({s.batch}), Keys()}};
  const auto out = Reference(
      "MaskSample",
      {{"num_patches", s.patches}, {"num_visible", s.visible}, {"num_pos_kept", int64_t{0}}},
      MakeInputs(keys));
  return {Values(out[0].Values()), Values(out[1].Values())};
}

TEST(RestoreRows, Cases) {
  for (const Sizes& s : kSizes) {
    const auto [ids, mask] = Masks(s);
    // The gradient is checked one number at a time.
    const bool check = s.dim < 100;
    for (bool bf16 : {false, true}) {
      const graph::TensorType x = Float({s.batch, s.prefix + s.visible, s.dim}, bf16);
      const graph::TensorType y = Float({s.batch, s.prefix + s.patches, s.dim}, bf16);
      const graph::TensorType token = Float({1, 1, s.dim}, bf16);
      RunCase({"RestoreRows",
               Prefix(s.prefix),
               {{x, Normal(), check},
                {token, Normal(), check},
                {I32({s.batch, s.visible}), ids},
                {U8({s.batch, s.patches}), mask}},
               {y}});
      RunCase({"RestoreRowsGrad",
               GradAttrs(s.prefix, {1, 1, s.dim}),
               {{y, Normal()}, {I32({s.batch, s.visible}), ids}, {U8({s.batch, s.patches}), mask}},
               {x, token}});
    }
  }
}

TEST(RestoreRows, Values) {
  const HostTensor x(F32({2, 3, 1}), {1, 2, 3, 4, 5, 6}), token(F32({1}), {100}),
      ids(I32({2, 2}), {3, 0, 1, 2}), mask(U8({2, 4}), {0, 1, 1, 0, 1, 0, 0, 1}),
      dy(F32({2, 5, 1}), {1, 2, 3, 4, 5, 10, 20, 30, 40, 50});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto y = RunOn(backend, "RestoreRows", Prefix(1), {x, token, ids, mask});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ((*y)[0].Values(), std::vector<double>({1, 3, 100, 100, 2, 4, 100, 5, 6, 100}));
    const auto dx = RunOn(backend, "RestoreRowsGrad", GradAttrs(1, {1}), {dy, ids, mask});
    ASSERT_TRUE(dx.ok()) << dx.status();
    EXPECT_EQ((*dx)[0].Values(), std::vector<double>({1, 5, 2, 10, 30, 40}));
    EXPECT_EQ((*dx)[1].Values(), std::vector<double>({3 + 4 + 20 + 50}));
  }
}

TEST(RestoreRows, NothingHiddenGivesZeroGradient) {
  for (const graph::Backend& backend : TestBackends()) {
    const auto grads = RunOn(backend, "RestoreRowsGrad", GradAttrs(0, {2}),
                             {HostTensor(F32({1, 2, 2}), {1, 2, 3, 4}),
                              HostTensor(I32({1, 2}), {1, 0}), HostTensor(U8({1, 2}))});
    ASSERT_TRUE(grads.ok()) << grads.status();
    EXPECT_EQ((*grads)[0].Values(), std::vector<double>({3, 4, 1, 2}));
    EXPECT_EQ((*grads)[1].Values(), std::vector<double>({0, 0}));
  }
}

TEST(RestoreRows, SameForAnyThreads) {
  const Sizes s = {13, 1, 4, 9, 200};
  const auto [ids, mask] = Masks(s);
  OpCase c;
  c.inputs = {{F32({s.batch, s.prefix + s.patches, s.dim}), Normal()},
              {I32({s.batch, s.visible}), ids},
              {U8({s.batch, s.patches}), mask}};
  const std::vector<HostTensor> inputs = MakeInputs(c);
  for (const graph::Backend& backend : TestBackends()) {
    std::vector<HostTensor> first;
    for (int threads = 1; threads <= 4; ++threads) {
      const auto grads =
          RunOn(backend, "RestoreRowsGrad", GradAttrs(s.prefix, {s.dim}), inputs, threads);
      ASSERT_TRUE(grads.ok()) << grads.status();
      if (threads == 1) first = *grads;
      EXPECT_TRUE(*grads == first) << backend.name << " " << threads;
    }
  }
}

// Their elements are counted over all images.
TEST(RestoreRows, IdsOutsideThePatchesAreFaults) {
  const HostTensor x(F32({2, 2, 1})), token(F32({1})), mask(U8({2, 3}), {0, 1, 0, 0, 1, 0});
  for (const graph::Backend& backend : TestBackends()) {
    for (double id : {3, -1}) {
      const HostTensor ids(I32({2, 2}), {0, 2, id, 0});
      const auto y = RunOn(backend, "RestoreRows", Prefix(0), {x, token, ids, mask});
      EXPECT_NE(std::string(y.status().message())
                    .find(absl::StrCat("'input 2' i32[2,2] is ", id, " at element 2")),
                std::string::npos)
          << backend.name << ": " << y.status();
      const HostTensor dy(F32({2, 3, 1}));
      const auto dx = RunOn(backend, "RestoreRowsGrad", GradAttrs(0, {1}), {dy, ids, mask});
      EXPECT_NE(std::string(dx.status().message())
                    .find(absl::StrCat("'input 1' i32[2,2] is ", id, " at element 2")),
                std::string::npos)
          << backend.name << ": " << dx.status();
    }
  }
}

TEST(RestoreRows, ReferenceNamesIdsThatContradictTheMask) {
  const auto message = [](std::vector<double> ids, std::vector<double> mask) {
    const auto y = RunReference("RestoreRows", Prefix(0),
                                {HostTensor(F32({1, 2, 1})), HostTensor(F32({1})),
                                 HostTensor(I32({1, 2}), ids), HostTensor(U8({1, 3}), mask)});
    return std::string(y.status().message());
  };
  EXPECT_EQ(message({2, 0}, {0, 1, 0}), "");
  EXPECT_NE(message({2, 2}, {1, 1, 0}).find("patch 2 of image 0 is visible twice"),
            std::string::npos);
  EXPECT_NE(message({2, 0}, {1, 1, 0}).find("patch 0 of image 0 is visible twice or also hidden"),
            std::string::npos);
  EXPECT_NE(message({2, 0}, {0, 0, 0}).find("patch 1 of image 0 is neither"), std::string::npos);
}

TEST(RestoreRows, Refuses) {
  const graph::TensorType x = F32({2, 4, 5}), token = F32({1, 1, 5}), ids = I32({2, 3}),
                          mask = U8({2, 7});
  const auto refused = [](int64_t prefix, std::vector<graph::TensorType> inputs,
                          const std::string& message) {
    ExpectRefused("RestoreRows", Prefix(prefix), inputs, message);
  };
  refused(1, {F32({8, 5}), token, ids, mask}, "input 0");
  refused(1, {I32({2, 4, 5}), token, ids, mask}, "input 0");
  refused(1, {x, F64({5}), ids, mask}, "input 1");
  refused(1, {x, F32({4}), ids, mask}, "input 1 (mask_token)");
  refused(1, {x, token, I64({2, 3}), mask}, "input 2");
  refused(1, {x, token, I32({6}), mask}, "input 2");
  refused(1, {x, token, I32({3, 3}), mask}, "input 2");
  refused(1, {x, token, ids, I32({2, 7})}, "input 3");
  refused(1, {x, token, ids, U8({14})}, "input 3");
  refused(1, {x, token, ids, U8({3, 7})}, "input 3");
  refused(1, {x, token, ids, U8({2, 2})}, "input 2 (ids_keep)");
  refused(0, {x, token, ids, mask}, "prefix=0 and 3 rows");
  refused(2, {x, token, ids, mask}, "prefix=2 and 3 rows");
  refused(-1, {x, token, I32({2, 5}), mask}, "'prefix' is -1");

  const graph::TensorType dy = F32({2, 8, 5});
  const auto grad_refused = [](int64_t prefix, std::vector<int64_t> shape,
                               std::vector<graph::TensorType> inputs, const std::string& message) {
    ExpectRefused("RestoreRowsGrad", GradAttrs(prefix, std::move(shape)), inputs, message);
  };
  grad_refused(1, {5}, {I32({2, 8, 5}), ids, mask}, "input 0");
  grad_refused(1, {5}, {dy, I64({2, 3}), mask}, "input 1");
  grad_refused(1, {5}, {dy, ids, U8({3, 7})}, "input 2");
  grad_refused(1, {5}, {dy, I32({2, 8}), mask}, "input 1 (ids_keep)");
  grad_refused(0, {5}, {dy, ids, mask}, "input 0 (dy)");
  grad_refused(1, {4}, {dy, ids, mask}, "shape=[4] must have 5 elements");
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{}, {-1, -5}, {int64_t{1} << 62, 5}}) {
    grad_refused(1, shape, {dy, ids, mask}, "'shape'");
  }
}

}  // namespace
}  // namespace harness
