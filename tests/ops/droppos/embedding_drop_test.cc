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

graph::TensorType Float(graph::Shape shape, bool bf16) { return bf16 ? BF16(shape) : F32(shape); }

OpCase Case(int64_t b, int64_t v, int64_t l, int64_t d, const std::string& kind, bool bf16) {
  OpCase c;
  c.type = "EmbeddingDrop";
  c.attrs = Kind(kind);
  const bool check = d < 100;  // the gradient, one number at a time
  c.inputs = {{Float({b, v, d}, bf16), Normal(), check},
              {Float({1, l, d}, bf16), Normal()},
              {Float({1, 1, d}, bf16), Normal(), check},
              {I32({b, v}), DistinctIds(l)},
              {U8({b, v}), Mask(0.6)}};
  c.outputs = {Float({b, v, d}, bf16)};
  return c;
}

// `n` positions of each image are dropped.
OpCase WrongCase(int64_t b, int64_t v, int64_t l, int64_t d, int64_t n, bool bf16) {
  OpCase c = Case(b, v, l, d, "wrong_pos", bf16);
  c.inputs[4].generate = MaskOf(n);
  c.inputs.push_back({I32({b, n}), DistinctIds(l)});
  c.inputs.push_back({I32({b, n}), DistinctIds(n)});
  return c;
}

TEST(EmbeddingDrop, Cases) {
  for (bool bf16 : {false, true}) {
    for (const char* kind : {"param", "zeros"}) {
      RunCase(Case(1, 1, 1, 1, kind, bf16));
      RunCase(Case(3, 4, 16, 5, kind, bf16));
      RunCase(Case(7, 3, 15, 17, kind, bf16));
      RunCase(Case(2, 9, 9, 64, kind, bf16));
      RunCase(Case(1, 2, 3, 1032, kind, bf16));
    }
    RunCase(WrongCase(1, 1, 1, 1, 1, bf16));
    RunCase(WrongCase(3, 4, 16, 5, 3, bf16));
    RunCase(WrongCase(7, 3, 15, 17, 1, bf16));
    RunCase(WrongCase(2, 9, 9, 64, 9, bf16));
    RunCase(WrongCase(2, 40, 70, 3, 37, bf16));  // more than a warp has lanes
  }
}

