// Nets that somebody else wrote: whatever numbers stand in the text of a
// training net, parsing, verification and costs neither crash nor overflow.
// The sanitizers see what the assertions cannot.
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "graph/autodiff/autodiff.h"
#include "graph/base/random.h"
#include "graph/ir/text.h"
#include "graph/ir/verify.h"
#include "graph/schema/builder.h"
#include "gtest/gtest.h"
#include "ops/op_table.h"

namespace ops {
namespace {

using graph::BlobId;
using graph::DType;
using graph::Net;
using graph::NetBuilder;

const graph::SchemaRegistry& Registry() {
  static const graph::SchemaRegistry* registry = [] {
    auto* all = new graph::SchemaRegistry;
    RegisterOps(all);
    return all;
  }();
  return *registry;
}

// A small classifier, its gradients, the update of a weight, and initial values.
Net TrainingNet() {
  NetBuilder b(&Registry(), "train");
  const auto f32 = [](graph::Shape shape) { return graph::TensorType{DType::kF32, shape}; };
  const auto i32 = [](graph::Shape shape) { return graph::TensorType{DType::kI32, shape}; };
  const BlobId images = b.Input("images", f32({2, 3, 8, 8}));
  const BlobId ids = b.Input("ids", i32({2, 3}));
  const BlobId labels = b.Input("labels", i32({2}));
  const BlobId lr = b.Input("lr", f32({1}));
  const BlobId limit = b.Input("limit", f32({1}));
  const BlobId step = b.Input("step", i32({1}));
  const BlobId embed = b.State("embed.weight", f32({6, 3, 4, 4}));
  const BlobId positions = b.State("positions", f32({1, 4, 6}));
  const BlobId token = b.State("token", f32({1, 1, 6}));
  const BlobId gamma = b.State("norm.weight", f32({6}));
  const BlobId beta = b.State("norm.bias", f32({6}));
  const BlobId qkv = b.State("qkv.weight", f32({18, 6}));
  const BlobId proj = b.State("proj.weight", f32({6, 6}));

  const BlobId mode = b.Input("mode", i32({1})), box = b.Input("box", i32({1, 4}));
  const BlobId lam = b.Input("lam", f32({1}));
  BlobId x = b.Op("MixImages", "mix", {images, mode, lam, box});
  x = b.Op("Patchify", "patchify", {x}, {{"patch", int64_t{4}}});
  x = b.Op("MatMul", "embed", {x, embed}, {{"trans_w", int64_t{1}}});
  x = b.Op("BiasAdd", "positions", {x, positions});
  x = b.Op("GatherRows", "visible", {x, ids});
  x = b.Op("PrependToken", "cls", {x, token});
  BlobId y = b.Op("LayerNorm", "norm", {x, gamma, beta}, {{"eps", 1e-6f}});
  y = b.Op("MatMul", "qkv", {y, qkv}, {{"trans_w", int64_t{1}}});
  y = b.Op("Attention", "attention", {y}, {{"heads", int64_t{2}}});
  const BlobId zero =
      b.Op("Fill", "zero", {}, {{"value", 0.0f}, {"shape", std::vector<int64_t>{6}}});
  y = b.Op("Linear", "proj", {y, proj, zero}, {{"activation", std::string("none")}});
  x = b.Op("Add", "residual", {x, b.Op("Gelu", "act", {y})});
  x = b.Op("PadRows", "pad", {x}, {{"start", int64_t{3}}, {"rows", int64_t{9}}});
  x = b.Op("SliceRows", "first", {x}, {{"start", int64_t{3}}, {"count", int64_t{1}}});
  x = b.Op("MeanRows", "mean", {x}, {{"start", int64_t{0}}, {"count", int64_t{1}}});
  const BlobId loss = b.Op("SoftmaxCrossEntropy", "loss", {x, labels, lam}, {{"smoothing", 0.1f}});
  b.Output(loss);
  b.Output(b.Op("TopKCorrect", "top", {x, labels}, {{"k", int64_t{5}}}));
  const auto grads = graph::Differentiate(&b, loss, {qkv, embed, positions, token, gamma, proj});
  EXPECT_TRUE(grads.ok()) << grads.status();
  if (!grads.ok()) return Net();
  for (BlobId blob : *grads) b.Output(blob);

  const graph::NetBuilder::Scope update_scope(&b, graph::Phase::kUpdate);
  const BlobId norm = b.Op("GradNorm", "gradnorm", {grads->front()});
  const BlobId factors = b.Op("ClipFactors", "clip", {loss, limit, norm},
                              {{"max_norm", 1.0f}, {"mode", std::string("global")}});
  const BlobId m = b.State("qkv.m", f32({18, 6})), v = b.State("qkv.v", f32({18, 6}));
  const std::vector<BlobId> updated =
      b.OpN("AdamW", "update", {lr, factors, step, qkv, grads->front(), m, v},
            {{"beta1", 0.9f},
             {"beta2", 0.95f},
             {"eps", 1e-8f},
             {"indices", std::vector<int64_t>{0}},
             {"lr_scales", std::vector<float>{1.0f}},
             {"weight_decays", std::vector<float>{0.05f}}});
  for (BlobId blob : updated) b.Output(blob);
  b.Output(
      b.Op("ConstantFill", "count", {},
           {{"value", 7.0f}, {"shape", std::vector<int64_t>{1}}, {"dtype", std::string("i32")}}));
  b.Output(b.Op("XavierFill", "table", {},
                {{"shape", std::vector<int64_t>{1, 7, 8}},
                 {"initializer", std::string("sincos2d")},
                 {"grid", std::vector<int64_t>{2, 3}}}));
  b.Output(b.Op("XavierFill", "weight", {},
                {{"shape", std::vector<int64_t>{3, 4}},
                 {"initializer", std::string("xavier_uniform")},
                 {"fan_in", int64_t{4}},
                 {"fan_out", int64_t{3}}}));
  auto net = b.Finish();
  EXPECT_TRUE(net.ok()) << net.status();
  return net.ok() ? *std::move(net) : Net();
}

// Numbers of dimensions and attributes in `text`: (position, length). Digits of
// names are none.
std::vector<std::pair<size_t, size_t>> Numbers(const std::string& text) {
  std::vector<std::pair<size_t, size_t>> found;
  for (size_t i = 1; i < text.size(); ++i) {
    if (!absl::StrContains("[,=-", text.substr(i - 1, 1))) continue;
    size_t end = i;
    while (end < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[end]))) ++end;
    if (end > i) found.emplace_back(i, end - i);
  }
  return found;
}

