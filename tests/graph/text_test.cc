#include "graph/ir/text.h"

#include <cmath>
#include <limits>

#include "absl/strings/match.h"
#include "graph/ir/verify.h"
#include "gtest/gtest.h"
#include "tests/graph/random_net.h"
#include "tests/graph/toy_ops.h"

namespace graph {
namespace {

// The example of text.h, complete.
constexpr char kExample[] =
    "net train\n"
    "input x f32[8,32]\n"
    "state norm.weight f32[32] -> norm.weight.out\n"
    "state norm.bias f32[32]\n"
    "y f32[8,32], mean f32[8], variance f32[8] = LayerNorm(x, norm.weight, norm.bias) eps=1e-06 "
    "@norm\n"
    "z f32[8,32] = Gelu(y) in_place=[0:0] @act\n"
    "norm.weight.out f32[32] = Decay(norm.weight) @decay\n"
    "output z\n";

TEST(Text, Example) {
  const absl::StatusOr<Net> net = ParseText(kExample);
  ASSERT_TRUE(net.ok()) << net.status();
  EXPECT_EQ(net->name, "train");
  ASSERT_EQ(net->inputs.size(), 1u);
  EXPECT_EQ(net->type(net->inputs[0]), (TensorType{DType::kF32, {8, 32}}));
  ASSERT_EQ(net->states.size(), 2u);
  EXPECT_EQ(net->blob(net->states[0].exit).name, "norm.weight.out");
  EXPECT_EQ(net->states[1].exit, net->states[1].entry);
  ASSERT_EQ(net->ops.size(), 3u);
  const Op& norm = net->ops[0];
  EXPECT_EQ(norm.Describe(), "LayerNorm 'norm'");
  EXPECT_EQ(norm.outputs.size(), 3u);
  EXPECT_EQ(norm.inputs,
            (std::vector<BlobId>{net->inputs[0], net->states[0].entry, net->states[1].entry}));
  EXPECT_EQ(norm.Float("eps"), 1e-6f);
  EXPECT_EQ(net->ops[1].in_place, (std::vector<std::pair<int, int>>{{0, 0}}));
  EXPECT_EQ(net->outputs, (std::vector<BlobId>{net->Find("z")}));
  EXPECT_EQ(ToText(*net), kExample);
}

TEST(Text, OneOperator) {
  const Net net = ParseText(kExample).value();
  EXPECT_EQ(OpText(net, net.ops[1]), "z f32[8,32] = Gelu(y) in_place=[0:0] @act");
}

TEST(Text, CommentsBlankLinesAndSpaces) {
  const absl::StatusOr<Net> net = ParseText(
      "# a whole line\n\n"
      "  net   n# after a statement\r\n"
      "\tinput x f32[ 2 , 3 ]\n"
      "y f32[2,3]=Tagged( x )label=\"# is no \\\"comment\\\" #\" dims=[ ] @t # but this is\n"
      "output y");
  ASSERT_TRUE(net.ok()) << net.status();
  EXPECT_EQ(ToText(*net),
            "net n\n"
            "input x f32[2,3]\n"
            "y f32[2,3] = Tagged(x) dims=[] label=\"# is no \\\"comment\\\" #\" @t\n"
            "output y\n");
}

// The attribute 'v' of an operator after its text was parsed.
absl::StatusOr<AttrValue> Value(const std::string& text) {
  absl::StatusOr<Net> net = ParseText("net n\ny f32[1] = T() v=" + text + " @t");
  if (!net.ok()) return net.status();
  return net->ops[0].attrs.at("v");
}

TEST(Text, AttributeKinds) {
  EXPECT_EQ(Value("-7").value(), AttrValue(int64_t{-7}));
  EXPECT_EQ(Value("-9223372036854775808").value(), AttrValue(std::numeric_limits<int64_t>::min()));
  EXPECT_EQ(Value("7.0").value(), AttrValue(7.0f));
  EXPECT_EQ(Value("1e3").value(), AttrValue(1000.0f));
  EXPECT_EQ(Value("-inf").value(), AttrValue(-std::numeric_limits<float>::infinity()));
  EXPECT_TRUE(std::isnan(absl::get<float>(Value("nan").value())));
  EXPECT_TRUE(std::signbit(absl::get<float>(Value("-0.0").value())));
  EXPECT_EQ(absl::get<float>(Value("1e-45").value()), std::numeric_limits<float>::denorm_min());
  EXPECT_EQ(Value("\"a\\\"b\\n\"").value(), AttrValue(std::string("a\"b\n")));
  EXPECT_EQ(Value("\"\"").value(), AttrValue(std::string()));
  EXPECT_EQ(Value("[]").value(), AttrValue(std::vector<int64_t>{}));
  EXPECT_EQ(Value("[3,-1]").value(), AttrValue(std::vector<int64_t>{3, -1}));
  EXPECT_EQ(Value("[ 0.1 , -2.0,1e-45]").value(),
            AttrValue(std::vector<float>{0.1f, -2.0f, std::numeric_limits<float>::denorm_min()}));
}

// Only what is not as usual is printed, after the name.
TEST(Text, PartsAndPhases) {
  const std::string head = "net n\ninput x f32[1]\ny f32[1] = T(x)";
  const struct {
    const char* text;
    const char* part;
    Phase phase;
    bool recomputed;
  } cases[] = {
      {" @a.b", "a.b", Phase::kForward, false},
      {" @t part=/ phase=update", "", Phase::kUpdate, false},
      {" @grad/t part=guide/blocks.0.t phase=backward", "guide/blocks.0.t", Phase::kBackward,
       false},
      {" @t part=a phase=backward recomputed", "a", Phase::kBackward, true},
      {" @t recomputed", "t", Phase::kForward, true},
      {" @t phase=communicate", "t", Phase::kCommunicate, false},
  };
  for (const auto& c : cases) {
    const absl::StatusOr<Net> net = ParseText(head + c.text + "\n");
    ASSERT_TRUE(net.ok()) << net.status();
    const Op& op = net->ops[0];
    EXPECT_EQ(op.part, c.part) << c.text;
    EXPECT_EQ(op.phase, c.phase) << c.text;
    EXPECT_EQ(op.recomputed, c.recomputed) << c.text;
    EXPECT_EQ(ToText(*net), head + c.text + "\n");
  }
  // Before the name they are attributes.
  const Net net = ParseText(head + " part=3 @t").value();
  EXPECT_EQ(net.ops[0].Int("part"), 3);
}

// What Ints() prints as one kind must not come back as another.
TEST(Text, IntegersOutOfRangeAreErrorsNotFloats) {
  for (const char* text : {"9223372036854775808", "-99999999999999999999"}) {
    const absl::StatusOr<AttrValue> value = Value(text);
    ASSERT_FALSE(value.ok()) << text;
    EXPECT_TRUE(absl::StrContains(value.status().message(), text)) << value.status();
  }
}

TEST(Text, KeywordsCanNameBlobs) {
  const std::string text =
      "net net\n"
      "input input f32[2]\n"
      "input f32 f32[2]\n"
      "state state f32[2] -> state.out\n"
      "output f32[2] = Add(input, state) @output\n"
      "state.out f32[2] = Add(state, output) @state\n"
      "output output\n"
      "output f32\n";
  const absl::StatusOr<Net> net = ParseText(text);
  ASSERT_TRUE(net.ok()) << net.status();
  EXPECT_EQ(ToText(*net), text);
}

TEST(Text, RandomNetsComeBackExactly) {
  int in_place = 0, exits = 0, reads = 0;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    const Net net = RandomNet(seed);
    const std::string text = ToText(net);
    const absl::StatusOr<Net> back = ParseText(text);
    ASSERT_TRUE(back.ok()) << back.status() << "\n" << text;
    ASSERT_EQ(Difference(net, *back), "") << text;
    ASSERT_EQ(ToText(*back), text);
    ASSERT_TRUE(Verify(*back, ToyRegistry()).ok()) << Verify(*back, ToyRegistry());
    for (const Op& op : net.ops) in_place += !op.in_place.empty();
    for (const State& s : net.states) ++(s.exit == s.entry ? reads : exits);
  }
  // The nets do have what the test is about.
  EXPECT_GT(in_place, 100);
  EXPECT_GT(exits, 100);
  EXPECT_GT(reads, 100);
}

TEST(Text, MutatedTextsParseExactlyOrFailWithAPlace) {
  std::vector<std::string> texts(20, kExample);
  for (uint64_t seed = 0; seed < 40; ++seed) texts.push_back(ToText(RandomNet(seed)));
  int parsed = 0;
  for (uint64_t seed = 0; seed < 6000; ++seed) {
    const std::string text = Mutate(texts[seed % texts.size()], seed);
    const absl::StatusOr<Net> net = ParseText(text);
    if (!net.ok()) {
      EXPECT_TRUE(absl::StartsWith(net.status().message(), "line ") ||
                  net.status().message() == "a net starts with 'net NAME'")
          << net.status();
      continue;
    }
    ++parsed;
    const std::string printed = ToText(*net);
    const absl::StatusOr<Net> again = ParseText(printed);
    ASSERT_TRUE(again.ok()) << again.status() << "\n" << text << "\n" << printed;
    ASSERT_EQ(Difference(*net, *again), "") << text;
    ASSERT_EQ(ToText(*again), printed);
  }
  EXPECT_GT(parsed, 200);
  EXPECT_LT(parsed, 5800);
}

struct BadText {
  const char* text;
  const char* message;
};

TEST(Text, ErrorsNameLineAndColumn) {
  const BadText cases[] = {
      {"", "a net starts with 'net NAME'"},
      {"# nothing\n", "a net starts with 'net NAME'"},
      {"input x f32[1]\n", "line 1, column 1: a net starts with 'net NAME'"},
      {"net\n", "line 1, column 4: expected the net's name"},
      {"net n m\n", "line 1, column 7: unexpected text after the statement"},
      {"net n\nnet m\n", "line 2, column 5: unknown element type 'm'"},
      {"net n\n= 3\n", "line 2, column 1: expected a statement"},
      {"net n\ninput\n", "line 2, column 6: expected a blob's name"},
      {"net n\ninput x\n", "line 2, column 8: expected a type such as f32[8,17]"},
      {"net n\ninput x f16[1]\n", "line 2, column 9: unknown element type 'f16'"},
      {"net n\ninput x f32\n", "line 2, column 12: expected '['"},
      {"net n\ninput x f32[1,]\n", "line 2, column 15: expected an integer"},
      {"net n\ninput x f32[1,k]\n", "line 2, column 15: 'k' is not an integer"},
      {"net n\ninput x f32[1\n", "line 2, column 14: expected ']'"},
      {"net n\ninput x f32[2,-1]\n", "line 2, column 17: the shape [2,-1] has a negative"},
      {"net n\ninput x f32[9999999999,9999999999]\n", "line 2, column 34: the shape ["},
      {"net n\ninput x f32[1] y\n", "line 2, column 16: unexpected text"},
      {"net n\ninput x f32[1]\n\ninput x f32[1]\n", "line 4, column 7: blob 'x' is assigned twice"},
      {"net n\nstate s f32[1] ->\n", "line 2, column 18: expected the exit blob's name"},
      {"net n\nstate s f32[1] -> s.out\n", "line 2, column 19: state exit 's.out' is never"},
      {"net n\nstate s f32[1]\ninput x f32[1]\n", "line 3, column 1: statements come as"},
      {"net n\ny f32[1] = T() @t\nstate s f32[1]\n", "line 3, column 1: statements come as"},
      {"net n\ninput x f32[1]\noutput x\ny f32[1] = T() @t\n",
       "line 4, column 1: statements come as"},
      {"net n\noutput y\n", "line 2, column 8: blob 'y' is not defined"},
      {"net n\ny f32[1] T() @t\n", "line 2, column 10: expected '='"},
      {"net n\ny f32[1] = (x) @t\n", "line 2, column 12: expected an operator type"},
      {"net n\ny f32[1] = T @t\n", "line 2, column 14: expected '('"},
      {"net n\ny f32[1] = T(y) @t\n", "line 2, column 14: blob 'y' is not defined"},
      {"net n\ny f32[1] = T(,) @t\n", "line 2, column 14: expected a blob's name"},
      {"net n\ninput x f32[1]\ny f32[1] = T(x @t\n", "line 3, column 16: expected ')'"},
      {"net n\ny f32[1] = T()\n", "line 2, column 15: expected the operator's name after '@'"},
      {"net n\ny f32[1] = T() @\n", "line 2, column 17: expected the operator's name"},
      {"net n\ny f32[1] = T() @t u\n", "line 2, column 19: unexpected text"},
      {"net n\ny f32[1] = T() @t part=\n", "line 2, column 24: expected a part, or /"},
      {"net n\ny f32[1] = T() @t phase=late\n", "line 2, column 25: 'late' is not forward, back"},
      {"net n\ny f32[1] = T() @t phase=update part=a\n", "line 2, column 32: unexpected text"},
      {"net n\ny f32[1], y f32[1] = T() @t\n", "blob 'y' is assigned twice"},
      {"net n\ny f32[1] = T() =1 @t\n", "line 2, column 16: expected an attribute"},
      {"net n\ny f32[1] = T() a @t\n", "line 2, column 18: expected '='"},
      {"net n\ny f32[1] = T() a= @t\n", "line 2, column 19: '' is neither an integer nor a float"},
      {"net n\ny f32[1] = T() a=1.2.3 @t\n", "line 2, column 18: '1.2.3' is neither"},
      {"net n\ny f32[1] = T() a=1 a=2 @t\n", "line 2, column 22: attribute 'a' is given twice"},
      {"net n\ny f32[1] = T() a=\"x @t\n", "line 2, column 18: the string is not closed"},
      {"net n\ny f32[1] = T() a=\"\\\n", "line 2, column 18: the string is not closed"},
      {"net n\ny f32[1] = T() a=\"\\q\" @t\n", "line 2, column 18: bad escape"},
      {"net n\ny f32[1] = T() a=[1 @t\n", "line 2, column 21: expected ']'"},
      {"net n\ny f32[1] = T() a=[1, x] @t\n", "line 2, column 22: 'x' is neither"},
      {"net n\ny f32[1] = T() a=[1, 0.5] @t\n", "line 2, column 22: a list of both integers"},
      {"net n\ny f32[1] = T() in_place=[] @t\n", "line 2, column 26: expected a pair"},
      {"net n\ny f32[1] = T() in_place=[0] @t\n", "line 2, column 26: '0' is not a pair"},
      {"net n\ny f32[1] = T() in_place=[0:1:2] @t\n", "line 2, column 26: '0:1:2' is not a pair"},
      {"net n\ny f32[1] = T() in_place=[0:99999999999] @t\n", "is not a pair input:output"},
      {"net n\ny f32[1] = T() in_place=0:0 @t\n", "line 2, column 25: expected '['"},
  };
  for (const BadText& c : cases) {
    const absl::StatusOr<Net> net = ParseText(c.text);
    ASSERT_FALSE(net.ok()) << c.text;
    EXPECT_EQ(net.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_TRUE(absl::StrContains(net.status().message(), c.message))
        << c.text << "says: " << net.status().message() << "\nnot:  " << c.message;
  }
}

}  // namespace
}  // namespace graph
