#include <string>
#include <vector>

#include "graph/schema/builder.h"
#include "graph/schema/gradient.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

graph::Attrs Kind(const std::string& kind) { return {{"kind", kind}}; }

OpCase Case(int64_t b, int64_t v, int64_t l, int64_t d, const std::string& kind) {
  OpCase c;
  c.type = "EmbeddingDrop";
  c.attrs = Kind(kind);
  c.inputs = {{F32({b, v, d}), Normal(), true},
              {F32({1, l, d}), Normal()},
              {F32({1, 1, d}), Normal(), kind == "param"},
              {I32({b, v}), DistinctIds(l)},
              {U8({b, v}), Mask(0.6)}};
  c.outputs = {F32({b, v, d})};
  return c;
}

TEST(EmbeddingDrop, Cases) {
  for (const char* kind : {"param", "zeros"}) {
    RunCase(Case(1, 1, 1, 1, kind));
    RunCase(Case(3, 4, 16, 5, kind));
    RunCase(Case(7, 3, 15, 17, kind));
    RunCase(Case(2, 9, 9, 64, kind));
  }
}

TEST(EmbeddingDrop, GradientCases) {
  for (const auto& [b, v, d] : {std::array<int64_t, 3>{1, 1, 1}, {3, 4, 5}, {33, 7, 130}}) {
    RunCase({"EmbeddingDropGrad",
             {{"shape", std::vector<int64_t>{1, 1, d}}},
             {{F32({b, v, d}), Normal()}, {U8({b, v}), Mask(0.5)}},
             {F32({1, 1, d})}});
  }
}

TEST(EmbeddingDrop, Values) {
  const std::vector<HostTensor> inputs = {
      HostTensor(F32({2, 2, 2}), {1, 2, 3, 4, 5, 6, 7, 8}),
      HostTensor(F32({3, 2}), {10, 20, 30, 40, 50, 60}), HostTensor(F32({2}), {100, 200}),
      HostTensor(I32({2, 2}), {2, 0, 1, 2}), HostTensor(U8({2, 2}), {0, 1, 1, 0})};
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto param = RunOn(backend, "EmbeddingDrop", Kind("param"), inputs);
    ASSERT_TRUE(param.ok()) << param.status();
    EXPECT_EQ((*param)[0].Values(), std::vector<double>({51, 62, 103, 204, 105, 206, 57, 68}));
    const auto zeros = RunOn(backend, "EmbeddingDrop", Kind("zeros"), inputs);
    ASSERT_TRUE(zeros.ok()) << zeros.status();
    EXPECT_EQ((*zeros)[0].Values(), std::vector<double>({51, 62, 3, 4, 5, 6, 57, 68}));
    const auto grad = RunOn(backend, "EmbeddingDropGrad", {{"shape", std::vector<int64_t>{2}}},
                            {inputs[0], inputs[4]});
    ASSERT_TRUE(grad.ok()) << grad.status();
    EXPECT_EQ((*grad)[0].Values(), std::vector<double>({8, 10}));
  }
}

TEST(EmbeddingDrop, NothingDroppedGivesZeroGradient) {
  for (const graph::Backend& backend : TestBackends()) {
    const auto grad =
        RunOn(backend, "EmbeddingDropGrad", {{"shape", std::vector<int64_t>{3}}},
              {HostTensor(F32({2, 1, 3}), {1, 2, 3, 4, 5, 6}), HostTensor(U8({2, 1}), {0, 0})});
    ASSERT_TRUE(grad.ok()) << grad.status();
    EXPECT_EQ((*grad)[0].Values(), std::vector<double>({0, 0, 0}));
  }
}

TEST(EmbeddingDrop, SameForAnyThreads) {
  OpCase c;
  c.inputs = {{F32({13, 5, 200}), Normal()}, {U8({13, 5}), Mask(0.5)}};
  const std::vector<HostTensor> inputs = MakeInputs(c);
  for (const graph::Backend& backend : TestBackends()) {
    std::vector<HostTensor> first;
    for (int threads = 1; threads <= 4; ++threads) {
      const auto grad = RunOn(backend, "EmbeddingDropGrad", {{"shape", std::vector<int64_t>{200}}},
                              inputs, threads);
      ASSERT_TRUE(grad.ok()) << grad.status();
      if (threads == 1) first = *grad;
      EXPECT_TRUE((*grad)[0] == first[0]) << backend.name << " " << threads;
    }
  }
}

