#include "backends/reference/kernels.h"

#include <memory>
#include <utility>

#include "graph/base/bfloat16.h"
#include "graph/base/status.h"

namespace backends::reference {
namespace {

template <typename To, typename From>
std::vector<To> CopyAs(const void* data, int64_t n) {
  const From* p = static_cast<const From*>(data);
  return std::vector<To>(p, p + n);
}

template <typename To, typename From>
void StoreAs(const std::vector<From>& values, void* data) {
  To* p = static_cast<To*>(data);
  for (size_t i = 0; i < values.size(); ++i) p[i] = static_cast<To>(values[i]);
}

class FunctionKernel : public graph::Kernel {
 public:
  FunctionKernel(const graph::KernelSpec& spec, Function function)
      : op_(*spec.op), types_(spec), function_(std::move(function)) {
    types_.op = &op_;
  }

  absl::Status Run() override {
    Call call(op_, types_, args());
    const absl::Status status = function_(&call);
    if (!status.ok() && !call.is_faulty()) return status;
    call.Store();
    return absl::OkStatus();
  }

 private:
  graph::Op op_;  // a copy: the one of the specification does not outlive construction
  graph::KernelSpec types_;
  Function function_;
};

// Some of the bound arguments: the first `first`, and `count` from position `from` on.
template <typename T>
std::vector<T> Part(const std::vector<T>& all, int first, int from, int count) {
  std::vector<T> part(all.begin(), all.begin() + first);
  part.insert(part.end(), all.begin() + from, all.begin() + from + count);
  return part;
}

class ForEachTensorKernel : public graph::Kernel {
 public:
  ForEachTensorKernel(const graph::KernelSpec& spec, int shared, int inputs, int outputs,
                      const Function& function)
      : shared_(shared), inputs_(inputs), outputs_(outputs) {
    const int n = static_cast<int>(spec.outputs.size()) / outputs;
    for (int i = 0; i < n; ++i) {
      graph::Op op = *spec.op;
      for (auto& [name, value] : op.attrs) {
        if (auto* ints = absl::get_if<std::vector<int64_t>>(&value)) *ints = {(*ints)[i]};
        if (auto* floats = absl::get_if<std::vector<float>>(&value)) *floats = {(*floats)[i]};
      }
      graph::KernelSpec types = spec;
      types.op = &op;
      types.inputs = Part(spec.inputs, shared, shared + i * inputs, inputs);
      types.outputs = Part(spec.outputs, 0, i * outputs, outputs);
      tensors_.push_back(std::make_unique<FunctionKernel>(types, function));
    }
  }

  absl::Status Bind(const graph::KernelArgs& args) override {
    for (int i = 0; i < static_cast<int>(tensors_.size()); ++i) {
      graph::KernelArgs of_tensor = args;
      of_tensor.inputs = Part(args.inputs, shared_, shared_ + i * inputs_, inputs_);
      of_tensor.outputs = Part(args.outputs, 0, i * outputs_, outputs_);
      RETURN_IF_ERROR(tensors_[i]->Bind(of_tensor));
    }
    return absl::OkStatus();
  }

  absl::Status Run() override {
    for (const auto& tensor : tensors_) RETURN_IF_ERROR(tensor->Run());
    return absl::OkStatus();
  }

