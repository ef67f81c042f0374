#include "backends/cuda/cudnn.h"

#include "absl/strings/str_cat.h"

namespace backends::cuda {
namespace {

std::string DescribeSpec(const CudnnAttention& a) {
  return absl::StrCat("attention", a.grad ? " gradient" : "", " (", a.batch, ", ", a.tokens, ", ",
                      a.heads, " x ", a.width, ")");
}

std::string DescribeSpec(const CudnnProduct& p) {
  return absl::StrCat("product (", p.rows, ", ", p.inner, ") x ",
                      p.trans_w ? absl::StrCat("(", p.cols, ", ", p.inner, ") transposed")
                                : absl::StrCat("(", p.inner, ", ", p.cols, ")"),
                      " with ", p.epilogue == CudnnProduct::kGelu ? "bias and GELU" : "GELU's gradient",
                      p.keep_pre ? ", keeping what GELU is of" : "");
}

}  // namespace

std::string Describe(const CudnnGraphSpec& spec) {
  return std::visit([](const auto& s) { return DescribeSpec(s); }, spec);
}

absl::StatusOr<const CudnnPlan*> Cudnn::Plan(const CudnnGraphSpec& spec) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::string text = Describe(spec);
  auto it = plans_.find(text);
  if (it == plans_.end()) it = plans_.emplace(text, MakePlan(spec)).first;
  if (!it->second.ok()) return it->second.status();
  return it->second->get();
}

}  // namespace backends::cuda
