#include "graph/ir/verify.h"

#include "absl/strings/match.h"
#include "graph/base/random.h"
#include "graph/ir/text.h"
#include "gtest/gtest.h"
#include "tests/graph/random_net.h"
#include "tests/graph/toy_ops.h"

namespace graph {
namespace {

constexpr char kGood[] =
    "net n\n"
    "input x f32[4]\n"
    "state w f32[4] -> w.out\n"
    "state r f32[4]\n"
    "a f32[4] = Add(x, w) @add\n"
    "b f32[4] = Scale(a) factor=2.0 in_place=[0:0] @scale\n"
    "s f32[4], d f32[4] = SumDiff(b, r) @pair\n"
    "w.out f32[4] = Add(w, s) @update\n"
    "output d\n";

Net Good() { return ParseText(kGood).value(); }

void ExpectBad(const Net& net, std::vector<std::string> parts) {
  const absl::Status status = Verify(net, ToyRegistry());
  ASSERT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  parts.push_back("net '" + net.name + "'");
  for (const std::string& part : parts) {
    EXPECT_TRUE(absl::StrContains(status.message(), part)) << status.message() << "\nno: " << part;
  }
}

void ExpectBad(const std::string& text, std::vector<std::string> parts) {
  const absl::StatusOr<Net> net = ParseText(text);
  ASSERT_TRUE(net.ok()) << net.status();
  ExpectBad(*net, std::move(parts));
}

TEST(Verify, Good) { EXPECT_TRUE(Verify(Good(), ToyRegistry()).ok()); }

TEST(Verify, EmptyNet) { EXPECT_TRUE(Verify(ParseText("net n").value(), ToyRegistry()).ok()); }

TEST(Verify, ValidNames) {
  for (const char* name : {"a", "blocks.0.norm1:y~2", "grad/x", "_", "-", "@", "0"}) {
    EXPECT_TRUE(IsValidName(name)) << name;
  }
  for (const char* name : {"", " ", "a b", "a,b", "a=b", "a#", "(", "\"", "a\n", "\xc3\xa4", ">"}) {
    EXPECT_FALSE(IsValidName(name)) << name;
  }
  EXPECT_FALSE(IsValidName(absl::string_view("a\0b", 3)));
}

TEST(Verify, NameOfTheNet) {
  Net net = Good();
  net.name = "a net";
  ExpectBad(net, {"the net's name"});
  net.name = "";
  ExpectBad(net, {"the net's name"});
}

TEST(Verify, NamesOfBlobs) {
  Net net = Good();
  net.blobs[net.Find("a")].name = "a b";
  ExpectBad(net, {"'a b' cannot name a blob"});
  net = Good();
  net.blobs[net.Find("a")].name = "";
  ExpectBad(net, {"'' cannot name a blob"});
  net = Good();
  net.blobs[net.Find("a")].name = "x";
  ExpectBad(net, {"two blobs are named 'x'"});
}

TEST(Verify, NamesOfOperators) {
  Net net = Good();
  net.ops[0].name = "";
  ExpectBad(net, {"operator of type Add", "''"});
  net.ops[0].name = "a\nb";
  ExpectBad(net, {"operator of type Add", "'a\nb'"});
}

TEST(Verify, OperatorsHaveNamesOfTheirOwn) {
  Net net = Good();
  net.ops[2].name = "add";
  ExpectBad(net, {"SumDiff 'add' has the name of Add 'add'"});
}

TEST(Verify, Parts) {
  for (const Phase phase : {Phase::kForward, Phase::kBackward}) {
    Net net = Good();
    net.ops[3].part = "";
    net.ops[3].phase = phase;
    ExpectBad(net, {"Add 'update' runs in the ", std::string(PhaseName(phase)),
                    " phase and belongs to no part of the model"});
  }
  for (const Phase phase : {Phase::kUpdate, Phase::kCommunicate}) {
    Net net = Good();
    net.ops[3].part = "";
    net.ops[3].phase = phase;
    EXPECT_TRUE(Verify(net, ToyRegistry()).ok()) << Verify(net, ToyRegistry());
  }
  Net net = Good();
  net.ops[3].part = "blocks..0";
  ExpectBad(net, {"Add 'update' has the unusable part 'blocks..0'"});
}

TEST(Verify, PhasesFollowOneAnotherAlongTheData) {
  // Of the operator that makes 'b', and of the one that reads it.
  const auto with = [](Phase scale, Phase pair) {
    Net net = Good();
    net.ops[1].phase = scale;
    net.ops[2].phase = pair;
    net.ops[3].phase = Phase::kUpdate;
    return net;
  };
  const Phase ordered[] = {Phase::kForward, Phase::kBackward, Phase::kUpdate};
  for (const Phase before : ordered) {
    for (const Phase after : ordered) {
      const Net net = with(before, after);
      if (before <= after) {
        EXPECT_TRUE(Verify(net, ToyRegistry()).ok()) << Verify(net, ToyRegistry());
        continue;
      }
      ExpectBad(net, {absl::StrCat("SumDiff 'pair' of the ", PhaseName(after),
                                   " phase reads 'b', which Scale 'scale' makes in the ",
                                   PhaseName(before), " phase")});
    }
    // Communication may stand anywhere.
    for (const Net& net : {with(Phase::kCommunicate, before), with(before, Phase::kCommunicate)}) {
      EXPECT_TRUE(Verify(net, ToyRegistry()).ok()) << Verify(net, ToyRegistry());
    }
  }
}

TEST(Verify, Shapes) {
  Net net = Good();
  net.blobs[net.Find("a")].type.shape = {2, -2};
  ExpectBad(net, {"'a'", "f32[2,-2]"});
  net.blobs[net.Find("a")].type.shape = {int64_t{1} << 40, int64_t{1} << 40};
  ExpectBad(net, {"'a'", "too large"});
}

TEST(Verify, IdsInRange) {
  for (BlobId bad : {kNone, BlobId{-7}, BlobId{1000}}) {
    Net net = Good();
    net.ops[1].inputs[0] = bad;
    ExpectBad(net, {"Scale 'scale' reads a blob that does not exist"});
    net = Good();
    net.ops[2].outputs[1] = bad;
    ExpectBad(net, {"SumDiff 'pair' writes a blob that does not exist"});
    net = Good();
    net.inputs[0] = bad;
    ExpectBad(net, {"an input does not exist"});
    net = Good();
    net.outputs[0] = bad;
    ExpectBad(net, {"an output does not exist"});
    net = Good();
    net.states[0].entry = bad;
    ExpectBad(net, {"a state does not exist"});
    net = Good();
    net.states[0].exit = bad;
    ExpectBad(net, {"a state does not exist"});
  }
}

TEST(Verify, SingleAssignment) {
  Net net = Good();
  net.ops[2].outputs[0] = net.Find("a");
  ExpectBad(net, {"blob 'a' is assigned again by SumDiff 'pair'"});
  net = Good();
  net.ops[2].outputs[1] = net.ops[2].outputs[0];
  ExpectBad(net, {"blob 's' is assigned again by SumDiff 'pair'"});
  net = Good();
  net.ops[0].outputs[0] = net.Find("x");
  ExpectBad(net, {"blob 'x' is assigned again by Add 'add'"});
  net = Good();
  net.inputs.push_back(net.Find("x"));
  ExpectBad(net, {"blob 'x' is assigned again by an input"});
  net = Good();
  net.states.push_back(net.states[1]);
  ExpectBad(net, {"blob 'r' is assigned again by a state"});
}

TEST(Verify, OutputsAndExitsAreAssigned) {
  Net net = Good();
  net.outputs.push_back(net.AddBlob("nowhere", {DType::kF32, {4}}));
  ExpectBad(net, {"output 'nowhere' is never assigned"});
  net = Good();
  net.ops.pop_back();
  ExpectBad(net, {"state exit 'w.out' is never assigned"});
}

TEST(Verify, OperatorsComeAfterWhatTheyRead) {
  Net net = Good();
  std::swap(net.ops[0], net.ops[1]);
  ExpectBad(net, {"Scale 'scale' reads 'a' before anything writes it"});
  net = Good();
  net.ops[0].inputs[0] = net.ops[0].outputs[0];
  ExpectBad(net, {"Add 'add' reads 'a' before anything writes it"});
}

TEST(Verify, OperatorsMustSatisfyTheirSchema) {
  Net net = Good();
  net.ops[0].type = "Subtract";
  ExpectBad(net, {"Subtract 'add'", "unknown operator type"});
  net = Good();
  net.ops[0].inputs.pop_back();
  ExpectBad(net, {"Add 'add' has 1 inputs; it takes (a, b)"});
  net = Good();
  net.ops[1].attrs.clear();
  ExpectBad(net, {"Scale 'scale': attributes are missing"});
  net = Good();
  net.ops[1].attrs["power"] = 1.0f;
  ExpectBad(net, {"Scale 'scale': unknown attribute 'power'"});
  net = Good();
  net.ops[1].attrs["factor"] = int64_t{2};
  ExpectBad(net, {"Scale 'scale': attribute 'factor' must be a float, not an integer"});
}

TEST(Verify, NumberOfOutputs) {
  Net net = Good();
  net.ops[2].outputs.pop_back();
  net.outputs.clear();
  ExpectBad(net, {"SumDiff 'pair' has 1 outputs; its schema makes 2"});
}

TEST(Verify, TypesAreTheInferredOnes) {
  Net net = Good();
  net.blobs[net.Find("d")].type.shape = {2, 2};
  ExpectBad(net, {"SumDiff 'pair': output 'd' is f32[2,2] but inference says f32[4]"});
  net.blobs[net.Find("d")].type = {DType::kI32, {4}};
  ExpectBad(net, {"SumDiff 'pair': output 'd' is i32[4] but inference says f32[4]"});
}

TEST(Verify, NanAttributesAreComplete) {
  const Net net =
      ParseText("net n\ninput x f32[1]\ny f32[1] = Scale(x) factor=nan @s\noutput y").value();
  EXPECT_TRUE(Verify(net, ToyRegistry()).ok()) << Verify(net, ToyRegistry());
}

TEST(Verify, ExitIsNamedAfterItsEntry) {
  Net net = Good();
  net.blobs[net.states[0].exit].name = "v.out";
  ExpectBad(net, {"state 'w' must end as 'w.out', not 'v.out'"});
}

TEST(Verify, ExitHasTheTypeOfItsEntry) {
  ExpectBad("net n\nstate w f32[4] -> w.out\nw.out f32[1] = Sum(w) @sum\n",
            {"state 'w' enters as f32[4] and leaves as f32[1]"});
}

TEST(Verify, ExitIsMadeByAnOperator) {
  ExpectBad("net n\ninput w.out f32[4]\nstate w f32[4] -> w.out\n",
            {"state 'w' leaves with a value that no operator makes"});
}

TEST(Verify, NothingReadsTheEntryAfterTheExitIsWritten) {
  ExpectBad(
      "net n\ninput x f32[4]\nstate w f32[4] -> w.out\n"
      "w.out f32[4] = Scale(x) factor=1.0 @update\n"
      "y f32[4] = Square(w) @late\noutput y\n",
      {"Scale 'update' overwrites state 'w' before Square 'late' reads it"});
}

TEST(Verify, TheWriterOfAnExitWorksInPlaceOrDoesNotReadTheEntry) {
  ExpectBad("net n\nstate w f32[4] -> w.out\nw.out f32[4] = Square(w) @sq\n",
            {"Square 'sq' reads state 'w' and writes it, but cannot work in place"});
  // Every input that is the entry counts.
  ExpectBad(
      "net n\ninput x f32[4]\nstate w f32[4] -> w.out\n"
      "w.out f32[4] = SumN(x, w) @sum\n",
      {"SumN 'sum' reads state 'w'"});
  EXPECT_TRUE(Verify(ParseText("net n\ninput x f32[4]\nstate w f32[4] -> w.out\n"
                               "w.out f32[4] = Square(x) @sq\n")
                         .value(),
                     ToyRegistry())
                  .ok());
}

TEST(Verify, AnOverwrittenEntryIsNoOutput) {
  Net net = Good();
  net.outputs.push_back(net.states[0].entry);
  ExpectBad(net, {"output 'w'", "Add 'update' overwrites", "'w.out'"});
  net.outputs.back() = net.states[0].exit;
  EXPECT_TRUE(Verify(net, ToyRegistry()).ok());
  net.outputs.back() = net.states[1].entry;  // read only
  EXPECT_TRUE(Verify(net, ToyRegistry()).ok());
}

TEST(Verify, InPlacePairsExist) {
  for (const auto& pair : std::vector<std::pair<int, int>>{{1, 0}, {0, 1}, {-1, 0}, {0, -1}}) {
    Net net = Good();
    net.ops[1].in_place = {pair};
    ExpectBad(net, {"Scale 'scale' has an impossible in-place pair " + std::to_string(pair.first) +
                    ":" + std::to_string(pair.second)});
  }
  Net net = Good();
  net.ops[1].in_place = {{0, 0}, {0, 0}};
  ExpectBad(net, {"Scale 'scale' has an impossible in-place pair 0:0"});
}

TEST(Verify, InPlaceIsAllowedByTheSchema) {
  Net net = Good();
  net.ops[2].in_place = {{0, 1}};
  ExpectBad(net, {"SumDiff 'pair' cannot write 'd' over 'b'"});
}

// A schema may allow sharing that only some shapes permit.
class SharesAnything : public OpRules {
 public:
  absl::StatusOr<std::vector<TensorType>> Infer(
      const Op& op, absl::Span<const TensorType> inputs) const override {
    return ToyRegistry().Infer(op, inputs);
  }
  bool MayShare(const Op&, int, int) const override { return true; }
};

TEST(Verify, InPlaceNeedsEqualSizes) {
  const Net net = ParseText(
                      "net n\ninput x f32[4]\na f32[4] = Square(x) @sq\n"
                      "s f32[1] = Sum(a) in_place=[0:0] @sum\noutput s\n")
                      .value();
  const absl::Status status = Verify(net, SharesAnything());
  EXPECT_TRUE(
      absl::StrContains(status.message(), "Sum 'sum': 's' and 'a' share memory but differ in size"))
      << status;
}

TEST(Verify, InPlaceSparesInputsStatesAndOutputs) {
  ExpectBad("net n\ninput x f32[4]\ny f32[4] = Scale(x) factor=1.0 in_place=[0:0] @s\noutput y\n",
            {"Scale 's' overwrites 'x', an input, output or state"});
  ExpectBad("net n\nstate w f32[4]\ny f32[4] = Scale(w) factor=1.0 in_place=[0:0] @s\noutput y\n",
            {"Scale 's' overwrites 'w', an input, output or state"});
  ExpectBad(
      "net n\ninput x f32[4]\na f32[4] = Square(x) @sq\n"
      "y f32[4] = Scale(a) factor=1.0 in_place=[0:0] @s\noutput y\noutput a\n",
      {"Scale 's' overwrites 'a', an input, output or state"});
  // Nor may the result lie in a state's memory and in the arena at once.
  ExpectBad(
      "net n\ninput x f32[4]\nstate w f32[4] -> w.out\na f32[4] = Square(x) @sq\n"
      "w.out f32[4] = Scale(a) factor=1.0 in_place=[0:0] @s\n",
      {"Scale 's' overwrites 'w.out', an input, output or state"});
}

TEST(Verify, InPlaceIsTheLastUse) {
  ExpectBad(
      "net n\ninput x f32[4]\na f32[4] = Square(x) @sq\n"
      "b f32[4] = Scale(a) factor=1.0 in_place=[0:0] @s\n"
      "y f32[4] = Add(a, b) @add\noutput y\n",
      {"Scale 's' overwrites 'a' which Add 'add' still reads"});
  ExpectBad(
      "net n\ninput x f32[4]\na f32[4] = Square(x) @sq\n"
      "y f32[4] = Add(a, a) in_place=[0:0] @add\noutput y\n",
      {"Add 'add' overwrites 'a' which Add 'add' still reads"});
}

// Verify must survive whatever the parsers let through, and more.
TEST(Verify, ScrambledNetsNeverCrash) {
  std::vector<Net> nets;
  for (uint64_t seed = 0; seed < 50; ++seed) nets.push_back(RandomNet(seed));
  int good = 0, bad = 0;
  for (uint64_t seed = 0; seed < 3000; ++seed) {
    Net net = nets[seed % nets.size()];
    RandomStream random(seed, Purpose::kCrop);
    const auto id = [&] {
      return static_cast<BlobId>(random.Below(net.blobs.size() + 2)) - (random.Below(20) == 0);
    };
    const auto scramble = [&](std::vector<BlobId>* ids) {
      if (!ids->empty()) (*ids)[random.Below(ids->size())] = id();
    };
    if (net.ops.empty()) continue;
    Op& op = net.ops[random.Below(net.ops.size())];
    switch (random.Below(6)) {
      case 0:
        scramble(&op.inputs);
        break;
      case 1:
        scramble(&op.outputs);
        break;
      case 2:
        op.in_place.emplace_back(id(), static_cast<int>(random.Below(2)));
        break;
      case 3:
        if (!net.states.empty()) net.states[random.Below(net.states.size())].exit = id();
        break;
      case 4:
        std::swap(op, net.ops[random.Below(net.ops.size())]);
        break;
      default:
        net.outputs.push_back(id());
    }
    ++(Verify(net, ToyRegistry()).ok() ? good : bad);
  }
  EXPECT_GT(good, 300);
  EXPECT_GT(bad, 300);
}

}  // namespace
}  // namespace graph
