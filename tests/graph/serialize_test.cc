#include "graph/ir/serialize.h"

#include <cstring>

#include "absl/strings/match.h"
#include "graph/ir/text.h"
#include "graph/ir/verify.h"
#include "gtest/gtest.h"
#include "tests/graph/random_net.h"
#include "tests/graph/toy_ops.h"

namespace graph {
namespace {

constexpr char kText[] =
    "net train\n"
    "input x f32[2]\n"
    "state w f32[2] -> w.out\n"
    "state r f32[2]\n"
    "a f32[2] = Add(x, r) @add\n"
    "b f32[2] = Scale(a) factor=0.5 in_place=[0:0] @scale\n"
    "w.out f32[2] = Add(w, b) @update\n"
    "c f32[2] = Tagged(w.out) count=-3 dims=[4,5] label=\"l\" rate=0.25 @tag\n"
    "d f32[2] = Weighted(r) weights=[0.5,0.1] @weigh\n"
    "output c\n";

Net Parse(const std::string& text) { return ParseText(text).value(); }

// A message as protobuf writes it, read by hand so that field numbers and wire
// types are checked against Caffe2's, not against our own .proto.
struct Field {
  int number;
  int wire;
  uint64_t value = 0;   // varint, or the bits of a float
  std::string bytes{};  // strings and messages
};

uint64_t Varint(const std::string& bytes, size_t* at) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    CHECK(*at < bytes.size() && shift < 64);
    const uint8_t b = static_cast<uint8_t>(bytes[(*at)++]);
    value |= uint64_t{b & 0x7fu} << shift;
    if (b < 0x80) return value;
  }
}

std::vector<Field> Fields(const std::string& bytes) {
  std::vector<Field> fields;
  for (size_t at = 0; at < bytes.size();) {
    const uint64_t tag = Varint(bytes, &at);
    Field field{static_cast<int>(tag >> 3), static_cast<int>(tag & 7)};
    if (field.wire == 0) {
      field.value = Varint(bytes, &at);
    } else if (field.wire == 5) {
      uint32_t bits;
      CHECK(at + 4 <= bytes.size());
      std::memcpy(&bits, &bytes[at], 4);
      field.value = bits;
      at += 4;
    } else {
      CHECK(field.wire == 2);
      const size_t size = Varint(bytes, &at);
      CHECK(size <= bytes.size() - at);
      field.bytes = bytes.substr(at, size);
      at += size;
    }
    fields.push_back(std::move(field));
  }
  return fields;
}

std::vector<std::string> Strings(const std::vector<Field>& fields, int number) {
  std::vector<std::string> strings;
  for (const Field& f : fields) {
    if (f.number == number && f.wire == 2) strings.push_back(f.bytes);
  }
  return strings;
}

using Names = std::vector<std::string>;

TEST(Serialize, FieldNumbersAreCaffe2s) {
  const std::vector<Field> net = Fields(ToNetDefBytes(Parse(kText)));
  EXPECT_EQ(Strings(net, 1), Names({"train"}));
  EXPECT_EQ(Strings(net, 3), Names({"simple"}));
  EXPECT_EQ(Strings(net, 7), Names({"x", "w", "r"}));
  EXPECT_EQ(Strings(net, 8), Names({"c", "w"}));
  for (const Field& f : net) EXPECT_TRUE(f.number <= 3 || (f.number >= 6 && f.number <= 8));

  const Names ops = Strings(net, 2);
  ASSERT_EQ(ops.size(), 5u);
  const std::vector<Field> scale = Fields(ops[1]);
  EXPECT_EQ(Strings(scale, 1), Names({"a"}));
  EXPECT_EQ(Strings(scale, 2), Names({"b"}));
  EXPECT_EQ(Strings(scale, 3), Names({"scale"}));
  EXPECT_EQ(Strings(scale, 4), Names({"Scale"}));
  ASSERT_EQ(Strings(scale, 5).size(), 2u);  // factor, in_place

  std::map<std::string, std::vector<Field>> args;
  for (const Names& from :
       {Strings(scale, 5), Strings(Fields(ops[3]), 5), Strings(Fields(ops[4]), 5)}) {
    for (const std::string& arg : from) args[Strings(Fields(arg), 1)[0]] = Fields(arg);
  }
  const auto values = [&](const std::string& arg, int number, int wire) {
    std::vector<uint64_t> found;
    for (const Field& f : args.at(arg)) {
      if (f.number == 1) continue;
      EXPECT_EQ(f.number, number) << arg;
      EXPECT_EQ(f.wire, wire) << arg;
      found.push_back(f.value);
    }
    return found;
  };
  const auto bits = [](float value) {
    uint32_t as_integer;
    std::memcpy(&as_integer, &value, 4);
    return uint64_t{as_integer};
  };
  EXPECT_EQ(values("factor", 2, 5), std::vector<uint64_t>({bits(0.5f)}));
  EXPECT_EQ(values("weights", 5, 5), std::vector<uint64_t>({bits(0.5f), bits(0.1f)}));
  EXPECT_EQ(values("count", 3, 0), std::vector<uint64_t>({static_cast<uint64_t>(-3)}));
  EXPECT_EQ(values("label", 4, 2).size(), 1u);
  EXPECT_EQ(values("dims", 6, 0), std::vector<uint64_t>({4, 5}));
  EXPECT_EQ(values("in_place", 6, 0), std::vector<uint64_t>({0, 0}));
}

