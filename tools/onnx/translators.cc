#include "tools/onnx/translators.h"

#include <cmath>

namespace tools {

std::vector<std::string> Translation::NodeN(const std::string& type,
                                            const std::vector<std::string>& whats,
                                            const std::vector<std::string>& inputs,
                                            const graph::Attrs& attrs) {
  std::vector<std::string> outputs;
  for (const std::string& what : whats) {
    outputs.push_back(writer_->UniqueName(Name(what)));
  }
  writer_->NodeN(type, outputs[0], inputs, outputs, attrs);
  return outputs;
}

void Translation::Result(const std::string& type, const std::vector<std::string>& inputs,
                         const graph::Attrs& attrs) {
  const std::string& output = values_[op_.outputs[0]];
  writer_->NodeN(type, output, inputs, {output}, attrs);
}

namespace {

using Ints = std::vector<int64_t>;

// In a Reshape, 0 keeps the dimension of the input: the batch.
constexpr int64_t kKeep = 0;

void Add(Translation* t) { t->Result("Add", {t->in(0), t->in(1)}); }

// Two Reshapes and Transposes around two products; probabilities of all heads at once.
void Attention(Translation* t) {
  const int64_t tokens = t->in_type(0).dim(1);
  const int64_t width = t->in_type(0).dim(2) / 3;
  const int64_t heads = t->op().Int("heads");
  const int64_t head_width = width / heads;
  const std::vector<std::string> parts =
      t->NodeN("Split", {"q", "k", "v"}, {t->in(0)}, {{"axis", int64_t{2}}});
  const std::string split = t->Ints("heads_shape", {kKeep, tokens, heads, head_width});
  // (B, T, D) -> (B, H, T, dh), k as (B, H, dh, T).
  const auto by_head = [&](const std::string& what, const std::string& x, Ints perm) {
    const std::string rows = t->Node("Reshape", what + "_rows", {x, split});
    return t->Node("Transpose", what + "_heads", {rows}, {{"perm", std::move(perm)}});
  };
  const std::string q = by_head("q", parts[0], {0, 2, 1, 3});
  const std::string k = by_head("k", parts[1], {0, 2, 3, 1});
  const std::string v = by_head("v", parts[2], {0, 2, 1, 3});
  const std::string scale =
      t->Float("scale", static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_width))));
  const std::string products = t->Node("MatMul", "products", {q, k});
  const std::string scores = t->Node("Mul", "scores", {products, scale});
  const std::string shares = t->Node("Softmax", "probabilities", {scores}, {{"axis", int64_t{-1}}});
  const std::string y = t->Node("MatMul", "y_heads", {shares, v});
  const std::string rows = t->Node("Transpose", "y_rows", {y}, {{"perm", Ints{0, 2, 1, 3}}});
  t->Result("Reshape", {rows, t->Ints("y_shape", {kKeep, tokens, width})});
}

// ONNX repeats over leading dimensions too, but lets a bias of higher rank raise
// that of the result.
void BiasAdd(Translation* t) {
  std::string bias = t->in(1);
  const graph::Shape& shape = t->in_type(1).shape;
  const int extra = t->in_type(1).rank() - t->in_type(0).rank();
  if (extra > 0) {
    const std::string to = t->Ints("bias_shape", Ints(shape.begin() + extra, shape.end()));
    bias = t->Node("Reshape", "bias", {bias, to});
  }
  t->Result("Add", {t->in(0), bias});
}

// x/2·(1 + erf(x/√2)), in the form that onnxruntime recognises and fuses. Opset 17
// has no Gelu.
void Gelu(Translation* t) {
  const std::string scaled =
      t->Node("Div", "scaled", {t->in(0), t->Float("sqrt2", std::sqrt(2.0f))});
  const std::string erf = t->Node("Erf", "erf", {scaled});
  const std::string sum = t->Node("Add", "one_plus_erf", {erf, t->Float("one", 1.0f)});
  const std::string product = t->Node("Mul", "product", {t->in(0), sum});
  t->Result("Mul", {product, t->Float("half", 0.5f)});
}

void LayerNorm(Translation* t) {
  t->Result("LayerNormalization", {t->in(0), t->in(1), t->in(2)},
            {{"axis", int64_t{-1}}, {"epsilon", t->op().Float("eps")}});
}

// The weight keeps its official shape: a constant expression transposes it.
void MatMul(Translation* t) {
  std::string w = t->in(1);
  const graph::TensorType& type = t->in_type(1);
  if (type.rank() > 2) {
    const int64_t rows = type.dim(0);
    const int64_t cols = rows == 0 ? 0 : type.elements() / rows;
    w = t->Node("Reshape", "matrix", {w, t->Ints("matrix_shape", {rows, cols})});
  }
  if (t->op().Int("trans_w") != 0) {
    w = t->Node("Transpose", "transposed", {w}, {{"perm", Ints{1, 0}}});
  }
  t->Result("MatMul", {t->in(0), w});
}

void Patchify(Translation* t) {
  const graph::TensorType& x = t->in_type(0);
  const int64_t p = t->op().Int("patch");
  const int64_t channels = x.dim(1), grid_h = x.dim(2) / p, grid_w = x.dim(3) / p;
  const std::string cells =
      t->Node("Reshape", "cells",
              {t->in(0), t->Ints("cells_shape", {kKeep, channels, grid_h, p, grid_w, p})});
  const std::string patches =
      t->Node("Transpose", "patches", {cells}, {{"perm", Ints{0, 2, 4, 1, 3, 5}}});
  t->Result("Reshape",
            {patches, t->Ints("rows_shape", {kKeep, grid_h * grid_w, channels * p * p})});
}

// Expand needs the batch size, which is only known at run time.
void PrependToken(Translation* t) {
  const int64_t channels = t->in_type(0).dim(2);
  const std::string batch =
      t->Node("Shape", "batch", {t->in(0)}, {{"start", int64_t{0}}, {"end", int64_t{1}}});
  const std::string shape =
      t->Node("Concat", "tokens_shape", {batch, t->Ints("token_shape", {1, channels})},
              {{"axis", int64_t{0}}});
  // At most (1, 1, C), so that Expand cannot give more dimensions than `shape` has.
  const std::string row = t->Node("Reshape", "token", {t->in(1), t->Ints("row_shape", {channels})});
  const std::string tokens = t->Node("Expand", "tokens", {row, shape});
  t->Result("Concat", {tokens, t->in(0)}, {{"axis", int64_t{1}}});
}

void SliceRows(Translation* t) {
  const int64_t start = t->op().Int("start");
  t->Result("Slice", {t->in(0), t->Ints("starts", {start}),
                      t->Ints("ends", {start + t->op().Int("count")}), t->Ints("axes", {1})});
}

}  // namespace

const std::map<std::string, Translator>& Translators() {
  static const auto* const table = new std::map<std::string, Translator>{
      {"Add", Add},           {"Attention", Attention},       {"BiasAdd", BiasAdd},
      {"Gelu", Gelu},         {"LayerNorm", LayerNorm},       {"MatMul", MatMul},
      {"Patchify", Patchify}, {"PrependToken", PrependToken}, {"SliceRows", SliceRows},
  };
  return *table;
}

}  // namespace tools
