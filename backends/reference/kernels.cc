#include "backends/reference/kernels.h"

#include <memory>
#include <utility>

#include "graph/base/bfloat16.h"
#include "graph/base/status.h"

namespace backends::reference {
namespace {

// Calls fn(T()) for the C++ type T of `dtype`.
template <typename Function>
auto VisitAnyDType(graph::DType dtype, const Function& fn) {
  return graph::VisitDType<float, double, graph::BFloat16, int32_t, int64_t, uint8_t, int8_t>(dtype,
                                                                                              fn);
}

class FunctionKernel : public graph::Kernel {
 public:
  FunctionKernel(const graph::KernelSpec& spec, Function function)
      : op_(*spec.op), types_(spec), function_(std::move(function)) {
    types_.op = &op_;
  }

  absl::Status Run() override {
    Call call(types_, args());
    function_(&call);
    return call.Store();
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
  CHECK(graph::IsFloat(in_type(i).dtype));
  return VisitAnyDType(in_type(i).dtype, [&](auto t) {
    const auto* x = static_cast<const decltype(t)*>(args_.inputs[i]);
    return std::vector<double>(x, x + in_type(i).elements());
  });
}

std::vector<int64_t> Call::Ints(int i) const {
  CHECK(!graph::IsFloat(in_type(i).dtype));
  return VisitAnyDType(in_type(i).dtype, [&](auto t) {
    const auto* x = static_cast<const decltype(t)*>(args_.inputs[i]);
    return std::vector<int64_t>(x, x + in_type(i).elements());
  });
}

std::vector<double>& Call::Out(int i) {
  reals_[i].resize(out_type(i).elements());
  return reals_[i];
}

std::vector<int64_t>& Call::OutInts(int i) {
  ints_[i].resize(out_type(i).elements());
  return ints_[i];
}

bool Call::Ids(int i, int64_t n, std::vector<int64_t>* ids) const {
  *ids = Ints(i);
  for (size_t k = 0; k < ids->size(); ++k) {
    if ((*ids)[k] < 0 || (*ids)[k] >= n) {
      return OutOfRange(i, k, static_cast<double>((*ids)[k]), 0, static_cast<double>(n));
    }
  }
  return true;
}

bool Call::Labels(int i, int64_t classes, std::vector<int64_t>* labels) const {
  *labels = Ints(i);
  for (size_t k = 0; k < labels->size(); ++k) {
    if ((*labels)[k] >= classes) {
      return OutOfRange(i, k, static_cast<double>((*labels)[k]), -graph::kNoBound,
                        static_cast<double>(classes));
    }
  }
  return true;
}

bool Call::OutOfRange(int input, size_t element, double value, double low, double high) const {
  is_faulty_ = true;
  args_.ReportOutOfRange(input, static_cast<int64_t>(element), value, low, high);
  return false;
}

bool Call::Fail(const std::string& message) {
  status_ = graph::InvalidArgument(op.Describe(), ": ", message);
  return false;
}

absl::Status Call::Store() {
  RETURN_IF_ERROR(status_);
  for (int i = 0; i < static_cast<int>(types_.outputs.size()); ++i) {
    const auto store = [&](auto* values) {
      const size_t n = out_type(i).elements();
      if (is_faulty_) values->resize(n);
      CHECK(values->size() == n);
      VisitAnyDType(out_type(i).dtype, [&](auto t) {
        using T = decltype(t);
        T* to = static_cast<T*>(args_.outputs[i]);
        for (size_t k = 0; k < n; ++k) to[k] = static_cast<T>((*values)[k]);
      });
    };
    graph::IsFloat(out_type(i).dtype) ? store(&reals_[i]) : store(&ints_[i]);
  }
  return absl::OkStatus();
}

void AddFunction(graph::KernelTable* table, std::string op_type, Function function) {
  table->Add(std::move(op_type), [function = std::move(function)](const graph::KernelSpec& spec) {
    return std::make_unique<FunctionKernel>(spec, function);
  });
}

void AddForEachTensor(graph::KernelTable* table, std::string op_type, int shared_inputs, int inputs,
                      int outputs, Function function) {
  table->Add(std::move(op_type), [=](const graph::KernelSpec& spec) {
    return std::make_unique<ForEachTensorKernel>(spec, shared_inputs, inputs, outputs, function);
  });
}

}  // namespace backends::reference
