#include "graph/schema/builder.h"

#include "absl/strings/match.h"
#include "graph/ir/text.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_ops.h"

namespace graph {
namespace {

const TensorType kX{DType::kF32, {4}};

bool Says(const absl::Status& status, const std::string& part) {
  return absl::StrContains(status.message(), part);
}

TEST(NetBuilder, BuildsWhatTheTextSays) {
  NetBuilder b(&ToyRegistry(), "n");
  const BlobId x = b.Input("x", kX);
  const BlobId w = b.State("w", kX);
  const BlobId a = b.Op("Add", "add", {x, w});
  const std::vector<BlobId> pair = b.OpN("SumDiff", "pair", {a, w});
  const BlobId half = b.Op("Scale", "half", {pair[1]}, {{"factor", 0.5f}});
  b.SetExit(w, b.Op("Add", "update", {w, half}));
  b.Output(b.Op("Scale", "same", {a}));
  EXPECT_EQ(b.type(half), kX);
  const absl::StatusOr<Net> net = b.Finish();
  ASSERT_TRUE(net.ok()) << net.status();
  EXPECT_EQ(ToText(*net),
            "net n\n"
            "input x f32[4]\n"
            "state w f32[4] -> w.out\n"
            "add:y f32[4] = Add(x, w) @add\n"
            "pair:sum f32[4], pair:diff f32[4] = SumDiff(add:y, w) @pair\n"
            "half:y f32[4] = Scale(pair:diff) factor=0.5 @half\n"
            "w.out f32[4] = Add(w, half:y) @update\n"
            "same:y f32[4] = Scale(add:y) factor=1.0 @same\n"
            "output same:y\n");
}

TEST(NetBuilder, OutputNamesAreMadeUnique) {
  NetBuilder b(&ToyRegistry(), "n");
  const BlobId x = b.Input("a:y~2", kX);
  for (int i = 0; i < 3; ++i) b.Op("Scale", "a", {x});
  const absl::StatusOr<Net> net = b.Finish();
  ASSERT_TRUE(net.ok()) << net.status();
  EXPECT_EQ(net->blob(net->ops[0].outputs[0]).name, "a:y");
  EXPECT_EQ(net->blob(net->ops[1].outputs[0]).name, "a:y~3");
  EXPECT_EQ(net->blob(net->ops[2].outputs[0]).name, "a:y~4");
}

TEST(NetBuilder, NamesOfOperatorsAreMadeUnique) {
  NetBuilder first(&ToyRegistry(), "n");
  const BlobId x = first.Input("x", kX);
  first.Op("Scale", "a~2", {x});
  for (int i = 0; i < 2; ++i) first.Op("Scale", "a", {x});
  NetBuilder again(&ToyRegistry(), first.Finish().value());
  again.Op("Scale", "a", {x});
  const absl::StatusOr<Net> net = again.Finish();
  ASSERT_TRUE(net.ok()) << net.status();
  std::vector<std::string> names, parts;
  for (const Op& op : net->ops) {
    names.push_back(op.name);
    parts.push_back(op.part);
  }
  EXPECT_EQ(names, std::vector<std::string>({"a~2", "a", "a~3", "a~4"}));
  EXPECT_EQ(parts, std::vector<std::string>({"a~2", "a", "a", "a"}));
}

TEST(NetBuilder, ScopesSayPhaseAndPart) {
  NetBuilder b(&ToyRegistry(), "n");
  BlobId x = b.Input("x", kX);
  const auto add = [&](const char* name) { x = b.Op("Scale", name, {x}); };
  add("one");
  {
    const NetBuilder::Scope backward(&b, Phase::kBackward, "blocks.0");
    add("two");
    {
      const NetBuilder::Scope update(&b, Phase::kUpdate);
      add("three");
      const NetBuilder::Scope whole(&b, Phase::kUpdate, "");
      add("four");
    }
    x = b.net().ops[1].outputs[0];
    add("five");
  }
  x = b.net().ops[0].outputs[0];
  add("six");
  const absl::StatusOr<Net> net = b.Finish();
  ASSERT_TRUE(net.ok()) << net.status();
  const std::pair<Phase, std::string> wanted[] = {
      {Phase::kForward, "one"}, {Phase::kBackward, "blocks.0"}, {Phase::kUpdate, "three"},
      {Phase::kUpdate, ""},     {Phase::kBackward, "blocks.0"}, {Phase::kForward, "six"}};
  for (size_t i = 0; i < net->ops.size(); ++i) {
    EXPECT_EQ(net->ops[i].phase, wanted[i].first) << net->ops[i].name;
    EXPECT_EQ(net->ops[i].part, wanted[i].second) << net->ops[i].name;
  }
}

TEST(NetBuilder, TheFirstErrorSticks) {
  NetBuilder b(&ToyRegistry(), "n");
  const BlobId x = b.Input("x", kX);
  EXPECT_EQ(b.Op("Add", "first", {x}), kNone);
  ASSERT_FALSE(b.status().ok());
  // Every later call does nothing and says so; outputs can still be indexed.
  const size_t blobs = b.net().blobs.size();
  EXPECT_EQ(b.Input("y", kX), kNone);
  EXPECT_EQ(b.State("w", kX), kNone);
  EXPECT_EQ(b.Op("Scale", "second", {kNone}), kNone);
  EXPECT_EQ(b.OpN("SumDiff", "third", {x, x}), std::vector<BlobId>(2, kNone));
  EXPECT_EQ(b.OpN("NoSuchThing", "fourth", {x})[0], kNone);
  b.SetExit(kNone, kNone);
  b.Rename(kNone, "z");
  b.Output(kNone);
  b.Fail(InvalidArgument("late"));
  EXPECT_EQ(b.type(kNone).rank(), 0);
  EXPECT_EQ(b.net().blobs.size(), blobs);
  EXPECT_EQ(b.Finish().status().message(), "Add 'first' has 1 inputs; it takes (a, b)");
}

TEST(NetBuilder, FailKeepsTheFirst) {
  NetBuilder b(&ToyRegistry(), "n");
  b.Fail(InvalidArgument("one"));
  b.Fail(InvalidArgument("two"));
  EXPECT_EQ(b.Finish().status().message(), "one");
}

TEST(NetBuilder, OperatorErrors) {
  const struct {
    const char* type;
    Attrs attrs;
    const char* message;
  } cases[] = {
      {"Adx", {}, "Adx 'o': unknown operator type"},
      {"Square", {}, "Square 'o' has 2 inputs; it takes (x)"},
      {"Add", {{"k", int64_t{1}}}, "Add 'o': unknown attribute 'k'"},
      {"Add", {}, "Add 'o': input 1 (f32[1]) must be of the type of input 0 (f32[4])"},
  };
  for (const auto& c : cases) {
    NetBuilder b(&ToyRegistry(), "n");
    const BlobId x = b.Input("x", kX), y = b.Input("y", {DType::kF32, {1}});
    EXPECT_EQ(b.Op(c.type, "o", {x, y}, c.attrs), kNone);
    EXPECT_EQ(b.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(Says(b.status(), c.message)) << b.status();
  }
}

TEST(NetBuilder, ShapesAreCheckedAsTheyComeIn) {
  const Shape bad[] = {{-1}, {int64_t{1} << 40, int64_t{1} << 40}};
  for (const Shape& shape : bad) {
    const TensorType type{DType::kF32, shape};
    NetBuilder input(&ToyRegistry(), "n");
    EXPECT_EQ(input.Input("x", type), kNone);
    EXPECT_TRUE(Says(input.status(), "net 'n': blob 'x' is " + type.ToString())) << input.status();
    NetBuilder state(&ToyRegistry(), "n");
    EXPECT_EQ(state.State("w", type), kNone);
    EXPECT_TRUE(Says(state.status(), "blob 'w'")) << state.status();
    NetBuilder made(&ToyRegistry(), "n");
    EXPECT_EQ(made.Op("Fill", "f", {},
                      {{"value", 0.0f},
                       {"shape", std::vector<int64_t>(shape.begin(), shape.end())},
                       {"dtype", std::string("f32")}}),
              kNone);
    EXPECT_TRUE(Says(made.status(), "blob 'f:y'")) << made.status();
  }
}

TEST(NetBuilder, InputsHaveNamesOfTheirOwn) {
  NetBuilder b(&ToyRegistry(), "n");
  b.State("x", kX);
  EXPECT_EQ(b.Input("x", kX), kNone);
  EXPECT_TRUE(Says(b.status(), "net 'n' has two blobs named 'x'")) << b.status();
}

TEST(NetBuilder, AskingForAStateAgainReturnsIt) {
  NetBuilder b(&ToyRegistry(), "n");
  const BlobId w = b.State("w", kX);
  EXPECT_EQ(b.State("w", kX), w);
  EXPECT_EQ(b.net().states.size(), 1u);
  EXPECT_EQ(b.State("w", {DType::kF32, {5}}), kNone);
  EXPECT_TRUE(Says(b.status(), "state 'w' of type f32[5] clashes with a blob of type f32[4]"))
      << b.status();
}

TEST(NetBuilder, AStateCannotHaveTheNameOfAnotherBlob) {
  NetBuilder b(&ToyRegistry(), "n");
  b.Input("x", kX);
  EXPECT_EQ(b.State("x", kX), kNone);
  EXPECT_TRUE(Says(b.status(), "state 'x'")) << b.status();
}

TEST(NetBuilder, SetExitRenames) {
  NetBuilder b(&ToyRegistry(), "n");
  const BlobId x = b.Input("x", kX), w = b.State("w", kX);
  const BlobId y = b.Op("Square", "sq", {x});
  b.SetExit(w, y);
  EXPECT_EQ(b.net().blob(y).name, "w.out");
  EXPECT_EQ(b.net().states[0].exit, y);
  // The old name is free again.
  EXPECT_EQ(b.net().blob(b.Op("Square", "sq", {x})).name, "sq:y");
  EXPECT_TRUE(b.Finish().ok());
}

TEST(NetBuilder, SetExitToTheEntryChangesNothing) {
  NetBuilder b(&ToyRegistry(), "n");
  const BlobId w = b.State("w", kX);
  b.SetExit(w, w);
  EXPECT_EQ(b.net().blob(w).name, "w");
  const absl::StatusOr<Net> net = b.Finish();
  ASSERT_TRUE(net.ok()) << net.status();
  EXPECT_EQ(ToText(*net), "net n\nstate w f32[4]\n");
}

TEST(NetBuilder, SetExitErrors) {
  {
    NetBuilder b(&ToyRegistry(), "n");
    const BlobId x = b.Input("x", kX);
    b.SetExit(x, b.Op("Square", "sq", {x}));
    EXPECT_TRUE(Says(b.status(), "'x' is not a state")) << b.status();
  }
  {
    NetBuilder b(&ToyRegistry(), "n");
    const BlobId x = b.Input("x", kX), w = b.State("w", kX);
    b.SetExit(w, b.Op("Square", "one", {x}));
    b.SetExit(w, b.Op("Square", "two", {x}));
    EXPECT_TRUE(Says(b.status(), "two blobs named 'w.out'")) << b.status();
  }
  {
    NetBuilder b(&ToyRegistry(), "n");
    const BlobId x = b.Input("x", kX), w = b.State("w", kX), v = b.State("v", kX);
    const BlobId y = b.Op("Square", "sq", {x});
    b.SetExit(w, y);
    b.SetExit(v, y);
    EXPECT_TRUE(Says(b.Finish().status(), "state 'w' must end as 'w.out'"));
  }
}

// A bug of the caller, reported and not followed.
TEST(NetBuilder, BlobsThatWereNeverMadeAreInternalErrors) {
  for (BlobId bad : {kNone, BlobId{5}}) {
    for (int what = 0; what < 5; ++what) {
      NetBuilder b(&ToyRegistry(), "n");
      const BlobId w = b.State("w", kX);
      if (what == 0) b.SetExit(bad, w);
      if (what == 1) b.SetExit(w, bad);
      if (what == 2) b.Rename(bad, "z");
      if (what == 3) b.Output(bad);
      if (what == 4) b.Op("Square", "sq", {bad});
      EXPECT_EQ(b.status().code(), absl::StatusCode::kInternal) << what;
      EXPECT_TRUE(Says(b.Finish().status(), "never made")) << b.status();
    }
  }
}

TEST(NetBuilder, Rename) {
  NetBuilder b(&ToyRegistry(), "n");
  const BlobId x = b.Input("x", kX);
  const BlobId y = b.Op("Square", "sq", {x});
  b.Rename(y, "z");
  b.Rename(y, "z");
  EXPECT_TRUE(b.status().ok());
  EXPECT_EQ(b.net().blob(y).name, "z");
  b.Rename(y, "x");
  EXPECT_TRUE(Says(b.status(), "two blobs named 'x'")) << b.status();
}

TEST(NetBuilder, FinishVerifies) {
  NetBuilder b(&ToyRegistry(), "n");
  b.Input("a name", kX);
  EXPECT_TRUE(Says(b.Finish().status(), "net 'n': 'a name' cannot name a blob"));
  NetBuilder state(&ToyRegistry(), "n");
  const BlobId w = state.State("w", kX);
  state.SetExit(w, state.Op("Square", "sq", {w}));
  EXPECT_TRUE(Says(state.Finish().status(), "Square 'sq' reads state 'w'"));
}

TEST(NetBuilder, FinishLeavesAnEmptyBuilder) {
  NetBuilder b(&ToyRegistry(), "n");
  b.Output(b.Input("x", kX));
  ASSERT_TRUE(b.Finish().ok());
  EXPECT_TRUE(b.net().blobs.empty());
  EXPECT_TRUE(b.net().outputs.empty());
}

TEST(NetBuilder, ContinuesAFinishedNet) {
  const Net start = ParseText("net n\ninput x f32[4]\nsq:y f32[4] = Square(x) @sq\n").value();
  NetBuilder b(&ToyRegistry(), start);
  const BlobId y = b.net().Find("sq:y");
  b.Output(b.Op("Square", "sq", {y}));
  const absl::StatusOr<Net> net = b.Finish();
  ASSERT_TRUE(net.ok()) << net.status();
  EXPECT_EQ(ToText(*net),
            "net n\ninput x f32[4]\nsq:y f32[4] = Square(x) @sq\n"
            "sq:y~2 f32[4] = Square(sq:y) @sq~2 part=sq\noutput sq:y~2\n");
}

}  // namespace
}  // namespace graph
