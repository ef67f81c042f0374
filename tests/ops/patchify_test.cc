#include "gtest/gtest.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Case(graph::Shape images, int64_t patch, graph::Shape y, bool bf16 = false) {
  return {"Patchify",
          {{"patch", patch}},
          {{bf16 ? BF16(images) : F32(images), Normal()}},
          {bf16 ? BF16(y) : F32(y)}};
}

TEST(Patchify, Cases) {
  for (bool bf16 : {false, true}) {
    RunCase(Case({1, 1, 1, 1}, 1, {1, 1, 1}, bf16));
    RunCase(Case({2, 3, 4, 6}, 2, {2, 6, 12}, bf16));
    RunCase(Case({1, 3, 9, 3}, 3, {1, 3, 27}, bf16));
    RunCase(Case({3, 3, 5, 5}, 5, {3, 1, 75}, bf16));
    RunCase(Case({2, 3, 3, 5}, 1, {2, 15, 3}, bf16));
    RunCase(Case({2, 3, 28, 42}, 14, {2, 6, 588}, bf16));
    RunCase(Case({2, 3, 32, 48}, 16, {2, 6, 768}, bf16));
  }
}

TEST(Patchify, OrderIsChannelRowColumn) {
  // Element value: channel·100 + row·10 + column, image 2 × 4, patch 2.
  const HostTensor x(F32({1, 2, 2, 4}),
                     {0, 1, 2, 3, 10, 11, 12, 13, 100, 101, 102, 103, 110, 111, 112, 113});
  const auto y = Reference("Patchify", {{"patch", int64_t{2}}}, {x});
  ASSERT_EQ(y.size(), 1u);
  EXPECT_EQ(y[0], HostTensor(F32({1, 2, 8}), {0, 1, 10, 11, 100, 101, 110, 111,  //
                                              2, 3, 12, 13, 102, 103, 112, 113}));
}

TEST(Patchify, RefusesBadInputs) {
  ExpectRefused("Patchify", {{"patch", int64_t{4}}}, {F32({2, 3, 8, 10})},
                "input 0 (images) f32[2,3,8,10] has width 10, not divisible by patch 4");
  ExpectRefused("Patchify", {{"patch", int64_t{4}}}, {F32({2, 3, 6, 8})}, "height 6");
  ExpectRefused("Patchify", {{"patch", int64_t{0}}}, {F32({2, 3, 6, 8})}, "'patch' is 0");
  ExpectRefused("Patchify", {{"patch", int64_t{2}}}, {F32({3, 6, 8})}, "input 0");
  // Every patch divides 0; C * p * p must not overflow.
  ExpectRefused("Patchify", {{"patch", int64_t{1} << 40}}, {F32({2, 3, 0, 0})},
                "height 0, less than patch 1099511627776");
  ExpectRefused("Patchify", {{"patch", int64_t{1} << 40}}, {F32({2, 3, int64_t{1} << 40, 0})},
                "width 0, less than patch");
  ExpectRefused("Patchify", {{"patch", int64_t{16}}}, {F32({2, 3, 8, 8})}, "less than patch 16");
  ExpectRefused("Patchify", {{"patch", int64_t{2}}}, {U8({2, 3, 6, 8})}, "input 0");
}

}  // namespace
}  // namespace harness
