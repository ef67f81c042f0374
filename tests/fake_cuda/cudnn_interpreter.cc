#include "tests/fake_cuda/cudnn_interpreter.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <set>
#include <stdexcept>
#include <vector>

#include "nlohmann/json.hpp"

namespace fake_cuda {
namespace {

using nlohmann::json;
using Index = std::array<int64_t, 4>;  // outermost first; of fewer dimensions, ones in front

[[noreturn]] void Fail(const std::string& what) {
  throw std::runtime_error("cuDNN graph: " + what);
}

struct Tensor {
  Index dim = {1, 1, 1, 1}, stride = {0, 0, 0, 0};
  bool bf16 = false;
  void* data = nullptr;
  std::vector<float> own;  // of a virtual tensor, or a scalar

  size_t bytes() const { return bf16 ? 2 : 4; }
  // Dimensions of one element repeat.
  int64_t At(const Index& i) const {
    int64_t at = 0;
    for (int d = 0; d < 4; ++d) at += dim[d] == 1 ? 0 : i[d] * stride[d];
    return at;
  }
  double Get(const Index& i) const {
    if (!bf16) return static_cast<const float*>(data)[At(i)];
    const uint32_t bits = uint32_t{static_cast<const uint16_t*>(data)[At(i)]} << 16;
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
  }
  void Put(const Index& i, double value) {
    const float x = static_cast<float>(value);
    if (!bf16) {
      static_cast<float*>(data)[At(i)] = x;
      return;
    }
    uint32_t bits;
    std::memcpy(&bits, &x, 4);
    static_cast<uint16_t*>(data)[At(i)] =
        std::isnan(x) ? 0x7fff : static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
  }
  template <typename F>
  void ForEach(const F& f) const {
    for (int64_t a = 0; a < dim[0]; ++a) {
      for (int64_t b = 0; b < dim[1]; ++b) {
        for (int64_t c = 0; c < dim[2]; ++c) {
          for (int64_t d = 0; d < dim[3]; ++d) f(Index{a, b, c, d});
        }
      }
    }
  }
};

float FromHex(const std::string& hex) {  // "3E000000": a float's bits
  const uint32_t bits = static_cast<uint32_t>(std::stoul(hex, nullptr, 16));
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

Tensor ReadTensor(const json& j, const std::map<int64_t, void*>& pointers) {
  Tensor t;
  const auto dim = j.at("dim").get<std::vector<int64_t>>(),
             stride = j.at("stride").get<std::vector<int64_t>>();
  int64_t elements = 1;
  for (size_t d = 0; d < dim.size(); ++d) {
    t.dim[4 - dim.size() + d] = dim[d];
    t.stride[4 - dim.size() + d] = stride[d];
    elements += (dim[d] - 1) * stride[d];
  }
  const std::string type =
      j.at("data_type").is_null() ? "FLOAT" : j.at("data_type").get<std::string>();
  if (type != "FLOAT" && type != "BFLOAT16") Fail("type " + type);
  const int64_t uid = j.at("uid").get<int64_t>();
  if (j.at("is_pass_by_value").get<bool>()) {
    t.own = {FromHex(j.at("pass_by_value").at("value").get<std::string>())};
  } else if (j.at("is_virtual").get<bool>()) {
    t.own.resize(elements);
  } else {
    const auto it = pointers.find(uid);
    if (it == pointers.end()) Fail("no pointer for uid " + std::to_string(uid));
    t.bf16 = type == "BFLOAT16";
    t.data = it->second;
  }
  return t;
}

class Interpreter {
 public:
  Interpreter(const json& graph, const std::map<int64_t, void*>& pointers) {
    for (const json& t : graph.at("tensors")) {
      tensors_[t.at("uid").get<int64_t>()] = ReadTensor(t, pointers);
    }
    for (auto& [uid, t] : tensors_) {
      if (!t.own.empty()) t.data = t.own.data();
    }
    for (const json& node : graph.at("nodes")) {
      for (const auto& [name, uid] : node.at("outputs").items())
        written_.insert(uid.get<int64_t>());
    }
  }

  // Tells of all elements of the graph's inputs, or of its outputs.
  void Touch(const std::function<void(const void*, size_t, bool)>& touch, bool outputs) const {
    for (const auto& [uid, t] : tensors_) {
      if (!t.own.empty() || (written_.count(uid) > 0) != outputs) continue;
      t.ForEach([&, &t = t](const Index& i) {
        const bool row = t.stride[3] == 1 || t.dim[3] == 1;
        if (row && i[3] > 0) return;
        const char* const p = static_cast<const char*>(t.data) + t.At(i) * t.bytes();
        touch(p, row ? t.dim[3] * t.bytes() : t.bytes(), outputs);
      });
    }
  }

  void Run(const json& node) {
    node_ = &node;
    const std::string tag = node.at("tag").get<std::string>();
    if (tag == "MATMUL") return Matmul();
    if (tag == "POINTWISE") return Pointwise(node.at("mode").get<std::string>());
    if (tag == "SDPA") return Sdpa();
    if (tag == "SDPA_BWD") return SdpaBackward();
    Fail("node " + tag);
  }

 private:
  Tensor& In(const char* name) { return tensors_.at(node_->at("inputs").at(name).get<int64_t>()); }
  Tensor& Out(const char* name) {
    return tensors_.at(node_->at("outputs").at(name).get<int64_t>());
  }
  bool Has(const char* which, const char* name) const { return node_->at(which).contains(name); }

  // What would change the meaning and is not done here.
  void RefuseMasks() const {
    for (const char* flag : {"alibi_mask", "padding_mask", "stats_use_log2"}) {
      if (node_->value(flag, false)) Fail(std::string("attention with ") + flag);
    }
    for (const char* bound : {"left_bound", "right_bound", "dropout_probability"}) {
      if (node_->contains(bound) && !node_->at(bound).is_null()) {
        Fail(std::string("attention with ") + bound);
      }
    }
  }

  void Matmul() {
    const Tensor &a = In("A"), &b = In("B");
    Tensor& c = Out("C");
    const int64_t terms = a.dim[3];
    std::vector<double> row(terms), columns(terms * b.dim[3]);
    c.ForEach([&](const Index& i) {
      if (i[2] == 0 && i[3] == 0) {
        for (int64_t j = 0; j < b.dim[3]; ++j) {
          for (int64_t k = 0; k < terms; ++k) columns[j * terms + k] = b.Get({i[0], i[1], k, j});
        }
      }
      if (i[3] == 0) {
        for (int64_t k = 0; k < terms; ++k) row[k] = a.Get({i[0], i[1], i[2], k});
      }
      c.Put(i, std::inner_product(row.begin(), row.end(), &columns[i[3] * terms], 0.0));
    });
  }

  void Pointwise(const std::string& mode) {
    const Tensor& x = In("IN_0");
    Tensor& y = Out("OUT_0");
    const auto phi = [](double v) { return 0.5 * (1 + std::erf(v / std::sqrt(2.0))); };
    y.ForEach([&](const Index& i) {
      const double v = x.Get(i);
      const double w = Has("inputs", "IN_1") ? In("IN_1").Get(i) : 0;
      if (mode == "IDENTITY") return y.Put(i, v);
      if (mode == "ADD") return y.Put(i, v + w);
      if (mode == "GELU_FWD") return y.Put(i, v * phi(v));
      if (mode == "GELU_BWD") {  // IN_0: of the result; IN_1: what GELU was of
        return y.Put(i, v * (phi(w) + w * std::exp(-w * w / 2) / std::sqrt(2 * M_PI)));
      }
      Fail("pointwise " + mode);
    });
  }

  // Planning makes a tensor of the attribute.
  double Scale() {
    if (Has("inputs", "Attn_scale")) return In("Attn_scale").Get({0, 0, 0, 0});
    const json& value = node_->at("attn_scale_value");
    return value.is_null() ? 1.0 : FromHex(value.get<std::string>());
  }
  // The rows of image b, head h, one behind the other.
  static std::vector<double> Rows(const Tensor& t, int64_t b, int64_t h) {
    std::vector<double> rows;
    for (int64_t i = 0; i < t.dim[2]; ++i) {
      for (int64_t e = 0; e < t.dim[3]; ++e) rows.push_back(t.Get({b, h, i, e}));
    }
    return rows;
  }
  static void PutRows(const std::vector<double>& rows, int64_t b, int64_t h, Tensor* t) {
    for (int64_t i = 0; i < t->dim[2]; ++i) {
      for (int64_t e = 0; e < t->dim[3]; ++e) t->Put({b, h, i, e}, rows[i * t->dim[3] + e]);
    }
  }
  static double Dot(const double* a, const double* b, int64_t n) {
    return std::inner_product(a, a + n, b, 0.0);
  }

  void Sdpa() {
    RefuseMasks();
    const int64_t queries = In("Q").dim[2], keys = In("K").dim[2], width = In("Q").dim[3],
                  out_width = In("V").dim[3];
    const double scale = Scale();
    for (int64_t b = 0; b < In("Q").dim[0]; ++b) {
      for (int64_t h = 0; h < In("Q").dim[1]; ++h) {
        const std::vector<double> q = Rows(In("Q"), b, h), k = Rows(In("K"), b, h),
                                  v = Rows(In("V"), b, h);
        std::vector<double> o(queries * out_width), s(keys);
        for (int64_t t = 0; t < queries; ++t) {
          for (int64_t j = 0; j < keys; ++j) {
            s[j] = Dot(&q[t * width], &k[j * width], width) * scale;
          }
          const double top = *std::max_element(s.begin(), s.end());
          double sum = 0;
          for (double& x : s) sum += x = std::exp(x - top);
          for (int64_t j = 0; j < keys; ++j) {
            for (int64_t e = 0; e < out_width; ++e) {
              o[t * out_width + e] += s[j] / sum * v[j * out_width + e];
            }
          }
          if (Has("outputs", "Stats")) Out("Stats").Put({b, h, t, 0}, top + std::log(sum));
        }
        PutRows(o, b, h, &Out("O"));
      }
    }
  }

  // When it plans the graph, the frontend turns K and V of the backward node round, in the tensors
  // themselves: their dimensions then read (..., width, tokens).
  static void TurnBack(int64_t width, Tensor* t) {
    if (t->dim[3] == width && t->stride[3] == 1) return;
    std::swap(t->dim[2], t->dim[3]);
    std::swap(t->stride[2], t->stride[3]);
  }

  void SdpaBackward() {
    RefuseMasks();
    TurnBack(In("Q").dim[3], &In("K"));
    TurnBack(In("Q").dim[3], &In("V"));
    const int64_t queries = In("Q").dim[2], keys = In("K").dim[2], width = In("Q").dim[3];
    const double scale = Scale();
    for (int64_t b = 0; b < In("Q").dim[0]; ++b) {
      for (int64_t h = 0; h < In("Q").dim[1]; ++h) {
        const std::vector<double> q = Rows(In("Q"), b, h), k = Rows(In("K"), b, h),
                                  v = Rows(In("V"), b, h), o = Rows(In("O"), b, h),
                                  d_o = Rows(In("dO"), b, h), stats = Rows(In("Stats"), b, h);
        std::vector<double> dq(q.size()), dk(k.size()), dv(v.size());
        for (int64_t t = 0; t < queries; ++t) {
          const int64_t at = t * width;
          const double delta = Dot(&d_o[at], &o[at], width);
          for (int64_t j = 0; j < keys; ++j) {
            const int64_t key = j * width;
            const double p = std::exp(Dot(&q[at], &k[key], width) * scale - stats[t]);
            const double ds = p * (Dot(&d_o[at], &v[key], width) - delta) * scale;
            for (int64_t e = 0; e < width; ++e) {
              dq[at + e] += ds * k[key + e];
              dk[key + e] += ds * q[at + e];
              dv[key + e] += p * d_o[at + e];
            }
          }
        }
        PutRows(dq, b, h, &Out("dQ"));
        PutRows(dk, b, h, &Out("dK"));
        PutRows(dv, b, h, &Out("dV"));
      }
    }
  }

  std::map<int64_t, Tensor> tensors_;
  std::set<int64_t> written_;  // by a node
  const json* node_ = nullptr;
};

}  // namespace

void ExecuteCudnnGraph(const std::string& text, const std::map<int64_t, void*>& pointers,
                       const std::function<void(const void*, size_t, bool)>& touch) {
  const json graph = json::parse(text);
  Interpreter interpreter(graph, pointers);
  if (touch) interpreter.Touch(touch, false);
  for (const json& node : graph.at("nodes")) interpreter.Run(node);  // in the order of their making
  if (touch) interpreter.Touch(touch, true);
}

}  // namespace fake_cuda
