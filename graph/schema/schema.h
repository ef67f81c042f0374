// What is known about an operator type without any kernel: inputs, outputs and
// attributes, shape inference, cost, which memory may be shared, which rows are
// read, and its gradient. Every operator, gradient operators included, answers
// all of these; SchemaRegistry::Add refuses an incomplete schema.
#ifndef GRAPH_SCHEMA_SCHEMA_H_
#define GRAPH_SCHEMA_SCHEMA_H_

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "graph/ir/net.h"
#include "graph/ir/verify.h"

namespace graph {

class GradientBuilder;  // gradient.h

// Floating-point operations, and bytes moved once through memory.
struct Cost {
  int64_t flops = 0;
  int64_t bytes = 0;
};

// Which rows of an input an output row needs (rows: all dimensions but the
// last). Passes use it to compute only rows that something reads.
enum class RowUse {
  kSameRow,  // row i of the output reads row i of this input only
  kAllRows,  // any row of the same image, or the whole tensor
  kNone,     // not a row tensor: scalars, ids
};

// Inputs, attributes and helpers for shape inference. Use the macros-free
// checks: each returns a Status that names operator, input and shape.
struct InferContext {
  const Op& op;
  absl::Span<const TensorType> inputs;

  const TensorType& in(int i) const { return inputs[i]; }
};

using InferFn = std::function<absl::StatusOr<std::vector<TensorType>>(const InferContext&)>;
using CostFn = std::function<Cost(const Op&, absl::Span<const TensorType> inputs,
                                  absl::Span<const TensorType> outputs)>;
// Adds the gradient operators to the net; see gradient.h.
using GradientFn = std::function<absl::Status(GradientBuilder*)>;

// One input or output.
struct ArgSpec {
  std::string name;   // "x"
  std::string shape;  // "(B, T, C)", for people
  RowUse row_use = RowUse::kNone;
  bool optional = false;  // only trailing inputs
  bool variadic = false;  // only the last input: one or more
};

struct AttrSpec {
  std::string name;
  AttrValue example;                        // fixes the type
  absl::optional<AttrValue> default_value;  // absent: required
  std::string doc;
};

// An operator that reads few rows of a tensor; see Schema::ReadsRows.
struct RowReading {
  int input = 0;            // the rows' tensor (B, T, C)
  int ids = 0;              // an input that says which
  std::string rows_op;      // operator type: ids -> the rows (B, Q) i32
  std::string gathered_op;  // operator type: those rows (B, Q, C) -> output 0
};

// Built by chaining:
//   Schema("Gelu", "y = x·Φ(x)").Input("x", "(..., C)", RowUse::kSameRow)
//       .Output("y", "(..., C)").InPlace(0, 0).SameTypeAsInput().ElementwiseCost(10)
//       .Gradient(GeluGradient)
class Schema {
 public:
  Schema(std::string type, std::string doc) : type_(std::move(type)), doc_(std::move(doc)) {}

  Schema& Input(std::string name, std::string shape, RowUse row_use);
  Schema& OptionalInput(std::string name, std::string shape, RowUse row_use);
  Schema& VariadicInput(std::string name, std::string shape, RowUse row_use);
  Schema& Output(std::string name, std::string shape);
  // Required attribute; `example` fixes its type: int64_t{0}, 0.0f, std::string(), ...
  Schema& Attr(std::string name, AttrValue example, std::string doc);
  Schema& OptionalAttr(std::string name, AttrValue default_value, std::string doc);
  // Output `output` may lie where input `input` lies, if that is its last use.
  // Requires equal byte sizes, checked by Verify.
  Schema& InPlace(int input, int output);
  // The last `inputs` inputs and all outputs belong to one tensor, and an operator may
  // have them for several, all of one tensor before all of the next: it then does to each
  // what an operator of its own would do, bit for bit. In-place pairs hold tensor by
  // tensor. Attributes that are lists have one number a tensor, the others
  // hold for all. None of the inputs may be optional or variadic. The tensor_grouping
  // pass makes such operators.
  Schema& ForEachTensor(int inputs);

  // What the mixed_precision pass may do. `inputs` are wanted in low precision
  // (bf16), cast where they are not; `outputs` may be written so, by setting the
  // operator's string attribute "dtype" where the schema has one, else they follow
  // input 0. An operator that says nothing keeps f32 on both sides.
  Schema& LowPrecision(std::vector<int> inputs, std::vector<int> outputs);
  // Inputs that are read as they come, f32 or bf16.
  Schema& AnyPrecision(std::vector<int> inputs);

  // What the row_pruning pass may do. As long as nothing reads an output but the
  // first, only the named rows of one input are read, and another operator does the
  // same with these rows alone. Its attributes are some of this one's.
  Schema& ReadsRows(RowReading reading);
  // The optional input `ids` (B, Q) i32, the next one after the required, names the
  // rows of the outputs that are made, in that order; without it all are made.
  Schema& MakesRowsNamedBy(int ids);