TEST(EmbeddingDrop, GradientCases) {
  for (const auto& [b, v, d] :
       {std::array<int64_t, 3>{1, 1, 1}, {3, 4, 5}, {33, 7, 130}, {33, 7, 128}}) {
    for (bool bf16 : {false, true}) {
      RunCase({"EmbeddingDropGrad",
               {{"shape", std::vector<int64_t>{1, 1, d}}},
               {{Float({b, v, d}, bf16), Normal()}, {U8({b, v}), Mask(0.5)}},
               {Float({1, 1, d}, bf16)}});
    }
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
    // The second image's two dropped positions are exchanged.
    std::vector<HostTensor> wrong = inputs;
    wrong[3] = HostTensor(I32({2, 2}), {2, 0, 1, 2});
    wrong[4] = HostTensor(U8({2, 2}), {1, 1, 1, 1});
    wrong.emplace_back(I32({2, 2}), std::vector<double>{2, 0, 1, 2});
    wrong.emplace_back(I32({2, 2}), std::vector<double>{0, 1, 1, 0});
    const auto exchanged = RunOn(backend, "EmbeddingDrop", Kind("wrong_pos"), wrong);
    ASSERT_TRUE(exchanged.ok()) << exchanged.status();
    EXPECT_EQ((*exchanged)[0].Values(), std::vector<double>({51, 62, 13, 24, 55, 66, 37, 48}));
    // One position of each is dropped: the second token's, then the first's.
    wrong[4] = HostTensor(U8({2, 2}), {0, 1, 1, 0});
    wrong[5] = HostTensor(I32({2, 1}), {1, 0});
    wrong[6] = HostTensor(I32({2, 1}), {0, 0});
    const auto one = RunOn(backend, "EmbeddingDrop", Kind("wrong_pos"), wrong);
    ASSERT_TRUE(one.ok()) << one.status();
    EXPECT_EQ((*one)[0].Values(), std::vector<double>({51, 62, 33, 44, 15, 26, 57, 68}));
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
  std::vector<graph::BlobId> in = {b.Input("tokens", F32({2, 3, 4})), b.Input("table", F32({9, 4})),
                                   b.Input("mask_token", F32({1, 1, 4})),
                                   b.Input("ids", I32({2, 3})), b.Input("mask", U8({2, 3}))};
  if (kind == "wrong_pos") {
    in.push_back(b.Input("ids_dropped", I32({2, 2})));
    in.push_back(b.Input("order", I32({2, 2})));
  }
  b.Op("EmbeddingDrop", "drop", in, Kind(kind));
  Made made;
  made.dy = b.Input("dy", F32({2, 3, 4}));
  graph::GradientBuilder g(&b, b.net().ops.back(), {made.dy}, needs);
  made.status = TestRegistry().Find("EmbeddingDrop")->gradient(&g);
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
  const Made wrong = MakeGradient("wrong_pos", {true, false, true, false, false, false, false});
  ASSERT_TRUE(wrong.status.ok()) << wrong.status;
  EXPECT_EQ(wrong.grads[0], wrong.dy);
  EXPECT_EQ(wrong.new_ops, std::vector<std::string>({"Fill"}));
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
  const graph::TensorType table = F32({9, 4}), token = F32({4}), dropped = I32({2, 2});
  refused("param", {x, table, token, ids, mask, dropped, dropped}, "7 inputs, must have 5");
  refused("zeros", {x, table, token, ids, mask, dropped}, "6 inputs, must have 5");
  refused("wrong_pos", {x, table, token, ids, mask}, "5 inputs, must have 7");
  refused("wrong_pos", {x, table, token, ids, mask, dropped}, "6 inputs, must have 7");
  refused("wrong_pos", {x, table, token, ids, mask, I64({2, 2}), dropped}, "input 5");
  refused("wrong_pos", {x, table, token, ids, mask, I32({4}), dropped}, "input 5");
  refused("wrong_pos", {x, table, token, ids, mask, I32({3, 2}), dropped}, "input 5");
  refused("wrong_pos", {x, table, token, ids, mask, I32({2, 4}), I32({2, 4})},
          "input 5 (ids_dropped)");
  refused("wrong_pos", {x, table, token, ids, mask, dropped, I64({2, 2})}, "input 6");
  refused("wrong_pos", {x, table, token, ids, mask, dropped, I32({2, 1})}, "input 6");
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{}, {5}, {2, 4}, {0}, {-1, -4}, {int64_t{1} << 62, 4}}) {
    ExpectRefused("EmbeddingDropGrad", {{"shape", shape}}, {x, mask}, "shape=");
  }
  ExpectRefused("EmbeddingDropGrad", {{"shape", std::vector<int64_t>{4}}}, {x, U8({2, 4})},
                "input 1");
}

// Those of a second image, whose elements are counted over both.
TEST(EmbeddingDrop, BadIdsAreFaults) {
  for (const graph::Backend& backend : TestBackends()) {
    const auto message = [&](std::vector<double> mask, double id, double order,
                             double last_kept = 1) {
      const auto y = RunOn(
          backend, "EmbeddingDrop", Kind("wrong_pos"),
          {HostTensor(F32({2, 2, 1})), HostTensor(F32({3, 1})), HostTensor(F32({1})),
           HostTensor(I32({2, 2}), {0, 1, 0, last_kept}),
           HostTensor(U8({2, 2}), {0, 1, mask[0], mask[1]}), HostTensor(I32({2, 1}), {2, id}),
           HostTensor(I32({2, 1}), {0, order})});
      return std::string(y.status().message());
    };
    EXPECT_EQ(message({0, 1}, 2, 0), "");
    // Whether its position is dropped or not.
    for (const std::vector<double>& mask : {std::vector<double>{1, 0}, {0, 1}}) {
      EXPECT_NE(message(mask, 2, 0, 3).find("'input 3' i32[2,2] is 3 at element 3"),
                std::string::npos);
      EXPECT_NE(message(mask, 2, 0, -1).find("'input 3' i32[2,2] is -1 at element 3"),
                std::string::npos);
    }
    EXPECT_NE(message({0, 1}, 3, 0).find("'input 5' i32[2,1] is 3 at element 1"),
              std::string::npos);
    EXPECT_NE(message({0, 1}, 2, 1).find("'input 6' i32[2,1] is 1 at element 1"),
              std::string::npos);
    EXPECT_NE(message({1, 1}, 2, 0).find("'input 4' u8[2,2] is 2 at element 2"), std::string::npos);
    EXPECT_NE(message({0, 0}, 2, 0).find("'input 4' u8[2,2] is 0 at element 2"), std::string::npos);
  }
}

}  // namespace
}  // namespace harness
