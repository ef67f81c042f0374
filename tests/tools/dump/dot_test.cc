#include "tools/dump/dot.h"

#include <map>
#include <set>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gmock/gmock.h"
#include "graph/ir/part.h"
#include "graph/ir/text.h"
#include "graph/passes/pipeline.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/nets.h"
#include "tests/models/training/tiny_run.h"
#include "tools/dump/dot_parts.h"

namespace tools {
namespace {

using ::testing::HasSubstr;

// What a picture says, read with the grammar that it keeps to: statements of one
// line, except the graph's attributes. Fails where the syntax is not Graphviz's.
struct Dot {
  std::map<std::string, std::string> nodes;                // name -> cluster, or ""
  std::multiset<std::string> declared;                     // nodes, as often as declared
  std::vector<std::string> clusters;                       // without "cluster_", in order
  std::vector<std::pair<std::string, std::string>> edges;  // producer, consumer
};

// Takes out strings and HTML-like labels, whose content is not syntax.
std::string WithoutLabels(const std::string& text) {
  std::string rest;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      const size_t end = text.find('"', i + 1);
      EXPECT_NE(end, std::string::npos) << "open string";
      if (end == std::string::npos) return rest;
      rest += "\"\"";
      i = end;
    } else if (text[i] == '<') {
      int depth = 0;
      do {
        depth += text[i] == '<' ? 1 : text[i] == '>' ? -1 : 0;
      } while (depth > 0 && ++i < text.size());
      EXPECT_EQ(depth, 0) << "open label";
      rest += "<>";
    } else {
      rest += text[i];
    }
  }
  return rest;
}

// Tags inside a label are closed in order and entities are complete.
void CheckHtml(const std::string& label) {
  std::vector<std::string> open;
  for (size_t at = 0; (at = label.find_first_of("<&", at)) != std::string::npos; ++at) {
    if (label[at] == '&') {
      bool known = false;
      for (const char* entity : {"&amp;", "&lt;", "&gt;", "&quot;"}) {
        known |= absl::StartsWith(label.substr(at), entity);
      }
      EXPECT_TRUE(known) << label;
      continue;
    }
    const size_t end = label.find('>', at);
    ASSERT_NE(end, std::string::npos) << label;
    const std::string tag = label.substr(at + 1, end - at - 1);
    if (tag.back() == '/') continue;
    const std::string word = tag.substr(0, tag.find(' '));
    if (word[0] != '/') {
      open.push_back(word);
      continue;
    }
    ASSERT_FALSE(open.empty()) << label;
    EXPECT_EQ(open.back(), word.substr(1)) << label;
    open.pop_back();
  }
  EXPECT_TRUE(open.empty()) << label;
}

// Letters and digits at the start of `rest`, which moves on.
std::string TakeWord(absl::string_view* rest) {
  size_t end = 0;
  while (end < rest->size() && absl::ascii_isalnum((*rest)[end])) ++end;
  const std::string word(rest->substr(0, end));
  rest->remove_prefix(end);
  return word;
}

Dot Parse(const std::string& text) {
  const std::string syntax = WithoutLabels(text);
  int braces = 0, brackets = 0;
  for (char c : syntax) {
    braces += c == '{' ? 1 : c == '}' ? -1 : 0;
    brackets += c == '[' ? 1 : c == ']' ? -1 : 0;
    EXPECT_GE(braces, 0);
    EXPECT_TRUE(brackets == 0 || brackets == 1);
  }
  EXPECT_EQ(braces, 0);
  EXPECT_EQ(brackets, 0);

  Dot dot;
  std::istringstream lines(text);
  std::string cluster;
  for (std::string line; std::getline(lines, line);) {
    const size_t label = line.find("label=<");
    if (label != std::string::npos) {
      CheckHtml(line.substr(label + 7, line.rfind('>') - label - 7));
    }
    absl::string_view rest = absl::StripLeadingAsciiWhitespace(line);
    if (absl::ConsumePrefix(&rest, "subgraph \"cluster_")) {
      EXPECT_TRUE(absl::ConsumeSuffix(&rest, "\" {")) << line;
      EXPECT_EQ(cluster, "") << "clusters are not nested";
      cluster = std::string(rest);
      dot.clusters.push_back(cluster);
      continue;
    }
    if (rest == "}") cluster.clear();
    const std::string first = TakeWord(&rest);
    if (first.empty() || absl::StrContains(rest, "style=invis")) continue;
    if (absl::ConsumePrefix(&rest, " -> ")) {
      std::string from = first, to = TakeWord(&rest);
      EXPECT_TRUE(rest.empty() || absl::StartsWith(rest, " [")) << line;
      if (absl::StrContains(rest, "dir=back")) std::swap(from, to);
      dot.edges.emplace_back(from, to);
    } else if (absl::StartsWith(rest, " [") && first != "graph" && first != "node" &&
               first != "edge") {
      EXPECT_TRUE(absl::EndsWith(rest, "]")) << line;
      dot.declared.insert(first);
      dot.nodes[first] = cluster;
    }
  }
  for (const auto& [from, to] : dot.edges) {
    EXPECT_EQ(dot.nodes.count(from), 1u) << from;
    EXPECT_EQ(dot.nodes.count(to), 1u) << to;
  }
  return dot;
}

