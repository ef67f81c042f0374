// Each operator as the nodes that stand for it. That these compute the same is what
// tests/peer/onnx_test.py shows.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/tools/onnx/read_back.h"

namespace tools {
namespace {

using graph::BlobId;
using ::testing::ElementsAre;

TEST(Translators, Patchify) {
  SmallNet one;
  const BlobId x = one.Input("x", {5, 3, 8, 12});
  const auto model =
      Parse(one.Model(one.builder.Op("Patchify", "p", {x}, {{"patch", int64_t{4}}})));
  EXPECT_THAT(NodeTexts(model.graph()),
              ElementsAre("p/cells_shape = Constant() value_ints=[0,3,2,4,3,4]",
                          "p/cells = Reshape(x, p/cells_shape)",
                          "p/patches = Transpose(p/cells) perm=[0,2,4,1,3,5]",
                          "p/rows_shape = Constant() value_ints=[0,6,48]",
                          "p:y = Reshape(p/patches, p/rows_shape)"));
}

TEST(Translators, MatMul) {
  for (const int64_t trans_w : {0, 1}) {
    SmallNet one;
    const BlobId x = one.Input("x", {5, trans_w ? 24 : 7});
    const BlobId w = one.Input("w", {7, 2, 3, 4});
    const auto model =
        Parse(one.Model(one.builder.Op("MatMul", "m", {x, w}, {{"trans_w", trans_w}})));
    std::vector<std::string> expected = {"m/matrix_shape = Constant() value_ints=[7,24]",
                                         "m/matrix = Reshape(w, m/matrix_shape)"};
    if (trans_w) {
      expected.push_back("m/transposed = Transpose(m/matrix) perm=[1,0]");
      expected.push_back("m:y = MatMul(x, m/transposed)");
    } else {
      expected.push_back("m:y = MatMul(x, m/matrix)");
    }
    EXPECT_EQ(NodeTexts(model.graph()), expected);
  }
}

TEST(Translators, Attention) {
  SmallNet one;
  const BlobId qkv = one.Input("qkv", {5, 7, 96});
  const auto model =
      Parse(one.Model(one.builder.Op("Attention", "a", {qkv}, {{"heads", int64_t{2}}})));
  EXPECT_THAT(
      NodeTexts(model.graph()),
      ElementsAre(
          "a/q, a/k, a/v = Split(qkv) axis=2", "a/heads_shape = Constant() value_ints=[0,7,2,16]",
          "a/q_rows = Reshape(a/q, a/heads_shape)",
          "a/q_heads = Transpose(a/q_rows) perm=[0,2,1,3]",
          "a/k_rows = Reshape(a/k, a/heads_shape)",
          "a/k_heads = Transpose(a/k_rows) perm=[0,2,3,1]",
          "a/v_rows = Reshape(a/v, a/heads_shape)",
          "a/v_heads = Transpose(a/v_rows) perm=[0,2,1,3]", "a/scale = Constant() value_float=0.25",
          "a/products = MatMul(a/q_heads, a/k_heads)", "a/scores = Mul(a/products, a/scale)",
          "a/probabilities = Softmax(a/scores) axis=-1",
          "a/y_heads = MatMul(a/probabilities, a/v_heads)",
          "a/y_rows = Transpose(a/y_heads) perm=[0,2,1,3]",
          "a/y_shape = Constant() value_ints=[0,7,32]", "a:y = Reshape(a/y_rows, a/y_shape)"));
}

TEST(Translators, PrependToken) {
  SmallNet one;
  const BlobId x = one.Input("x", {5, 7, 3});
  const BlobId token = one.Input("token", {1, 1, 1, 1, 3});
  const auto model = Parse(one.Model(one.builder.Op("PrependToken", "p", {x, token})));
  EXPECT_THAT(
      NodeTexts(model.graph()),
      ElementsAre(
          "p/batch = Shape(x) end=1 start=0", "p/token_shape = Constant() value_ints=[1,3]",
          "p/tokens_shape = Concat(p/batch, p/token_shape) axis=0",
          "p/row_shape = Constant() value_ints=[3]", "p/token = Reshape(token, p/row_shape)",
          "p/tokens = Expand(p/token, p/tokens_shape)", "p:y = Concat(p/tokens, x) axis=1"));
}

TEST(Translators, BiasAdd) {
  SmallNet one;
  const BlobId x = one.Input("x", {5, 3});
  const BlobId b = one.Input("b", {1, 1, 1, 3});
  const auto high = Parse(one.Model(one.builder.Op("BiasAdd", "add", {x, b})));
  EXPECT_THAT(NodeTexts(high.graph()),
              ElementsAre("add/bias_shape = Constant() value_ints=[1,3]",
                          "add/bias = Reshape(b, add/bias_shape)", "add:y = Add(x, add/bias)"));
  SmallNet two;
  const BlobId z = two.Input("z", {5, 7, 3});
  const BlobId c = two.Input("c", {1, 7, 3});
  const auto low = Parse(two.Model(two.builder.Op("BiasAdd", "add", {z, c})));
  EXPECT_THAT(NodeTexts(low.graph()), ElementsAre("add:y = Add(z, c)"));
}

TEST(Translators, RowOperators) {
  SmallNet one;
  const BlobId x = one.Input("x", {5, 7, 3});
  const BlobId gamma = one.Input("gamma", {3});
  const BlobId beta = one.Input("beta", {3});
  const BlobId rows =
      one.builder.Op("SliceRows", "rows", {x}, {{"start", int64_t{2}}, {"count", int64_t{4}}});
  const auto model =
      Parse(one.Model(one.builder.Op("LayerNorm", "norm", {rows, gamma, beta}, {{"eps", 0.5f}})));
  EXPECT_THAT(
      NodeTexts(model.graph()),
      ElementsAre("rows/starts = Constant() value_ints=[2]",
                  "rows/ends = Constant() value_ints=[6]", "rows/axes = Constant() value_ints=[1]",
                  "rows:y = Slice(x, rows/starts, rows/ends, rows/axes)",
                  "norm:y = LayerNormalization(rows:y, gamma, beta) axis=-1 epsilon=0.5"));
}

// A blob may have the name that a node in between would get: it keeps it.
TEST(Translators, NamesInBetweenGiveWay) {
  SmallNet one;
  const BlobId x = one.Input("g/erf", {5, 3});
  const auto model = Parse(one.Model(one.builder.Op("Gelu", "g", {x})));
  ExpectWellFormed(model.graph());
  EXPECT_THAT(
      NodeTexts(model.graph()),
      ElementsAre("g/sqrt2 = Constant() value_float=1.41421", "g/scaled = Div(g/erf, g/sqrt2)",
                  "g/erf~2 = Erf(g/scaled)", "g/one = Constant() value_float=1",
                  "g/one_plus_erf = Add(g/erf~2, g/one)", "g/product = Mul(g/erf, g/one_plus_erf)",
                  "g/half = Constant() value_float=0.5", "g:y = Mul(g/product, g/half)"));
}

}  // namespace
}  // namespace tools
