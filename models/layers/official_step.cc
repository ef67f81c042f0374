#include "models/layers/official_step.h"

#include <utility>

namespace models {

void OfficialCounter::Add(double flops, Pass pass, double* part) {
  *part += flops;
  if (pass == Pass::kForward) net_.forward_only += flops;
}

void OfficialCounter::Linear(const std::string& name, int64_t rows, int64_t in, int64_t out,
                             Pass pass, int64_t layers, bool input_is_data) {
  const bool weight_gradient = pass == Pass::kTraining;
  const bool input_gradient = weight_gradient && !input_is_data;
  const int products = 1 + (weight_gradient ? 1 : 0) + (input_gradient ? 1 : 0);
  Add(2.0 * static_cast<double>(rows * layers * products) * static_cast<double>(in) *
          static_cast<double>(out),
      pass, &net_.linear);
  net_.linears.push_back({name, rows, in, out, layers, input_gradient, weight_gradient});
}

void OfficialCounter::Blocks(const std::string& name, int64_t tokens, int64_t width, int64_t blocks,
                             double mlp_ratio, Pass pass) {
  const int64_t hidden = static_cast<int64_t>(static_cast<double>(width) * mlp_ratio);
  Linear(name + ".qkv", tokens, width, 3 * width, pass, blocks);
  Linear(name + ".proj", tokens, width, width, pass, blocks);
  Linear(name + ".fc1", tokens, width, hidden, pass, blocks);
  Linear(name + ".fc2", tokens, hidden, width, pass, blocks);
  // Q·Kᵀ and P·V; their gradients are two products each.
  const double forward = 4.0 * static_cast<double>(tokens * tokens) * static_cast<double>(width);
  Add(forward * static_cast<double>(blocks) * (pass == Pass::kTraining ? 3.0 : 1.0), pass,
      &net_.attention);
}

OfficialNet OfficialCounter::Finish() {
  net_.total = net_.linear + net_.attention;
  return std::move(net_);
}

}  // namespace models