// The nets of a tiny model as built and after the passes.
std::vector<graph::Net> TinyNets() {
  const models::TinyEngine engine;
  const models::DropPos model(models::TinyModelConfig(), models::TinyDropPosConfig(true));
  std::vector<graph::Net> nets;
  using models::MicroStep;
  for (const MicroStep step : {MicroStep::kWhole, MicroStep::kFirst, MicroStep::kLast}) {
    auto net = models::BuildTrainingNet(engine.registry, model,
                                        models::AdamW(models::RecipeConfig()), 2, step, 2);
    EXPECT_TRUE(net.ok()) << net.status();
    nets.push_back(net->net);
  }
  nets.push_back(models::BuildEvaluationNet(engine.registry, model, 2, 0).value().net);
  for (size_t i = 0, built = nets.size(); i < built; ++i) {
    graph::Net net = nets[i];
    const graph::Passes passes = graph::MakePasses({}, engine.backend.lowering({}));
    EXPECT_TRUE(graph::RunPipeline(&net, engine.registry, passes, {}).ok());
    net.Compact();
    nets.push_back(std::move(net));
  }
  return nets;
}

TEST(Dot, EveryOperatorOnceAndEveryBlockOneCluster) {
  for (const graph::Net& net : TinyNets()) {
    const Dot dot = Parse(ToDot(net, "as it runs"));
    std::set<std::string> blocks;
    for (size_t i = 0; i < net.ops.size(); ++i) {
      const std::string name = absl::StrCat("op", i);
      EXPECT_EQ(dot.declared.count(name), 1u) << net.ops[i].Describe();
      if (net.ops[i].phase == graph::Phase::kUpdate) continue;
      std::string block(graph::BlockOf(net.ops[i].part));
      if (!block.empty()) block = BoxScope(net, net.ops[i]) + block;
      EXPECT_EQ(dot.nodes.at(name), block) << net.ops[i].Describe();
      if (!block.empty()) blocks.insert(block);
    }
    EXPECT_EQ(dot.declared.count(absl::StrCat("op", net.ops.size())), 0u);
    const std::set<std::string> clusters(dot.clusters.begin(), dot.clusters.end());
    EXPECT_EQ(clusters.size(), dot.clusters.size()) << "a cluster twice";
    for (const std::string& block : blocks) EXPECT_EQ(clusters.count(block), 1u) << block;
    for (const std::string& cluster : clusters) {
      EXPECT_TRUE(blocks.count(cluster) == 1 || cluster.substr(0, 6) == "update") << cluster;
    }
    EXPECT_EQ(blocks.count("blocks.1"), 1u);
    EXPECT_EQ(blocks.count("decoder_blocks.0"), 1u);
    EXPECT_EQ(blocks.count("grad/blocks.0"), net.name == "train" ? 1u : 0u);
    EXPECT_EQ(blocks.count("guide/blocks.0"), net.name == "train" ? 1u : 0u);
  }
}

// Edges are the reads of the net, each pair once; left out are state, values with
// more than 8 readers and operators with more than 8 inputs.
TEST(Dot, EdgesAreTheReadsOfTheNet) {
  for (const graph::Net& net : TinyNets()) {
    const Dot dot = Parse(ToDot(net, "as it runs"));
    const graph::Uses uses(net);
    std::vector<bool> state(net.blobs.size(), false);
    for (const graph::State& s : net.states) state[s.entry] = true;
    std::set<std::pair<std::string, std::string>> expected;
    for (size_t i = 0; i < net.ops.size(); ++i) {
      if (net.ops[i].inputs.size() > 8) continue;
      for (graph::BlobId b : net.ops[i].inputs) {
        if (state[b] || uses.readers[b].size() > 8) continue;
        const graph::OpId producer = uses.producer[b];
        expected.emplace(
            producer == graph::kNone ? absl::StrCat("in", b) : absl::StrCat("op", producer),
            absl::StrCat("op", i));
      }
    }
    for (graph::BlobId b : net.outputs) {
      if (uses.producer[b] == graph::kNone) continue;
      expected.emplace(absl::StrCat("op", uses.producer[b]), absl::StrCat("out", b));
    }
    EXPECT_EQ(dot.edges.size(), expected.size());
    EXPECT_EQ((std::set<std::pair<std::string, std::string>>(dot.edges.begin(), dot.edges.end())),
              expected);
  }
}

