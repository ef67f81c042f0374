// Describes an operator type without its kernels: inputs, outputs and attributes,
// shape inference, cost, which memory may be shared, which rows are read, and its
// gradient. Every operator, gradient operators included, must have all of these;
// SchemaRegistry::Add refuses an incomplete schema.
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
// last). Passes use this to compute only the rows that are read.
enum class RowUse {
  kSameRow,  // row i of the output reads row i of this input only
  kAllRows,  // any row of the same image, or the whole tensor
  kNone,     // not a row tensor: scalars, ids
};

// What shape inference is given. Check it with the Expect functions at the end of
// this file.
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
  int of_input = -1;  // the optional input that it belongs to, if there is one
};

// An operator that reads few rows of a tensor; see Schema::ReadsRows.
struct RowReading {
  int input = 0;            // input that holds the rows, (B, T, C)
  int ids = 0;              // input that says which rows are read
  std::string rows_op;      // operator type: ids -> the rows (B, Q) i32
  std::string gathered_op;  // operator type: those rows (B, Q, C) -> output 0
};

// Built by chaining:
//   Schema("Gelu", "y = x·Φ(x)").Input("x", "(..., C)", RowUse::kSameRow)
//       .Output("y", "(..., C)").InPlace(0, 0).SameTypeAsInput().ElementwiseCost(10)
//       .Gradient(GeluGradient)
struct Schema {
  Schema(std::string type, std::string doc) : type(std::move(type)), doc(std::move(doc)) {}

  Schema& Input(std::string name, std::string shape, RowUse row_use);
  Schema& OptionalInput(std::string name, std::string shape, RowUse row_use);
  Schema& VariadicInput(std::string name, std::string shape, RowUse row_use);
  Schema& Output(std::string name, std::string shape);
  // Required attribute; `example` fixes its type: int64_t{0}, 0.0f, std::string(), ...
  Schema& Attr(std::string name, AttrValue example, std::string doc);
  Schema& OptionalAttr(std::string name, AttrValue default_value, std::string doc);
  // The same, of operators that have the optional input `input`; the others have no such attribute.
  Schema& AttrOfInput(int input, std::string name, AttrValue default_value, std::string doc);
  // Output `output` may lie where input `input` lies if this is the input's last
  // use. Requires equal byte sizes, checked by Verify.
  Schema& InPlace(int input, int output);
  // The last `count` inputs and all outputs belong to one tensor, and an operator may
  // have them for several, all of one tensor before all of the next: it then does to each
  // what an operator of its own would do, bit for bit. In-place pairs hold tensor by
  // tensor. Attributes that are lists have one number a tensor, the others
  // hold for all. None of the inputs may be optional or variadic. The tensor_grouping
  // pass makes such operators.
  Schema& ForEachTensor(int count);

  // For the mixed_precision pass: it makes `inputs` bf16, by casts where necessary.
  // It may make `outputs` bf16, too: through the operator's string attribute "dtype"
  // if the schema has one; otherwise they follow input 0. Without this call inputs
  // and outputs stay f32.
  Schema& LowPrecision(std::vector<int> inputs, std::vector<int> outputs);
  // Inputs that the operator reads as they are, f32 or bf16.
  Schema& AnyPrecision(std::vector<int> inputs);

  // For the row_pruning pass: if only the first output is read, the operator reads
  // only the named rows of one input, and `gathered_op`, whose attributes are some of
  // this operator's, computes the same from these rows alone.
  Schema& ReadsRows(RowReading reading);
  // The optional input `ids` (B, Q) i32, the first after the required ones, names the
  // rows of the outputs that are computed, in that order; without it all are.
  Schema& MakesRowsNamedBy(int ids);

  Schema& Infer(InferFn fn);
  // Every output has the type of input 0.
  Schema& SameTypeAsInput();
  Schema& Cost(CostFn fn);
  // `flops_per_element` for each element of output 0; bytes of all inputs and outputs.
  Schema& ElementwiseCost(double flops_per_element);

  // Call exactly one of the next three.
  Schema& Gradient(GradientFn make);
  // Gradients stop here silently: the outputs count as constants.
  Schema& NoGradient(std::string reason);
  // Asking for a gradient through this operator is an error, for this reason.
  Schema& NotDifferentiable(std::string reason);

  // For an operator with `num_inputs` inputs, a number that Infer accepts: the number
  // of its tensors (1 without ForEachTensor) and of its outputs.
  int NumTensors(size_t num_inputs) const;
  size_t NumOutputs(size_t num_inputs) const;
  // The specification of an operator's input or output at `position`.
  const ArgSpec& InputAt(int position) const;
  const ArgSpec& OutputAt(int position) const;
  const AttrSpec* FindAttr(absl::string_view name) const;  // nullptr when unknown
  // The (input, output) positions that may share memory.
  std::vector<std::pair<int, int>> InPlacePairs(size_t num_inputs) const;
  bool MayShare(int input, int output) const;

  // What the calls above said.
  std::string type;
  std::string doc;
  std::vector<ArgSpec> inputs;
  std::vector<ArgSpec> outputs;
  std::vector<AttrSpec> attrs;
  std::vector<std::pair<int, int>> in_place;
  int inputs_each = 0;  // argument of ForEachTensor
  std::vector<int> low_precision_inputs;
  std::vector<int> low_precision_outputs;
  std::vector<int> any_precision_inputs;
  absl::optional<RowReading> reads_rows;
  absl::optional<int> makes_rows_named_by;
  InferFn infer;
  CostFn cost;
  GradientFn gradient;
  absl::optional<std::string> no_gradient, not_differentiable;  // the reason
};

// All schemas of a program. Explicit lists (ops/op_table.cc and the plugins') fill
// it once at start; afterwards it is read-only and thread-safe.
class SchemaRegistry : public OpRules {
 public:
  // Aborts, naming the type, if the schema is incomplete or the type exists: both
  // are bugs of the program.
  void Add(Schema schema);

  // nullptr when unknown.
  const Schema* Find(absl::string_view type) const;
  std::vector<std::string> Types() const;  // sorted

  // Fills in defaults; rejects unknown and missing attributes and wrong types. Inputs must be there.
  absl::Status CompleteAttrs(Op* op) const;

  absl::StatusOr<std::vector<TensorType>> Infer(const Op& op,
                                                absl::Span<const TensorType> inputs) const override;
  bool MayShare(const Op& op, int input, int output) const override;

  // Cost of one operator or of a whole net. The operators must be known.
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