std::string HostileNumber(graph::RandomStream* random) {
  static const std::vector<std::string> kNumbers = {
      "0",
      "0",
      "1",
      "2",
      "3",
      "4",
      "6",
      "-1",
      "12",
      "18",
      "65536",
      "2147483648",
      "4294967297",
      "1099511627776",        // 2^40
      "93824992236885",       // 2^48 / 3
      "140737488355328",      // 2^47
      "281474976710656",      // 2^48
      "281474976710657",      // one more than any tensor has
      "3074457345618258603",  // 3 n wraps around to 1
      "6148914691236517205",  // 3 n wraps around to -1
      "4611686018427387904",  // 2^62
      "9223372036854775807",
      "-9223372036854775808",
      "9223372036854775808",
      "1.5",
      "nan",
      "inf",
      "1e30",
      "-1e30"};
  // Half of them small, so that some nets stay as valid as they were.
  return kNumbers[random->Below(random->Below(2) == 0 ? 10 : kNumbers.size())];
}

std::string Mutate(std::string text, graph::RandomStream* random) {
  const int changes = 1 + static_cast<int>(random->Below(3));
  for (int i = 0; i < changes; ++i) {
    const auto numbers = Numbers(text);
    const auto [at, length] = numbers[random->Below(numbers.size())];
    const std::string old = text.substr(at, length), hostile = HostileNumber(random);
    if (random->Below(2) == 0) {
      text.replace(at, length, hostile);
      continue;
    }
    // One dimension everywhere, so that the shapes still fit each other.
    for (auto it = numbers.rbegin(); it != numbers.rend(); ++it) {
      if (text.compare(it->first, it->second, old) == 0) {
        text.replace(it->first, it->second, hostile);
      }
    }
  }
  return text;
}

// The costs of all operators; every type they see is valid.
void ExpectCosts(const Net& net) {
  for (const graph::Op& op : net.ops) {
    const graph::Cost cost = Registry().OpCost(net, op);
    EXPECT_GE(cost.flops, 0) << op.Describe();
    EXPECT_GE(cost.bytes, 0) << op.Describe();
  }
  const graph::Cost cost = Registry().NetCost(net);
  EXPECT_GE(cost.flops, 0);
  EXPECT_GE(cost.bytes, 0);
}

// Each operator that accepts its inputs gets the outputs it infers, and every
// other leaves the net with those that read it: what an author who knows the
// rules would write, so that later operators see hostile types, too.
Net Consistent(const Net& net) {
  Net kept = net;
  kept.ops.clear();
  kept.outputs.clear();
  std::vector<bool> defined(net.blobs.size(), false);
  for (BlobId b : net.inputs) defined[b] = true;
  for (const graph::State& s : net.states) defined[s.entry] = true;
  for (graph::Blob& blob : kept.blobs) {
    if (!graph::IsValidShape(blob.type.shape)) blob.type.shape.assign(1, 1);
  }
  for (const graph::Op& op : net.ops) {
    std::vector<graph::TensorType> inputs;
    bool usable = true;
    for (BlobId b : op.inputs) {
      usable = usable && defined[b];
      inputs.push_back(kept.type(b));
    }
    if (!usable) continue;
    const auto inferred = Registry().Infer(op, inputs);
    if (!inferred.ok() || inferred->size() != op.outputs.size()) continue;
    for (const graph::TensorType& type : *inferred) {
      usable = usable && graph::IsValidShape(type.shape);
    }
    if (!usable) continue;
    for (size_t k = 0; k < op.outputs.size(); ++k) {
      kept.blobs[op.outputs[k]].type = (*inferred)[k];
      defined[op.outputs[k]] = true;
    }
    kept.ops.push_back(op);
  }
  return kept;
}