// What the gradient maker does for the inputs `needs`, in a net of its own.
struct Made {
  absl::Status status;
  std::vector<std::string> new_ops;
  std::vector<graph::BlobId> grads;
  graph::BlobId dy;
};

Made MakeGradient(const std::string& kind, const std::vector<bool>& needs) {
  graph::NetBuilder b(&TestRegistry(), "net");
  const std::vector<graph::BlobId> in = {b.Input("tokens", F32({2, 3, 4})),
                                         b.Input("table", F32({9, 4})),
                                         b.Input("mask_token", F32({1, 1, 4})),
                                         b.Input("ids", I32({2, 3})), b.Input("mask", U8({2, 3}))};
  b.Op("EmbeddingDrop", "drop", in, Kind(kind));
  Made made;
  made.dy = b.Input("dy", F32({2, 3, 4}));
  graph::GradientBuilder g(&b, b.net().ops.back(), {made.dy}, needs);
  made.status = TestRegistry().Find("EmbeddingDrop")->gradient()(&g);
  if (made.status.ok()) made.status = b.status();
  for (size_t i = 1; i < b.net().ops.size(); ++i) made.new_ops.push_back(b.net().ops[i].type);
  for (int i = 0; i < 5; ++i) made.grads.push_back(g.grad_input(i));
  return made;
}

TEST(EmbeddingDrop, GradientMaker) {
  const Made tokens = MakeGradient("param", {true, false, false, false, false});
  ASSERT_TRUE(tokens.status.ok()) << tokens.status;
  EXPECT_EQ(tokens.grads[0], tokens.dy);
  EXPECT_TRUE(tokens.new_ops.empty());
  const Made both = MakeGradient("param", {true, false, true, false, false});
  ASSERT_TRUE(both.status.ok()) << both.status;
  EXPECT_EQ(both.new_ops, std::vector<std::string>({"EmbeddingDropGrad"}));
  EXPECT_NE(both.grads[2], graph::kNone);
  const Made zeros = MakeGradient("zeros", {false, false, true, false, false});
  ASSERT_TRUE(zeros.status.ok()) << zeros.status;
  EXPECT_EQ(zeros.new_ops, std::vector<std::string>({"Fill"}));
  const Made table = MakeGradient("param", {true, true, false, false, false});
  EXPECT_FALSE(table.status.ok());
  EXPECT_NE(std::string(table.status.message()).find("EmbeddingDrop 'drop': the position table"),
            std::string::npos)
      << table.status;
}

TEST(EmbeddingDrop, Refuses) {
  const graph::TensorType x = F32({2, 3, 4}), ids = I32({2, 3}), mask = U8({2, 3});
  const auto refused = [](const std::string& kind, std::vector<graph::TensorType> inputs,
                          const std::string& message) {
    ExpectRefused("EmbeddingDrop", Kind(kind), inputs, message);
  };
  refused("wrong", {x, F32({9, 4}), F32({4}), ids, mask}, "kind=\"wrong\"");
  refused("param", {F32({6, 4}), F32({9, 4}), F32({4}), ids, mask}, "input 0");
  refused("param", {I32({2, 3, 4}), F32({9, 4}), F32({4}), ids, mask}, "input 0");
  refused("param", {x, F32({9, 5}), F32({4}), ids, mask}, "table");
  refused("param", {x, F32({2, 4}), F32({4}), ids, mask}, "fewer rows");
  refused("param", {x, F64({9, 4}), F32({4}), ids, mask}, "input 1");
  refused("param", {x, F32({9, 4}), F32({5}), ids, mask}, "mask_token");
  refused("param", {x, F32({9, 4}), F64({4}), ids, mask}, "input 2");
  refused("param", {x, F32({9, 4}), F32({4}), I64({2, 3}), mask}, "input 3");
  refused("param", {x, F32({9, 4}), F32({4}), I32({2, 2}), mask}, "input 3");
  refused("param", {x, F32({9, 4}), F32({4}), ids, I32({2, 3})}, "input 4");
  refused("param", {x, F32({9, 4}), F32({4}), ids, U8({3, 2})}, "input 4");
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{}, {5}, {2, 4}, {0}, {-1, -4}, {int64_t{1} << 62, 4}}) {
    ExpectRefused("EmbeddingDropGrad", {{"shape", shape}}, {x, mask}, "shape=");
  }
  ExpectRefused("EmbeddingDropGrad", {{"shape", std::vector<int64_t>{4}}}, {x, U8({2, 4})},
                "input 1");
}

}  // namespace
}  // namespace harness