TEST(Serialize, AnExitHasTheNameOfItsState) {
  const std::vector<Field> net = Fields(ToNetDefBytes(Parse(kText)));
  const Names ops = Strings(net, 2);
  const std::vector<Field> update = Fields(ops[2]);
  EXPECT_EQ(Strings(update, 1), Names({"w", "b", "w"})) << "Netron takes no first input";
  EXPECT_EQ(Strings(update, 2), Names({"w"}));
  EXPECT_EQ(Strings(Fields(ops[3]), 1), Names({"w"})) << "a reader of the new value";
}

// A state that is never more than a first input is named once more, by one
// operator only; one that is elsewhere is not.
TEST(Serialize, StatesThatAreFirstInputsOnlyAreRepeated) {
  const Net net = Parse(
      "net n\nstate s f32[2]\nstate t f32[2]\n"
      "a f32[2] = Scale(s) factor=2.0 @one\nb f32[2] = Scale(s) factor=3.0 @two\n"
      "c f32[2] = Add(t, b) @three\nd f32[2] = Add(c, t) @four\noutput d\n");
  const Names ops = Strings(Fields(ToNetDefBytes(net)), 2);
  ASSERT_EQ(ops.size(), 4u);
  EXPECT_EQ(Strings(Fields(ops[0]), 1), Names({"s", "s"}));
  EXPECT_EQ(Strings(Fields(ops[1]), 1), Names({"s"}));
  EXPECT_EQ(Strings(Fields(ops[2]), 1), Names({"t", "b"}));
  EXPECT_EQ(Strings(Fields(ops[3]), 1), Names({"c", "t"}));
  const absl::StatusOr<Net> again = FromNetDefBytes(ToNetDefBytes(net));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(Difference(net, *again), "");
}

TEST(Serialize, MoreRepeatedInputsThanInputsIsAnError) {
  std::string text = ToNetDefText(Parse(kText));
  const std::string argument = "name: \"repeated_inputs\"\n    i: ";
  const size_t at = text.find(argument);
  ASSERT_NE(at, std::string::npos);
  for (const std::string count : {"9", "-"}) {
    std::string bad = text;
    bad.insert(at + argument.size(), count);
    const absl::StatusOr<Net> net = FromNetDefText(bad);
    ASSERT_FALSE(net.ok());
    EXPECT_TRUE(absl::StrContains(net.status().message(), "operator 'update' cannot repeat "))
        << net.status();
  }
}