TEST(Dot, SaysWhatAnOperatorIs) {
  const graph::Net net = graph::ParseText(
                             "net eval\ninput x f32[2,3]\nstate blocks.0.fc.weight f32[4,3]\n"
                             "y f32[2,4] = MatMul(x, blocks.0.fc.weight) trans_w=1 @blocks.0.fc\n"
                             "z f32[2,4] = Gelu(y) @act\noutput z\n")
                             .value();
  const std::string text = ToDot(net, "as built");
  EXPECT_THAT(text, HasSubstr("<b>MatMul</b><br/>fc<br/>f32[2,4]"));
  EXPECT_THAT(text, HasSubstr("fc.weight [4,3]"));
  EXPECT_THAT(text, HasSubstr("<b>eval</b>, as built: 2 operators"));
  EXPECT_THAT(text, HasSubstr("subgraph \"cluster_blocks.0\" {"));
  const Dot dot = Parse(text);
  EXPECT_EQ(dot.nodes.at("op1"), "");
  using Edges = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(dot.edges, (Edges{{"op1", "out3"}, {"in0", "op0"}, {"op0", "op1"}}));
}

TEST(BlocksDot, EveryOperatorIsInOneBoxAndEdgesAreNotRepeated) {
  for (const graph::Net& net : TinyNets()) {
    const std::string text = ToBlocksDot(net, "as it runs");
    const Dot dot = Parse(text);
    EXPECT_TRUE(dot.clusters.empty());
    std::map<std::string, size_t> expected;  // part -> operators
    for (const graph::Op& op : net.ops) {
      if (PreparesWeights(net, op)) continue;
      ++expected[op.phase == graph::Phase::kUpdate ? "update" : BoxScope(net, op) + BoxOf(op.part)];
    }
    std::map<std::string, size_t> found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      absl::string_view rest = line;
      if (!absl::ConsumePrefix(&rest, "  g") || rest.empty() || !absl::ascii_isdigit(rest[0]))
        continue;
      const size_t name = rest.find("label=<<b>");
      if (name == rest.npos) continue;  // an edge
      rest.remove_prefix(name + 10);
      const std::string part(rest.substr(0, rest.find('<')));
      rest.remove_prefix(part.size());
      ASSERT_TRUE(absl::ConsumePrefix(&rest, "</b><br/>")) << line;
      EXPECT_TRUE(found.emplace(part, std::stoul(TakeWord(&rest))).second) << part;
      EXPECT_TRUE(absl::StartsWith(rest, " op")) << line;
    }
    EXPECT_EQ(found, expected);
    std::set<std::pair<std::string, std::string>> edges(dot.edges.begin(), dot.edges.end());
    EXPECT_EQ(edges.size(), dot.edges.size());
    for (const auto& [from, to] : edges) EXPECT_NE(from, to);
    EXPECT_THAT(text, HasSubstr("<b>blocks.0</b>"));
    EXPECT_THAT(text, HasSubstr("f32[2,9,16]")) << "8 visible patches and the class token";
  }
}

std::string LineWith(const std::string& text, const std::string& what) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(what) != line.npos) return line;
  }
  return "";
}

// Not what it keeps for the backward pass, though that is larger, nor a cast beside it.
TEST(BlocksDot, ABlockSaysWhatItHandsOnToTheNext) {
  const graph::Net net =
      graph::ParseText(
          "net train\ninput x f32[2,3]\nstate blocks.0.fc.weight f32[9,3]\n"
          "h f32[2,9] = MatMul(x, blocks.0.fc.weight) trans_w=1 @blocks.0.fc\n"
          "y f32[2,3] = MatMul(h, blocks.0.fc.weight) trans_w=0 @blocks.0.proj\n"
          "y.bf16 bf16[2,3] = Cast(y) dtype=\"bf16\" @cast/y part=blocks.0.proj\n"
          "z f32[2,3] = Gelu(y) @blocks.1.act\n"
          "z.bf16 f32[2,3] = Cast(y.bf16) dtype=\"f32\" @blocks.1.cast\n"
          "dh f32[2,9] = Gelu(h) @grad/fc part=blocks.0.fc phase=backward\n"
          "output z\noutput z.bf16\noutput dh\n")
          .value();
  EXPECT_THAT(LineWith(ToBlocksDot(net, ""), "<b>blocks.0<"), HasSubstr("3 ops, f32[2,3]"));
}

