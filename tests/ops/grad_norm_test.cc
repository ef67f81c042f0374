#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

TEST(GradNorm, Cases) {
  for (const graph::Shape& shape :
       {graph::Shape{1}, {37}, {3, 5}, {2, 1, 5}, {2, 3, 1, 5}, {31}, {32}, {33}, {3, 33333}}) {
    RunCase({"GradNorm", {}, {{F32(shape), Normal(3.0)}}, {F32({1})}});
  }
}

TEST(GradNorm, KnownValuesAndNoOverflow) {
  const auto norm = Reference("GradNorm", {}, {HostTensor(F32({2}), {3, -4})});
  ASSERT_EQ(norm.size(), 1u);
  EXPECT_EQ(norm[0].Get(0), 5.0);
  // The squares are beyond f32.
  RunCase({"GradNorm", {}, {{F32({2, 2}), Constant(1e30)}}, {F32({1})}});
  const auto large = Reference("GradNorm", {}, {HostTensor(F64({4}), {1e30, 1e30, 1e30, 1e30})});
  ASSERT_EQ(large.size(), 1u);
  EXPECT_NEAR(large[0].Get(0) / 2e30, 1.0, 1e-15);
}

TEST(GradNorm, NonFiniteElementsShow) {
  const double inf = std::numeric_limits<double>::infinity();
  RunCase({"GradNorm", {}, {{F32({3}), Values({1, inf, 2})}}, {F32({1})}});
  RunCase({"GradNorm", {}, {{F32({3}), Values({1, std::nan(""), inf})}}, {F32({1})}});
  const auto norm = Reference("GradNorm", {}, {HostTensor(F32({2}), {std::nan(""), 1})});
  ASSERT_EQ(norm.size(), 1u);
  EXPECT_TRUE(std::isnan(norm[0].Get(0)));
}

TEST(GradNorm, RefusesBadInputs) {
  ExpectRefused("GradNorm", {}, {I32({3})}, "input 0");
  ExpectRefused("GradNorm", {}, {F32({3}), I32({3})}, "input 1");
  ExpectRefused("GradNorm", {}, {}, "(g, g, ...)");
}

// Many gradients in one operator, and each in its own, on every backend and team: the
// same bits. One is not finite, one is empty.
TEST(GradNorm, GradientsDoNotChangeEachOther) {
  OpCase all = {"GradNorm", {}, {}, {}};
  for (int64_t n : {1, 16384, 37, 0, 16385, 100000, 8, 32768, 3}) {
    all.inputs.push_back({F32({n}), Normal(3.0)});
    all.outputs.push_back(F32({1}));
  }
  RunCase(all);
  all.inputs[2].generate = Constant(std::numeric_limits<double>::infinity());
  const std::vector<HostTensor> in = MakeInputs(all);
  for (const graph::Backend& backend : TestBackends()) {
    for (int threads = 1; threads <= 4; ++threads) {
      SCOPED_TRACE(absl::StrCat(backend.name, ", ", threads, " threads"));
      const auto together = RunOn(backend, all.type, {}, in, threads);
      ASSERT_TRUE(together.ok()) << together.status();
      for (size_t i = 0; i < in.size(); ++i) {
        const auto alone = RunOn(backend, all.type, {}, {in[i]});
        ASSERT_TRUE(alone.ok()) << alone.status();
        EXPECT_TRUE((*together)[i] == (*alone)[0]) << i;
        EXPECT_EQ(std::isfinite((*together)[i].Get(0)), i != 2) << i;
      }
      EXPECT_EQ((*together)[3].Get(0), 0.0);
    }
  }
}

// More than a GPU takes in one launch.
TEST(GradNorm, ManyGradients) {
  OpCase c = {"GradNorm", {}, {}, {}};
  for (int64_t i = 0; i < 150; ++i) {
    c.inputs.push_back({F32({i % 5 == 2 ? 0 : 1 + 3 * i}), Normal(static_cast<double>(1 + i))});
    c.outputs.push_back(F32({1}));
  }
  RunCase(c);
}

}  // namespace
}  // namespace harness