TEST(HostileNet, TheNetIsGoodAndItsTextIsExact) {
  const Net net = TrainingNet();
  ASSERT_GT(net.ops.size(), 30u);
  const auto parsed = graph::ParseText(graph::ToText(net));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(graph::Verify(*parsed, Registry()).ok());
  EXPECT_EQ(Consistent(*parsed).ops.size(), net.ops.size());
  EXPECT_GT(Numbers(graph::ToText(net)).size(), 200u);
  ExpectCosts(net);
}

TEST(HostileNet, MutatedNumbersNeverCrash) {
  const std::string text = graph::ToText(TrainingNet());
  int parsed = 0, refused = 0, verified = 0;
  for (uint64_t seed = 0; seed < 5000; ++seed) {
    graph::RandomStream random(seed, graph::Purpose::kCrop);
    const auto net = graph::ParseText(Mutate(text, &random));
    if (!net.ok()) continue;
    ++parsed;
    const absl::Status status = graph::Verify(*net, Registry());
    if (status.ok()) {
      ++verified;
      ExpectCosts(*net);
    } else {
      ++refused;
      EXPECT_TRUE(absl::StrContains(status.message(), "net 'train'")) << status;
    }
    const Net consistent = Consistent(*net);
    const absl::Status consistent_status = graph::Verify(consistent, Registry());
    ASSERT_TRUE(consistent_status.ok()) << consistent_status;
    ExpectCosts(consistent);
  }
  EXPECT_GT(parsed, 2000);
  EXPECT_GT(refused, 1000);
  EXPECT_GT(verified, 50);
}

constexpr int64_t kMost = int64_t{1} << 48;  // elements of a tensor
constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();

// The cost of the first operator of a net that must be valid.
graph::Cost CostOfFirst(const std::string& statements) {
  const auto net = graph::ParseText(absl::StrCat("net n\n", statements));
  EXPECT_TRUE(net.ok()) << net.status();
  if (!net.ok()) return {};
  const absl::Status status = graph::Verify(*net, Registry());
  EXPECT_TRUE(status.ok()) << status;
  return status.ok() ? Registry().OpCost(*net, net->ops[0]) : graph::Cost();
}

// `pattern` with $M for 2^48 and $S for 2^24.
std::string Big(const std::string& pattern) {
  return absl::StrReplaceAll(pattern, {{"$M", absl::StrCat(kMost)}, {"$S", "16777216"}});
}

TEST(HostileNet, CostsOfTheLargestShapesSaturate) {
  const graph::Cost matmul =
      CostOfFirst(Big("input x f32[$S,$S]\ninput w f32[$S,$S]\n"
                      "y f32[$S,$S] = MatMul(x, w) dtype=\"same\" trans_w=1 @m\noutput y\n"));
  EXPECT_EQ(matmul.flops, kLargest);
  EXPECT_EQ(matmul.bytes, 3 * 4 * kMost);
  EXPECT_EQ(CostOfFirst(Big("input x f32[$S,$S]\ninput w f32[$S,$S]\n"
                            "y f32[$S,$S] = MatMulWeightGrad(x, w) shape=[$S,$S] @m\noutput y\n"))
                .flops,
            kLargest);
  EXPECT_EQ(CostOfFirst(Big("input x f32[$S,$S]\ninput w f32[$S,$S]\ninput b f32[$S]\n"
                            "y f32[$S,$S] = Linear(x, w, b) activation=\"gelu\" "
                            "dtype=\"same\" @l\noutput y\n"))
                .flops,
            kLargest);
  // 2 * T * T * D for each of two products, T = 2^46, D = 1.
  EXPECT_EQ(CostOfFirst("input x f32[1,70368744177664,3]\n"
                        "y f32[1,70368744177664,1], s f32[1,1,70368744177664] = Attention(x) "
                        "heads=1 @a\noutput y\n")
                .flops,
            kLargest);
  EXPECT_EQ(CostOfFirst("input x f32[2,3,12]\ny f32[2,3,4], s f32[2,2,3] = Attention(x) "
                        "heads=2 @a\noutput y\n")
                .flops,
            2 * 2 * 2 * 3 * 3 * 4);
}

TEST(HostileNet, TheCostOfANetSaturates) {
  std::string text = Big("net n\ninput x f32[$S,$S]\ninput w f32[$S,$S]\n");
  for (int i = 0; i < 2; ++i) {
    absl::StrAppend(
        &text, Big(absl::StrCat("y", i, " f32[$S,$S] = MatMul(x, w) dtype=\"same\" trans_w=1 @m", i,
                                "\n")));
  }
  const auto net = graph::ParseText(text);
  ASSERT_TRUE(net.ok()) << net.status();
  ASSERT_TRUE(graph::Verify(*net, Registry()).ok());
  EXPECT_EQ(Registry().NetCost(*net).flops, kLargest);
}

}  // namespace
}  // namespace ops