TEST(BlocksDot, TwoValuesThatAreHandedOnAreSaidWithBothTypes) {
  const graph::Net net =
      graph::ParseText(
          "net eval\ninput x f32[2,3]\nstate blocks.0.fc.weight f32[3,3]\n"
          "residual f32[2,3] = Gelu(x) @blocks.0.norm\n"
          "branch bf16[2,3] = MatMul(residual, blocks.0.fc.weight) trans_w=1 @blocks.0.fc\n"
          "y f32[2,3] = Add(residual, branch) @blocks.1.add\noutput y\n")
          .value();
  EXPECT_THAT(LineWith(ToBlocksDot(net, ""), "<b>blocks.0<"), HasSubstr("2 ops, f32+bf16[2,3]"));
}

// Weights that are converted are no boxes between the blocks: the boxes and edges are those of a
// net that reads them as they are.
TEST(BlocksDot, ConvertedWeightsChangeNoLayout) {
  const auto of = [](const std::string& converts, const std::string& weight) {
    return ToBlocksDot(
        graph::ParseText(
            absl::StrCat("net train\ninput x f32[2,3]\nstate blocks.0.fc.weight f32[3,3]\n",
                         converts, "g f32[2,3] = MatMul(x, ", weight,
                         ") trans_w=1 @guide/blocks.0.fc\ny f32[2,3] = MatMul(g, ", weight,
                         ") trans_w=1 @blocks.0.fc\noutput y\n"))
            .value(),
        "");
  };
  const std::string plain = of("", "blocks.0.fc.weight");
  const std::string cast = of(
      "w f32[3,3] = Cast(blocks.0.fc.weight) dtype=\"f32\" @cast/w part=blocks.0.fc.weight\n", "w");
  EXPECT_EQ(Parse(cast).edges, Parse(plain).edges);
  EXPECT_EQ(Parse(cast).nodes, Parse(plain).nodes);
  EXPECT_THAT(LineWith(plain, "<b>blocks.0<"), HasSubstr("1 op, f32[2,3]"));
  EXPECT_THAT(LineWith(cast, "<b>blocks.0<"), HasSubstr("1 op + 1, f32[2,3]"));
}

// The pictures of a net whose operators are called op0, op1, ... differ in these names only.
TEST(Dot, ReadsNoNames) {
  for (const graph::Net& net : TinyNets()) {
    graph::Net renamed = net;
    for (size_t i = 0; i < net.ops.size(); ++i) renamed.ops[i].name = absl::StrCat("op", i);
    const Dot want = Parse(ToDot(net, "as it runs")), got = Parse(ToDot(renamed, "as it runs"));
    EXPECT_EQ(got.nodes, want.nodes);
    EXPECT_EQ(got.clusters, want.clusters);
    EXPECT_EQ(got.edges, want.edges);
    EXPECT_EQ(ToBlocksDot(renamed, "as it runs"), ToBlocksDot(net, "as it runs"));
  }
}

TEST(DotParts, Boxes) {
  EXPECT_EQ(BoxOf("guide/patch_embed.proj.add_bias"), "guide/patch_embed");
  EXPECT_EQ(BoxOf("loss"), "loss");
  EXPECT_EQ(BoxOf("guide/a.b/mask"), "guide/a.b/mask");
  EXPECT_EQ(BoxOf("guide/blocks.0.norm1"), "guide/blocks.0");
  EXPECT_EQ(EscapeHtml("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
}

TEST(DotParts, ScopesOfBoxes) {
  graph::Net net;
  net.states.push_back({net.AddBlob("w", {}), 0});
  net.inputs.push_back(net.AddBlob("x", {}));
  graph::Op op;
  op.type = "Cast";
  op.name = "grad/a";
  op.inputs = {1};
  EXPECT_EQ(BoxScope(net, op), "");
  op.phase = graph::Phase::kBackward;
  EXPECT_EQ(BoxScope(net, op), "grad/");
  op.recomputed = true;
  EXPECT_EQ(BoxScope(net, op), "recompute/");
  op.inputs = {0};
  EXPECT_EQ(BoxScope(net, op), "weights/");
  op.type = "PackWeights";
  EXPECT_EQ(BoxScope(net, op), "weights/");
  op.phase = graph::Phase::kCommunicate;
  EXPECT_EQ(BoxScope(net, op), "communicate/");
}

}  // namespace
}  // namespace tools
