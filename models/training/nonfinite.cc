#include "models/training/nonfinite.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "graph/base/bfloat16.h"
#include "graph/base/status.h"

namespace models {
namespace {

// The first element that is not finite.
struct Bad {
  int64_t index = -1;  // -1: all values are finite
  float value = 0;
};

template <typename T>
absl::StatusOr<Bad> FirstBad(const graph::ConstTensor& tensor) {
  // In pieces, because a run that just fits has no room for a copy of the largest blob.
  constexpr size_t kPiece = 1 << 16;
  const size_t elements = static_cast<size_t>(tensor.type.elements());
  std::vector<T> piece;
  for (size_t done = 0; done < elements; done += piece.size()) {
    piece.resize(std::min(kPiece, elements - done));
    RETURN_IF_ERROR(tensor.ReadBytes(
        done * sizeof(T), {reinterpret_cast<uint8_t*>(piece.data()), piece.size() * sizeof(T)}));
    for (size_t i = 0; i < piece.size(); ++i) {
      const float value = static_cast<float>(piece[i]);
      if (!std::isfinite(value)) return Bad{static_cast<int64_t>(done + i), value};
    }
  }
  return Bad{};
}

absl::StatusOr<Bad> FirstNonFinite(const graph::ConstTensor& tensor) {
  if (tensor.type.dtype == graph::DType::kF32) return FirstBad<float>(tensor);
  if (tensor.type.dtype == graph::DType::kBF16) return FirstBad<graph::BFloat16>(tensor);
  return Bad{};
}

std::string Where(const graph::Net& net, graph::BlobId blob, const Bad& bad) {
  return absl::StrCat("'", net.blob(blob).name, "' ", net.type(blob).ToString(), ", element ",
                      bad.index, " is ", bad.value);
}

class Finder : public graph::TraceHook {
 public:
  explicit Finder(const graph::Executable& executable) : executable_(executable) {}

  // A value that was given, not computed, is reported at its first reader.
  void BeforeOp(const graph::Net& net, graph::OpId op) override {
    if (done()) return;
    for (graph::BlobId b : net.ops[op].inputs) {
      const absl::StatusOr<graph::ConstTensor> given = executable_.Find(net.blob(b).name);
      if (!given.ok() || IsMade(net, b)) continue;
      const absl::StatusOr<Bad> bad = FirstNonFinite(*given);
      status_.Update(bad.status());
      if (!bad.ok() || bad->index < 0) continue;
      found_ = absl::StrCat("not finite before the step already: ", Where(net, b, *bad),
                            ", read by ", net.ops[op].Describe());
      return;
    }
  }
  void AfterOp(const graph::Net& net, graph::OpId op,
               absl::Span<const graph::ConstTensor> outputs) override {
    for (size_t i = 0; i < outputs.size() && !done(); ++i) {
      const absl::StatusOr<Bad> bad = FirstNonFinite(outputs[i]);
      status_.Update(bad.status());
      if (!bad.ok() || bad->index < 0) continue;
      found_ = absl::StrCat("first non-finite blob: ", Where(net, net.ops[op].outputs[i], *bad),
                            ", made by ", net.ops[op].Describe());
    }
  }
  const absl::Status& status() const { return status_; }
  const std::string& found() const { return found_; }

 private:
  bool done() const { return !found_.empty() || !status_.ok(); }
  // Net outputs can be found by name, too, but they are computed.
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
  absl::Status status_;  // of reading
};

}  // namespace

absl::Status DescribeNonFinite(graph::Executable* executable) {
  Finder finder(*executable);
  executable->AddTraceHook(&finder);
  const absl::Status status = executable->Run();
  executable->RemoveTraceHook(&finder);
  RETURN_IF_ERROR(status);
  RETURN_IF_ERROR(finder.status());
  if (finder.found().empty()) {
    return absl::OutOfRangeError(
        "the loss or the gradient norm is not finite, but no blob was when the step was repeated");
  }
  return absl::OutOfRangeError(finder.found());
}

}  // namespace models
