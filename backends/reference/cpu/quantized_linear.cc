// The rows of wᵀ, padded with zeros; sums of products of whole numbers in double,
// which are exact.
#include "backends/cpu/ops/quantized_linear.h"

#include <algorithm>
#include <cmath>

#include "backends/reference/kernels.h"

namespace backends::reference::cpu {
namespace {

// Quantizes `values` and returns their scale.
float Quantize(absl::Span<const double> values, std::vector<int64_t>* quantized) {
  float max = 0.0f;
  for (double v : values) {
    // Written so that NaN stays.
    if (!(std::fabs(static_cast<float>(v)) <= max)) max = std::fabs(static_cast<float>(v));
    if (std::isnan(max)) break;
  }
  const ops::cpu::QuantizationScale scale(max);
  quantized->clear();
  for (double v : values) {
    const float scaled = static_cast<float>(v) * scale.inverse;
    quantized->push_back(std::isfinite(scaled) ? static_cast<int64_t>(std::nearbyint(scaled)) : 0);
  }
  return scale.scale;
}

void QuantizeWeights(Call* c) {
  const std::vector<double> w = c->In(0);
  const int64_t n = c->in_type(0).dim(0);
  const int64_t k = n == 0 ? 0 : static_cast<int64_t>(w.size()) / n;
  const int64_t pitch = c->out_type(0).cols();
  std::vector<int64_t>& packed = c->OutInts(0);
  std::vector<double>& scales = c->Out(1);
  std::vector<int64_t> row;
  for (int64_t i = 0; i < n; ++i) {
    scales[i] = Quantize(absl::MakeConstSpan(w).subspan(i * k, k), &row);
    for (int64_t j = 0; j < k; ++j) packed[j * pitch + i] = row[j];
  }
}

void QuantizedLinear(Call* c) {
  const std::vector<double> x = c->In(0), scales = c->In(2), b = c->In(3);
  const std::vector<int64_t> packed = c->Ints(1);
  const int64_t images = c->in_type(0).dim(0), tokens = c->in_type(0).dim(1);
  const int64_t k = c->in_type(0).dim(2), n = c->out_type(0).dim(2);
  const int64_t pitch = c->in_type(1).cols();
  const bool gelu = c->op.Str("activation") == "gelu";
  std::vector<double>& y = c->Out(0);
  std::vector<int64_t> image;
  for (int64_t i = 0; i < images; ++i) {
    const double scale =
        Quantize(absl::MakeConstSpan(x).subspan(i * tokens * k, tokens * k), &image);
    for (int64_t t = 0; t < tokens; ++t) {
      for (int64_t j = 0; j < n; ++j) {
        int64_t sum = 0;
        for (int64_t l = 0; l < k; ++l) sum += image[t * k + l] * packed[l * pitch + j];
        const double v = scale * scales[j] * static_cast<double>(sum) + b[j];
        y[(i * tokens + t) * n + j] = gelu ? Gelu(v) : v;
      }
    }
  }
}

}  // namespace

void RegisterQuantizedLinear(graph::KernelTable* table) {
  AddFunction(table, "QuantizeWeights", QuantizeWeights);
  AddFunction(table, "QuantizedLinear", QuantizedLinear);
}

}  // namespace backends::reference::cpu