// Written only where they are not as usual, so that a NetDef from before there were any
// reads as one without them.
TEST(Serialize, PartsAndPhases) {
  Net net = Parse(kText);
  EXPECT_FALSE(absl::StrContains(ToNetDefText(net), "phase"));
  net.ops[1].part = "guide/blocks.0.fc";
  net.ops[1].phase = Phase::kBackward;
  net.ops[1].recomputed = true;
  net.ops[2].part = "";
  net.ops[2].phase = Phase::kUpdate;
  net.ops[3].phase = Phase::kCommunicate;
  const std::string text = ToNetDefText(net);
  const Net again = FromNetDefText(text).value();
  EXPECT_EQ(Difference(net, again), "");
  EXPECT_EQ(Difference(net, FromNetDefBytes(ToNetDefBytes(net)).value()), "");
  EXPECT_EQ(again.ops[0].part, "add");
  EXPECT_EQ(again.ops[0].phase, Phase::kForward);
  EXPECT_EQ(again.ops[2].part, "");
  EXPECT_TRUE(absl::StrContains(text, "    name: \"phase\"\n    s: \"backward\"\n")) << text;

  std::string bad = text;
  bad.replace(bad.find("\"backward\""), 10, "\"late\"");
  EXPECT_EQ(FromNetDefText(bad).status().message(),
            "NetDef 'train': operator 'scale' has the unknown phase 'late'");
}

TEST(Serialize, TextFormatReadsLikeCaffe2s) {
  const std::string text = ToNetDefText(Parse(kText));
  EXPECT_TRUE(absl::StrContains(text,
                                "op {\n  input: \"a\"\n  output: \"b\"\n  name: \"scale\"\n"
                                "  type: \"Scale\"\n  arg {\n    name: \"factor\"\n"))
      << text;
}

TEST(Serialize, RandomNetsComeBackExactly) {
  for (uint64_t seed = 0; seed < 150; ++seed) {
    const Net net = RandomNet(seed);
    const absl::StatusOr<Net> binary = FromNetDefBytes(ToNetDefBytes(net));
    ASSERT_TRUE(binary.ok()) << binary.status() << "\n" << ToText(net);
    ASSERT_EQ(Difference(net, *binary), "") << ToText(net);
    ASSERT_EQ(ToText(*binary), ToText(net));
    const absl::StatusOr<Net> text = FromNetDefText(ToNetDefText(net));
    ASSERT_TRUE(text.ok()) << text.status() << "\n" << ToText(net);
    ASSERT_EQ(Difference(net, *text), "") << ToText(net);
    ASSERT_TRUE(Verify(*text, ToyRegistry()).ok()) << Verify(*text, ToyRegistry());
  }
}

TEST(Serialize, BlobIdsComeBack) {
  Net net = Parse(kText);
  std::swap(net.blobs[0], net.blobs[1]);  // ids that no order of statements gives
  for (Op& op : net.ops) {
    for (BlobId& b : op.inputs) b = b < 2 ? 1 - b : b;
  }
  net.inputs[0] = 1;
  net.states[0].entry = 0;
  ASSERT_TRUE(Verify(net, ToyRegistry()).ok()) << Verify(net, ToyRegistry());
  const Net back = FromNetDefBytes(ToNetDefBytes(net)).value();
  ASSERT_EQ(back.blobs.size(), net.blobs.size());
  for (size_t i = 0; i < net.blobs.size(); ++i) EXPECT_EQ(back.blobs[i].name, net.blobs[i].name);
  EXPECT_EQ(back.inputs, net.inputs);
}

// Nets to mutate, in one of the two forms.
template <typename Form>
std::vector<std::string> Originals(const Form& form) {
  std::vector<std::string> originals(20, form(Parse(kText)));
  for (uint64_t seed = 0; seed < 20; ++seed) originals.push_back(form(RandomNet(seed)));
  return originals;
}

TEST(Serialize, MutatedBytesNeverCrash) {
  const std::vector<std::string> originals = Originals(ToNetDefBytes);
  int read = 0;
  for (uint64_t seed = 0; seed < 6000; ++seed) {
    const absl::StatusOr<Net> back =
        FromNetDefBytes(Mutate(originals[seed % originals.size()], seed));
    if (!back.ok()) continue;
    ++read;
    // Well-formed: it can be verified and printed.
    (void)Verify(*back, ToyRegistry());
    (void)ToText(*back);
    (void)ToNetDefBytes(*back);
  }
  EXPECT_GT(read, 50);
}

