#include <cmath>

#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

OpCase Case(graph::Shape shape, double applied) {
  return {"Commit",
          {},
          {{I32({1}), Constant(applied)}, {F32(shape), Normal()}, {F32(shape), Normal(3.0)}},
          {F32(shape)}};
}

TEST(Commit, Cases) {
  for (const graph::Shape& shape : {graph::Shape{1}, {0}, {37}, {2, 3, 5}}) {
    for (double applied : {0.0, 1.0}) RunCase(Case(shape, applied));
  }
}

// A step that is not applied may have computed anything.
TEST(Commit, IsOneOfTheTwoBitForBit) {
  for (int applied : {0, 1}) {
    OpCase c = Case({37}, applied);
    c.inputs[applied == 1 ? 1 : 2].generate = Constant(std::nan(""));
    const std::vector<HostTensor> in = MakeInputs(c);
    for (const graph::Backend& backend : TestBackends()) {
      const auto out = RunOn(backend, c.type, c.attrs, in);
      ASSERT_TRUE(out.ok()) << out.status();
      EXPECT_TRUE((*out)[0] == in[1 + applied]) << backend.name;
    }
  }
}

TEST(Commit, RefusesBadInputs) {
  ExpectRefused("Commit", {}, {F32({1}), F32({3}), F32({3})}, "input 0");
  ExpectRefused("Commit", {}, {I32({2}), F32({3}), F32({3})}, "input 0");
  ExpectRefused("Commit", {}, {I32({1}), I32({3}), I32({3})}, "input 1");
  ExpectRefused("Commit", {}, {I32({1}), F32({3}), F32({4})}, "input 2");
}

}  // namespace
}  // namespace harness