  Schema& Infer(InferFn infer);
  // Every output has the type of input 0.
  Schema& SameTypeAsInput();
  Schema& Cost(CostFn cost);
  // `flops_per_element` for each element of output 0; bytes of all inputs and outputs.
  Schema& ElementwiseCost(double flops_per_element);

  // Exactly one of the three.
  Schema& Gradient(GradientFn make);
  // Gradients stop here silently: outputs are constants to their inputs.
  Schema& NoGradient(std::string reason);
  // Asking for a gradient through this operator is an error, for this reason.
  Schema& NotDifferentiable(std::string reason);

  const std::string& type() const { return type_; }
  const std::string& doc() const { return doc_; }
  const std::vector<ArgSpec>& inputs() const { return inputs_; }
  const std::vector<ArgSpec>& outputs() const { return outputs_; }
  const std::vector<AttrSpec>& attrs() const { return attrs_; }
  const std::vector<std::pair<int, int>>& in_place() const { return in_place_; }
  // Of ForEachTensor; 0: operators have all inputs and outputs once.
  int inputs_each() const { return inputs_each_; }

  // Of an operator with so many inputs, a number that Infer accepts:
  // how many tensors it has (1 without ForEachTensor), how many outputs,
  int NumTensors(size_t num_inputs) const;
  size_t NumOutputs(size_t num_inputs) const;
  // what is known of its input or output at `position`,
  const ArgSpec& InputAt(int position) const;
  const ArgSpec& OutputAt(int position) const;
  // and the (input, output) positions that may share memory.
  std::vector<std::pair<int, int>> InPlacePairs(size_t num_inputs) const;
  bool MayShare(int input, int output) const;
  const std::vector<int>& low_precision_inputs() const { return low_precision_inputs_; }
  const std::vector<int>& low_precision_outputs() const { return low_precision_outputs_; }
  const std::vector<int>& any_precision_inputs() const { return any_precision_inputs_; }
  const absl::optional<RowReading>& reads_rows() const { return reads_rows_; }
  const absl::optional<int>& makes_rows_named_by() const { return makes_rows_named_by_; }
  const InferFn& infer() const { return infer_; }
  const CostFn& cost() const { return cost_; }
  const GradientFn& gradient() const { return gradient_; }
  bool no_gradient() const { return no_gradient_; }
  bool not_differentiable() const { return not_differentiable_; }
  const std::string& gradient_reason() const { return gradient_reason_; }

 private:
  std::string type_;
  std::string doc_;
  std::vector<ArgSpec> inputs_;
  std::vector<ArgSpec> outputs_;
  std::vector<AttrSpec> attrs_;
  std::vector<std::pair<int, int>> in_place_;
  int inputs_each_ = 0;
  std::vector<int> low_precision_inputs_;
  std::vector<int> low_precision_outputs_;
  std::vector<int> any_precision_inputs_;
  absl::optional<RowReading> reads_rows_;
  absl::optional<int> makes_rows_named_by_;
  InferFn infer_;
  CostFn cost_;
  GradientFn gradient_;
  bool no_gradient_ = false;
  bool not_differentiable_ = false;
  std::string gradient_reason_;
};

// All schemas of a program. Filled once at start by explicit lists
// (ops/op_table.cc and the plugins'), read-only and thread-safe afterwards.
class SchemaRegistry : public OpRules {
 public:
  // Aborts, naming the type, when the schema is incomplete or the type taken:
  // both are bugs of the program.
  void Add(Schema schema);

  // nullptr when unknown.
  const Schema* Find(absl::string_view type) const;
  std::vector<std::string> Types() const;  // sorted

  // Fills in defaults; rejects unknown and missing attributes and wrong types.
  absl::Status CompleteAttrs(Op* op) const;

  absl::StatusOr<std::vector<TensorType>> Infer(const Op& op,
                                                absl::Span<const TensorType> inputs) const override;
  bool MayShare(const Op& op, int input, int output) const override;

  // Cost of one operator / of a whole net. The operators must be known.
  struct Cost OpCost(const Net& net, const Op& op) const;
  struct Cost NetCost(const Net& net) const;

 private:
  std::map<std::string, Schema, std::less<>> schemas_;
};

// Checks for shape inference; messages name the operator and the input.
absl::Status ExpectRank(const InferContext& c, int input, int rank);
absl::Status ExpectMinRank(const InferContext& c, int input, int rank);
absl::Status ExpectFloat(const InferContext& c, int input);
absl::Status ExpectDType(const InferContext& c, int input, DType dtype);
absl::Status ExpectShape(const InferContext& c, int input, absl::Span<const int64_t> shape);
// Input `input` has the same dtype as input `other`.
absl::Status ExpectSameDType(const InferContext& c, int input, int other);
absl::Status ExpectSameType(const InferContext& c, int input, int other);

}  // namespace graph

#endif  // GRAPH_SCHEMA_SCHEMA_H_
