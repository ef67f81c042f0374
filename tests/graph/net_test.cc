#include "graph/ir/net.h"

#include "graph/ir/text.h"
#include "gtest/gtest.h"

namespace graph {
namespace {

constexpr char kText[] =
    "net n\n"
    "input x f32[2]\n"
    "state w f32[2] -> w.out\n"
    "a f32[2] = Add(x, x) @a\n"
    "unread f32[2] = Square(a) @dead\n"
    "b f32[2] = Square(a) @b\n"
    "w.out f32[2] = Add(w, b) @update\n"
    "output b\n";

Net Parse() { return ParseText(kText).value(); }

TEST(Net, Find) {
  const Net net = Parse();
  EXPECT_EQ(net.blob(net.Find("a")).name, "a");
  EXPECT_EQ(net.Find("A"), kNone);
  EXPECT_EQ(net.Find(""), kNone);
}

TEST(Net, CompactDropsWhatNothingMentionsAndKeepsTheOrder) {
  Net net = Parse();
  ASSERT_EQ(net.blobs.size(), 6u);
  net.AddBlob("spare", {DType::kF32, {1}});
  net.ops.erase(net.ops.begin() + 1);
  net.Compact();
  std::vector<std::string> names;
  for (const Blob& blob : net.blobs) names.push_back(blob.name);
  EXPECT_EQ(names, (std::vector<std::string>{"x", "w", "a", "b", "w.out"}));
  std::string expected = kText;
  const std::string dead = "unread f32[2] = Square(a) @dead\n";
  expected.erase(expected.find(dead), dead.size());
  EXPECT_EQ(ToText(net), expected);
}

TEST(Uses, ProducersReadersAndRoots) {
  const Net net = Parse();
  const Uses uses(net);
  const BlobId x = net.Find("x"), a = net.Find("a"), b = net.Find("b"), w = net.Find("w");
  EXPECT_EQ(uses.producer[x], kNone);
  EXPECT_EQ(uses.producer[w], kNone);
  EXPECT_EQ(uses.producer[b], 2);
  ASSERT_EQ(uses.readers[x].size(), 2u);  // both inputs of one operator
  EXPECT_EQ(uses.readers[x][0].op, 0);
  EXPECT_EQ(uses.readers[x][0].input, 0);
  EXPECT_EQ(uses.readers[x][1].input, 1);
  ASSERT_EQ(uses.readers[a].size(), 2u);
  EXPECT_EQ(uses.readers[a][0].op, 1);
  EXPECT_EQ(uses.readers[a][1].op, 2);
  EXPECT_TRUE(uses.readers[net.Find("unread")].empty());
  EXPECT_FALSE(uses.SingleUse(a));
  EXPECT_FALSE(uses.SingleUse(b)) << "an output of the net";
  EXPECT_TRUE(uses.SingleUse(w));
  EXPECT_TRUE(uses.is_root[net.Find("w.out")]);
  EXPECT_FALSE(uses.is_root[w]);
}

TEST(Op, Attributes) {
  Op op;
  op.type = "Tagged";
  op.name = "t";
  op.attrs = {{"i", int64_t{3}},
              {"f", 0.5f},
              {"s", std::string("gelu")},
              {"l", std::vector<int64_t>{1, 2}}};
  EXPECT_EQ(op.Int("i"), 3);
  EXPECT_EQ(op.Float("f"), 0.5f);
  EXPECT_EQ(op.Str("s"), "gelu");
  EXPECT_EQ(op.Ints("l"), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(op.Describe(), "Tagged 't'");
}

TEST(OpDeathTest, MissingAttributesAndOtherKindsAbort) {
  Op op;
  op.attrs = {{"i", int64_t{3}}};
  EXPECT_DEATH(op.Int("missing"), "CHECK failed");
  EXPECT_DEATH(op.Float("i"), "CHECK failed");
}

}  // namespace
}  // namespace graph
