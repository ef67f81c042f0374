#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

// Boxes with ends from -2 to 2 beyond the picture, some empty or turned round.
Generator Boxes(int64_t height, int64_t width) {
  return [=](HostTensor* box, graph::RandomStream* random) {
    for (int64_t i = 0; i < box->size(); ++i) {
      const int64_t side = i % 4 < 2 ? height : width;
      box->SetInt(i, static_cast<int64_t>(random->Below(side + 5)) - 2);
    }
  };
}

OpCase Case(graph::Shape images, int64_t groups) {
  return {"MixImages",
          {},
          {{F32(images), Normal()},
           {I32({groups}), Ids(2)},
           {F32({groups}), Uniform(0, 1)},
           {I32({groups, 4}), Boxes(images[2], images[3])}},
          {F32(images)}};
}

TEST(MixImages, Cases) {
  for (const auto& [images, groups] :
       std::vector<std::pair<graph::Shape, int64_t>>{{{2, 1, 1, 1}, 1},
                                                     {{2, 3, 5, 7}, 1},
                                                     {{6, 3, 4, 6}, 3},
                                                     {{8, 1, 9, 8}, 2},
                                                     {{12, 3, 16, 16}, 6},
                                                     {{4, 3, 33, 20}, 1},
                                                     {{40, 2, 3, 4}, 20}}) {
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      OpCase c = Case(images, groups);
      c.seed = seed;
      RunCase(c);
    }
  }
}

// Image i of four is all i + 1; a mixup of the first two, a cutmix of the others: groups of two.
TEST(MixImages, KnownValues) {
  std::vector<double> pixels;
  for (int image = 1; image <= 4; ++image) pixels.insert(pixels.end(), 12, image);
  const HostTensor images(F32({4, 1, 3, 4}), pixels), mode(I32({2}), {0, 1});
  const HostTensor lam(F32({2}), {0.75, 0.5}), box(I32({2, 4}), {0, 0, 0, 0, 1, 3, 0, 2});
  std::vector<double> expected(12, 1.25);
  expected.insert(expected.end(), 12, 1.75);
  for (const std::pair<double, double>& of : {std::make_pair(3.0, 4.0), {4.0, 3.0}}) {
    for (int i = 0; i < 12; ++i) {
      expected.push_back(i / 4 >= 1 && i % 4 < 2 ? of.second : of.first);
    }
  }
  for (const graph::Backend& backend : TestBackends()) {
    const auto y = RunOn(backend, "MixImages", {}, {images, mode, lam, box});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ((*y)[0], HostTensor(F32({4, 1, 3, 4}), expected)) << backend.name;
  }
}

TEST(MixImages, PartnersAreMirroredWithinAGroup) {
  std::vector<double> pixels(8);
  for (int i = 0; i < 8; ++i) pixels[i] = i;
  const HostTensor images(F32({8, 1, 1, 1}), pixels), mode(I32({2}), {1, 1});
  const HostTensor lam(F32({2})), box(I32({2, 4}), {0, 1, 0, 1, 0, 1, 0, 1});
  for (const graph::Backend& backend : TestBackends()) {
    const auto y = RunOn(backend, "MixImages", {}, {images, mode, lam, box});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ((*y)[0].Values(), (std::vector<double>{3, 2, 1, 0, 7, 6, 5, 4})) << backend.name;
  }
}

TEST(MixImages, AGroupThatIsNotMixedKeepsItsBits) {
  const HostTensor images = Random(F32({4, 3, 5, 8}), 2), mode(I32({2}), {0, 1});
  const HostTensor lam(F32({2}), {1, 1}), box(I32({2, 4}), {0, 0, 0, 0, 4, 4, 2, 7});
  for (const graph::Backend& backend : TestBackends()) {
    const auto y = RunOn(backend, "MixImages", {}, {images, mode, lam, box});
    ASSERT_TRUE(y.ok()) << y.status();
    EXPECT_EQ((*y)[0], images) << backend.name;
  }
}

TEST(MixImages, AModeThatIsNoneIsAFaultThatNamesTheGroup) {
  const HostTensor images(F32({6, 1, 2, 2})), lam(F32({3})), box(I32({3, 4}));
  for (const graph::Backend& backend : TestBackends()) {
    for (const int wrong : {2, -1}) {
      HostTensor mode(I32({3}), {0, 1, 0});
      mode.SetInt(2, wrong);
      const auto y = RunOn(backend, "MixImages", {}, {images, mode, lam, box});
      EXPECT_EQ(y.status().code(), absl::StatusCode::kOutOfRange) << backend.name;
      EXPECT_NE(y.status().ToString().find(absl::StrCat("is ", wrong, " at element 2")),
                std::string::npos)
          << y.status();
    }
  }
}

TEST(MixImages, RefusesBadInputs) {
  const auto refuse = [](graph::TensorType images, graph::TensorType mode, graph::TensorType lam,
                         graph::TensorType box, const char* message) {
    ExpectRefused("MixImages", {}, {images, mode, lam, box}, message);
  };
  const graph::TensorType images = F32({6, 3, 4, 4}), boxes = I32({3, 4});
  refuse(images, I32({2}), F32({2}), I32({2, 4}),
         "input 1 (i32[2]) asks for 2 groups of equal and even size, but there are 6 images");
  refuse(images, I32({4}), F32({4}), I32({4, 4}), "asks for 4 groups");
  refuse(images, I32({0}), F32({0}), I32({0, 4}), "asks for 0 groups");
  refuse(images, I64({3}), F32({3}), boxes, "input 1");
  refuse(images, I32({3}), F32({2}), boxes, "input 2");
  refuse(images, I32({3}), F64({3}), boxes, "input 2");
  refuse(images, I32({3}), F32({3}), I32({3, 2}), "input 3");
  refuse(images, I32({3}), F32({3}), F32({3, 4}), "input 3");
  refuse(F32({6, 3, 16}), I32({3}), F32({3}), boxes, "input 0");
}

}  // namespace
}  // namespace harness
