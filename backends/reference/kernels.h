// The reference backend, with which every other backend is compared. Naive loops over
// whole tensors; all arithmetic is in double, whatever the storage type (f32, f64 or
// bf16), and rounded once when an output is stored. Kernels allocate freely and use one
// thread. Only for //tests and //tools.
#ifndef BACKENDS_REFERENCE_KERNELS_H_
#define BACKENDS_REFERENCE_KERNELS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "graph/runtime/kernel.h"

namespace backends::reference {

// One call of an operator. Outputs are stored after the function has returned, so functions need
// not care about in-place operands.
class Call {
 public:
  Call(const graph::KernelSpec& types, const graph::KernelArgs& args)
      : op(*types.op),
        types_(types),
        args_(args),
        reals_(types.outputs.size()),
        ints_(types.outputs.size()) {}

  const graph::Op& op;

  int num_inputs() const { return static_cast<int>(types_.inputs.size()); }
  const graph::TensorType& in_type(int i) const { return types_.inputs[i]; }
  const graph::TensorType& out_type(int i) const { return types_.outputs[i]; }

  // A copy of input `i`: f32, f64 or bf16.
  std::vector<double> In(int i) const;
  // A copy of input `i`: i32, i64, u8 or i8.
  std::vector<int64_t> Ints(int i) const;

  // Output `i`, zeroed: floats through Out, integers through OutInts.
  std::vector<double>& Out(int i);
  std::vector<int64_t>& OutInts(int i);

  // Checks. Where one is false the function returns.
  // Ids of input `i`; OutOfRange() if one is outside [0, n).
  bool Ids(int i, int64_t n, std::vector<int64_t>* ids) const;
  // Labels of input `i`; OutOfRange() if one is `classes` or more. Negative ones are no class, and
  // allowed.
  bool Labels(int i, int64_t classes, std::vector<int64_t>* labels) const;
  // False: reports the fault that element `element` of input `input` is `value`, outside
  // [low, high). All outputs are then zero.
  bool OutOfRange(int input, size_t element, double value, double low, double high) const;
  // False: makes `message` the error of the run.
  bool Fail(const std::string& message);
  // Whether this or an earlier operator of the run has found a fault.
  bool HasFault() const { return args_.fault->found != 0; }

  // Rounds to the output types and stores, or says why the function failed. It must have asked for
  // every output, unless there is a fault.
  absl::Status Store();

 private:
  const graph::KernelSpec& types_;
  const graph::KernelArgs& args_;
  mutable bool is_faulty_ = false;
  absl::Status status_;
  std::vector<std::vector<double>> reals_;
  std::vector<std::vector<int64_t>> ints_;
};

using Function = std::function<void(Call*)>;

// Adds a kernel that calls `function`, for any types that the schema allows.
void AddFunction(graph::KernelTable* table, std::string op_type, Function function);

// The same for a type whose schema says ForEachTensor(inputs) and has `shared_inputs` inputs
// before these: `function` is called for each tensor in turn, as if each had an operator of its
// own.
void AddForEachTensor(graph::KernelTable* table, std::string op_type, int shared_inputs, int inputs,
                      int outputs, Function function);

// y (rows, n) = x (rows, k) · w, where w is (k, n) or, with `trans_w`, (n, k).
std::vector<double> Multiply(absl::Span<const double> x, absl::Span<const double> w, int64_t rows,
                             int64_t k, int64_t n, bool trans_w);

// GELU and its derivative.
double Gelu(double x);
double GeluDerivative(double x);

// LayerNorm of `rows` rows of `cols`: y, mean and biased variance of each row.
void LayerNormRows(absl::Span<const double> x, absl::Span<const double> gamma,
                   absl::Span<const double> beta, double eps, int64_t rows, int64_t cols,
                   std::vector<double>* y, std::vector<double>* mean,
                   std::vector<double>* variance);

}  // namespace backends::reference

#endif  // BACKENDS_REFERENCE_KERNELS_H_
