#include "models/training/nonfinite.h"

#include <cmath>
#include <string>

#include "graph/base/bfloat16.h"
#include "graph/base/status.h"

namespace models {
namespace {

// Index of the first element that is not finite; -1 when all are.
int64_t FirstNonFinite(const graph::Tensor& tensor) {
  const auto first = [](const auto& values) -> int64_t {
    for (size_t i = 0; i < values.size(); ++i) {
      if (!std::isfinite(static_cast<float>(values[i]))) return static_cast<int64_t>(i);
    }
    return -1;
  };
  if (tensor.type.dtype == graph::DType::kF32) return first(tensor.as<float>());
  if (tensor.type.dtype == graph::DType::kBF16) return first(tensor.as<graph::BFloat16>());
  return -1;
}

float ValueAt(const graph::Tensor& tensor, int64_t index) {
  const size_t i = static_cast<size_t>(index);
  if (tensor.type.dtype == graph::DType::kBF16) return tensor.as<graph::BFloat16>()[i];
  return tensor.as<float>()[i];
}

std::string Where(const graph::Net& net, graph::BlobId blob, const graph::Tensor& tensor,
                  int64_t index) {
  return absl::StrCat("'", net.blob(blob).name, "' ", tensor.type.ToString(), ", element ", index,
                      " is ", ValueAt(tensor, index));
}

class Finder : public graph::TraceHook {
 public:
  explicit Finder(const graph::Executable& executable) : executable_(executable) {}

  // A value that was given, not computed, is to blame where it is first read.
  void BeforeOp(const graph::Net& net, graph::OpId op) override {
    if (!found_.empty()) return;
    for (graph::BlobId b : net.ops[op].inputs) {
      const absl::StatusOr<graph::Tensor> given = executable_.Find(net.blob(b).name);
      if (!given.ok() || IsMade(net, b)) continue;
      const int64_t index = FirstNonFinite(*given);
      if (index < 0) continue;
      found_ = absl::StrCat("not finite before the step already: ", Where(net, b, *given, index),
                            ", read by ", net.ops[op].Describe());
      return;
    }
  }
  void AfterOp(const graph::Net& net, graph::OpId op,
               absl::Span<const graph::Tensor> outputs) override {
    if (!found_.empty()) return;
    for (size_t i = 0; i < outputs.size(); ++i) {
      const int64_t index = FirstNonFinite(outputs[i]);
      if (index < 0) continue;
      found_ = absl::StrCat(
          "first non-finite blob: ", Where(net, net.ops[op].outputs[i], outputs[i], index),
          ", made by ", net.ops[op].Describe());
      return;
    }
  }
  const std::string& found() const { return found_; }

 private:
  // Net outputs can be found by name, too, but operators make them.
  static bool IsMade(const graph::Net& net, graph::BlobId blob) {
    for (graph::BlobId b : net.inputs) {
      if (b == blob) return false;
    }
    for (const graph::State& s : net.states) {
      if (s.entry == blob) return false;
    }
    return true;
  }

  const graph::Executable& executable_;
  std::string found_;
};

}  // namespace

absl::Status DescribeNonFinite(graph::Executable* executable) {
  Finder finder(*executable);
  executable->AddTraceHook(&finder);
  const absl::Status status = executable->Run();
  executable->RemoveTraceHook(&finder);
  RETURN_IF_ERROR(status);
  if (finder.found().empty()) {
    return absl::OutOfRangeError(
        "the loss or the gradient norm is not finite, but no blob was when the step was repeated");
  }
  return absl::OutOfRangeError(finder.found());
}

}  // namespace models