TEST(Serialize, MutatedTextsNeverCrash) {
  const std::vector<std::string> originals = Originals(ToNetDefText);
  int read = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    const absl::StatusOr<Net> back =
        FromNetDefText(Mutate(originals[seed % originals.size()], seed));
    if (!back.ok()) continue;
    ++read;
    (void)Verify(*back, ToyRegistry());
    (void)ToText(*back);
  }
  EXPECT_GT(read, 10);
}

// The text format of kText with `from` replaced by `to`.
absl::StatusOr<Net> Edited(const std::string& from, const std::string& to) {
  std::string text = ToNetDefText(Parse(kText));
  const size_t at = text.find(from);
  CHECK(at != std::string::npos);
  return FromNetDefText(text.replace(at, from.size(), to));
}

TEST(Serialize, ErrorsNameTheThing) {
  const struct {
    const char* from;
    const char* to;
    const char* message;
  } cases[] = {
      {"name: \"train\"", "name: train", "not a NetDef in text format: line 1, column 7"},
      {"name: \"blobs\"", "name: \"blobz\"", "argument 'blobs' is missing"},
      {"name: \"inputs\"", "name: \"inputz\"", "argument 'inputs' is missing"},
      {"name: \"states\"", "name: \"statez\"", "argument 'states' is missing"},
      {"name: \"outputs\"", "name: \"outputz\"", "argument 'outputs' is missing"},
      {"\"f32 x\"", "\"f33 x\"", "blob entry 'f33 x' is not 'TYPE NAME'"},
      {"\"f32 x\"", "\"x\"", "blob entry 'x' is not 'TYPE NAME'"},
      {"name: \"blobs\"\n  ints: 1", "name: \"blobs\"\n  ints: 99",
       "argument 'blobs' is too short"},
      {"name: \"blobs\"\n  ints: 1", "name: \"blobs\"\n  ints: -1",
       "argument 'blobs' is too short"},
      {"name: \"blobs\"\n  ints: 1\n  ints: 2", "name: \"blobs\"\n  ints: 1\n  ints: -2",
       "blob entry 'f32 x' has an impossible shape"},
      {"name: \"inputs\"\n  ints: 0", "name: \"inputs\"\n  ints: 77",
       "argument 'inputs' names blob 77, which does not exist"},
      {"name: \"inputs\"\n  ints: 0", "name: \"inputs\"\n  ints: -1", "names blob -1"},
      {"name: \"states\"\n  ints: 1\n", "name: \"states\"\n", "holds half a pair"},
      {"input: \"a\"", "input: \"zz\"", "operator 'scale' reads unknown 'zz'"},
      {"output: \"a\"", "output: \"zz\"", "operator 'add' writes unknown 'zz'"},
      {"output: \"a\"", "output: \"w\"", "state 'w' is written twice"},
      {"name: \"in_place\"\n    ints: 0\n", "name: \"in_place\"\n", "half a pair"},
      {"name: \"in_place\"\n    ints: 0", "name: \"in_place\"\n    ints: 4294967296",
       "operator 'scale' has an impossible in-place pair 4294967296:0"},
      {"name: \"dims\"", "name: \"count\"", "operator 'tag' has argument 'count' twice"},
      {"f: 0.5", "f: 0.5 i: 3", "operator 'scale': argument 'factor' is not one"},
      {"f: 0.5", "floats: 0.5 ints: 3", "operator 'scale': argument 'factor' is not one"},
      {"f: 0.5", "strings: \"half\"", "operator 'scale': argument 'factor' is not one"},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<Net> net = Edited(c.from, c.to);
    ASSERT_FALSE(net.ok()) << c.to;
    EXPECT_EQ(net.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(absl::StrContains(net.status().message(), c.message))
        << net.status() << "\nnot: " << c.message;
  }
}

TEST(Serialize, RubbishIsAnError) {
  EXPECT_FALSE(FromNetDefBytes("").ok());
  EXPECT_FALSE(FromNetDefBytes("rubbish").ok());
  EXPECT_FALSE(FromNetDefText("").ok());
  EXPECT_FALSE(FromNetDefText("rubbish").ok());
}

}  // namespace
}  // namespace graph