 private:
  const int shared_, inputs_, outputs_;
  std::vector<std::unique_ptr<FunctionKernel>> tensors_;
};

}  // namespace

std::vector<double> Call::In(int i) const {
  const int64_t n = in_type(i).elements();
  switch (in_type(i).dtype) {
    case graph::DType::kF32:
      return CopyAs<double, float>(args_.inputs[i], n);
    case graph::DType::kF64:
      return CopyAs<double, double>(args_.inputs[i], n);
    case graph::DType::kBF16:
      return CopyAs<double, graph::BFloat16>(args_.inputs[i], n);
    default:
      graph::CheckFailed(__FILE__, __LINE__, "In() of a tensor of integers");
  }
}

std::vector<int64_t> Call::Ints(int i) const {
  const int64_t n = in_type(i).elements();
  switch (in_type(i).dtype) {
    case graph::DType::kI32:
      return CopyAs<int64_t, int32_t>(args_.inputs[i], n);
    case graph::DType::kI64:
      return CopyAs<int64_t, int64_t>(args_.inputs[i], n);
    case graph::DType::kU8:
      return CopyAs<int64_t, uint8_t>(args_.inputs[i], n);
    case graph::DType::kI8:
      return CopyAs<int64_t, int8_t>(args_.inputs[i], n);
    default:
      graph::CheckFailed(__FILE__, __LINE__, "Ints() of a tensor of floats");
  }
}

std::vector<double>& Call::Out(int i) {
  reals_[i].resize(out_type(i).elements());
  return reals_[i];
}

std::vector<int64_t>& Call::OutInts(int i) {
  ints_[i].resize(out_type(i).elements());
  return ints_[i];
}

absl::Status Call::Ids(int i, int64_t n, std::vector<int64_t>* ids) const {
  *ids = Ints(i);
  for (size_t k = 0; k < ids->size(); ++k) {
    if ((*ids)[k] < 0 || (*ids)[k] >= n) {
      return OutOfRange(i, k, static_cast<double>((*ids)[k]), 0, static_cast<double>(n));
    }
  }
  return absl::OkStatus();
}

absl::Status Call::OutOfRange(int input, size_t element, double value, double low,
                              double high) const {
  is_faulty_ = true;
  args_.ReportOutOfRange(input, static_cast<int64_t>(element), value, low, high);
  return absl::OutOfRangeError("a fault");
}

void Call::Store() {
  for (int i = 0; i < num_outputs(); ++i) {
    if (is_faulty_) {
      reals_[i].resize(out_type(i).elements());
      ints_[i].resize(out_type(i).elements());
    }
    const size_t n = out_type(i).elements();
    void* data = args_.outputs[i];
    switch (out_type(i).dtype) {
      case graph::DType::kF32:
        CHECK(reals_[i].size() == n);
        StoreAs<float>(reals_[i], data);
        break;
      case graph::DType::kF64:
        CHECK(reals_[i].size() == n);
        StoreAs<double>(reals_[i], data);
        break;
      case graph::DType::kI32:
        CHECK(ints_[i].size() == n);
        StoreAs<int32_t>(ints_[i], data);
        break;
      case graph::DType::kI64:
        CHECK(ints_[i].size() == n);
        StoreAs<int64_t>(ints_[i], data);
        break;
      case graph::DType::kU8:
        CHECK(ints_[i].size() == n);
        StoreAs<uint8_t>(ints_[i], data);
        break;
      case graph::DType::kI8:
        CHECK(ints_[i].size() == n);
        StoreAs<int8_t>(ints_[i], data);
        break;
      case graph::DType::kBF16:
        CHECK(reals_[i].size() == n);
        StoreAs<graph::BFloat16>(reals_[i], data);
        break;
    }
  }
}

void AddFunction(graph::KernelTable* table, std::string op_type, Function function) {
  table->Add(std::move(op_type),
             [function = std::move(function)](
                 const graph::KernelSpec& spec) -> absl::StatusOr<std::unique_ptr<graph::Kernel>> {
               return std::unique_ptr<graph::Kernel>(new FunctionKernel(spec, function));
             });
}

void AddForEachTensor(graph::KernelTable* table, std::string op_type, int shared_inputs, int inputs,
                      int outputs, Function function) {
  table->Add(std::move(op_type),
             [=](const graph::KernelSpec& spec) -> absl::StatusOr<std::unique_ptr<graph::Kernel>> {
               return std::unique_ptr<graph::Kernel>(
                   new ForEachTensorKernel(spec, shared_inputs, inputs, outputs, function));
             });
}

}  // namespace backends::reference
