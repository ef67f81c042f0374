#include <limits>
#include <vector>

#include "graph/schema/builder.h"
#include "graph/schema/gradient.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

graph::Attrs By(float value, int64_t index = 0) { return {{"value", value}, {"index", index}}; }

TEST(Scale, Cases) {
  const graph::Shape shapes[] = {{1}, {7}, {3, 5}, {1, 1, 1}, {2, 3, 17}};
  for (const graph::Shape& s : shapes) {
    RunCase({"Scale", {}, {{F32(s), Normal(), true}}, {F32(s)}});
    RunCase({"Scale", By(-0.3f), {{F32(s), Normal(), true}}, {F32(s)}});
    RunCase(
        {"Scale", By(1.7f, 2), {{F32(s), Normal(), true}, {F32({3}), Uniform(-1, 1)}}, {F32(s)}});
    RunCase({"Scale", {}, {{F32(s), Normal(), true}, {F32({1}), Normal()}}, {F32(s)}});
  }
}

// More than one piece of work.
TEST(Scale, Long) {
  RunCase(
      {"Scale", By(0.3f), {{F32({5, 4099}), Normal()}, {F32({1}), Normal()}}, {F32({5, 4099})}});
}

TEST(Scale, Values) {
  const HostTensor x(F32({3}), {1, -2, 3}), factors(F32({2}), {10, 0.5});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto alone = RunOn(backend, "Scale", By(4.0f), {x});
    ASSERT_TRUE(alone.ok()) << alone.status();
    EXPECT_EQ((*alone)[0].Values(), std::vector<double>({4, -8, 12}));
    const auto both = RunOn(backend, "Scale", By(4.0f, 1), {x, factors});
    ASSERT_TRUE(both.ok()) << both.status();
    EXPECT_EQ((*both)[0].Values(), std::vector<double>({2, -4, 6}));
    const auto first = RunOn(backend, "Scale", {}, {x, factors});
    ASSERT_TRUE(first.ok()) << first.status();
    EXPECT_EQ((*first)[0].Values(), std::vector<double>({10, -20, 30}));
  }
}

TEST(Scale, GradientMaker) {
  graph::NetBuilder b(&TestRegistry(), "net");
  b.Op("Scale", "clip", {b.Input("x", F32({2, 3})), b.Input("factors", F32({4}))}, By(0.5f, 3));
  const graph::BlobId dy = b.Input("dy", F32({2, 3}));
  const graph::Op forward = b.net().ops.back();
  const auto make = TestRegistry().Find("Scale")->gradient;
  graph::GradientBuilder x_only(&b, forward, {dy}, {true, false});
  ASSERT_TRUE(make(&x_only).ok());
  ASSERT_TRUE(b.status().ok()) << b.status();
  const graph::Op& backward = b.net().ops.back();
  EXPECT_EQ(backward.type, "Scale");
  EXPECT_EQ(backward.inputs, std::vector<graph::BlobId>({dy, forward.inputs[1]}));
  EXPECT_EQ(backward.attrs, forward.attrs);
  graph::GradientBuilder factors(&b, forward, {dy}, {true, true});
  const absl::Status status = make(&factors);
  EXPECT_EQ(status.message(),
            "Scale 'clip': the factors have no gradient; put a StopGradient before them");
}

TEST(Scale, RefusesBadInputs) {
  ExpectRefused("Scale", {}, {I32({3})}, "input 0");
  ExpectRefused("Scale", {}, {F32({3}), F64({1})}, "input 1");
  ExpectRefused("Scale", {}, {F32({3}), F32({1, 2})}, "input 1");
  ExpectRefused("Scale", By(1, 2), {F32({3}), F32({2})}, "'index' is 2");
  ExpectRefused("Scale", By(1, -1), {F32({3}), F32({2})}, "'index' is -1");
  ExpectRefused("Scale", By(1, 1), {F32({3})}, "no input 1 (factors)");
  ExpectRefused("Scale", By(std::numeric_limits<float>::infinity()), {F32({3})}, "'value' is inf");
  ExpectRefused("Scale", By(std::numeric_limits<float>::quiet_NaN()), {F32({3})}, "'value' is nan");
}

}  // namespace
}  // namespace harness
