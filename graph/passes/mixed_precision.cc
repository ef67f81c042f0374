// Computes in bf16 what the schemas allow, and casts where both worlds meet.
//
//   before                                  after
//   state w f32[64,32]                      state w f32[64,32]
//   y f32[8,32], m f32[8], v f32[8] =       y bf16[8,32], m f32[8], v f32[8] =
//       LayerNorm(x, g, h)                      LayerNorm(x, g, h) dtype="bf16"
//                                           w.bf16 bf16[64,32] = Cast(w) dtype="bf16"
//   p f32[8,64] = Linear(y, w, b)           p f32[8,64] = Linear(y, w.bf16, b) dtype="f32"
//   l f32[1] = Loss(p)                      l f32[1] = Loss(p)
//
// Which operators: PipelineOptions.precision, or the first of precision_overrides
// that the operator lies in; kBF16 takes part, kF32 does not, and kInt8Products says nothing
// here: a backend makes 8-bit products of what is in either precision. Of those that take part,
// schemas decide (Schema::LowPrecision, AnyPrecision); this pass knows no operator but Cast.
//
//   Inputs    LowPrecision: read in bf16. AnyPrecision: read as they were written.
//             Others, and all of an operator that does not take part: f32.
//   Outputs   LowPrecision: written in bf16 where every reader takes bf16 and the
//             value is not a root, else in f32. Without an attribute "dtype" the
//             type follows the inputs, and readers that want f32 get a Cast.
//   Others    keep their type: a sum of bf16 values that nobody wants in bf16
//             stays f32, as the residual stream does; one operand is cast for it.
//
// One Cast for each value and type, right after the operator that makes the
// value; for inputs and states right before the first reader.
//
// Does not apply to integers and f64. Values change within bf16's rounding (8
// bits); sums inside operators are f32 whatever the operands.
//
// Comes after all fusions, which know one type.
#include <algorithm>
#include <string>
#include <utility>

#include "graph/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

constexpr DType kFull = DType::kF32;
constexpr DType kLow = DType::kBF16;

bool Contains(const std::vector<int>& positions, int k) {
  return std::find(positions.begin(), positions.end(), k) != positions.end();
}

class Rewriter {
 public:
  Rewriter(std::vector<bool> takes_part, Net* net, const SchemaRegistry& registry)
      : takes_part_(std::move(takes_part)),
        net_(*net),
        registry_(registry),
        uses_(*net),
        values_(net->blobs.size()),
        before_(net->ops.size()),
        after_(net->ops.size()),
        is_state_(net->blobs.size()) {
    for (const State& state : net->states) is_state_[state.entry] = true;
    for (size_t b = 0; b < values_.size(); ++b) {
      values_[b].was_full = net->blobs[b].type.dtype == kFull;
      values_[b].full = static_cast<BlobId>(b);
    }
  }

  absl::StatusOr<bool> Run() {
    // In order of operators, so that what an operator reads has its final type.
    for (OpId i = 0; i < static_cast<OpId>(net_.ops.size()); ++i) RETURN_IF_ERROR(Rewrite(i));
    if (!changed_) return false;
    InsertOps(std::move(before_), std::move(after_), &net_);
    FinishRewrite(&net_);
    return true;
  }

 private:
  // A blob of the net as it was: the blobs that now hold its value.
  struct Value {
    bool was_full = false;
    bool written_low = false;  // which of the two its operator writes
    BlobId full = kNone;
    BlobId low = kNone;
  };

  const Schema& SchemaOf(OpId op) const { return *registry_.Find(net_.ops[op].type); }

  bool WantsLow(const Uses::Reader& reader) const {
    return takes_part_[reader.op] &&
           Contains(SchemaOf(reader.op).low_precision_inputs, reader.input);
  }
  bool TakesLow(const Uses::Reader& reader) const {
    return WantsLow(reader) || (takes_part_[reader.op] &&
                                Contains(SchemaOf(reader.op).any_precision_inputs, reader.input));
  }
  // Whether nothing asks for `blob` by name, and `holds` holds for all that read it.
  template <typename Holds>
  bool EveryReader(BlobId blob, const Holds& holds) const {
    const auto& readers = uses_.readers[blob];
    return !uses_.is_root[blob] && std::all_of(readers.begin(), readers.end(), holds);
  }

  // An operator from `from` to `to`, which holds the value of `blob`.
  absl::Status AddCast(BlobId from, BlobId to, BlobId blob, OpId reader) {
    const OpId producer = uses_.producer[blob];
    const bool is_made = producer != kNone;
    Op cast = NewOp("Cast", absl::StrCat("cast/", net_.blob(to).name),
                    net_.ops[is_made ? producer : reader]);
    if (is_state_[blob]) cast.part = net_.blob(blob).name;
    cast.inputs = {from};
    cast.outputs = {to};
    cast.attrs["dtype"] = std::string(DTypeName(net_.type(to).dtype));
    RETURN_IF_ERROR(registry_.CompleteAttrs(&cast));
    (is_made ? after_[producer] : before_[reader]).push_back(std::move(cast));
    changed_ = true;
    return absl::OkStatus();
  }

  // The blob that holds `blob`'s value in `dtype`, for operator `reader`.
  absl::StatusOr<BlobId> In(DType dtype, BlobId blob, OpId reader) {
    Value& value = values_[blob];
    BlobId& wanted = dtype == kLow ? value.low : value.full;
    if (wanted == kNone) {
      const BlobId from = dtype == kLow ? value.full : value.low;
      const TensorType type = {dtype, net_.type(from).shape};
      wanted = AddNewBlob(absl::StrCat(net_.blob(blob).name, ".", DTypeName(dtype)), type, &net_);
      RETURN_IF_ERROR(AddCast(from, wanted, blob, reader));
    }
    return wanted;
  }

  absl::StatusOr<std::vector<TensorType>> Infer(const Op& op) const {
    return registry_.Infer(op, net_.types(op.inputs));
  }

  absl::StatusOr<Op> WithNewInputs(OpId i) {
    Op op = net_.ops[i];
    for (size_t k = 0; k < op.inputs.size(); ++k) {
      const BlobId blob = op.inputs[k];
      if (!values_[blob].was_full) continue;
      const Uses::Reader reader = {i, static_cast<int>(k)};
      DType dtype = kFull;
      if (WantsLow(reader) || (TakesLow(reader) && values_[blob].written_low)) dtype = kLow;
      ASSIGN_OR_RETURN(op.inputs[k], In(dtype, blob, i));
    }
    return op;
  }

  // Sets the attribute "dtype", if there is one, to what the readers take.
  absl::Status ChooseOutputs(OpId i, Op* op) {
    const Schema& schema = SchemaOf(i);
    const std::vector<int>& lows = schema.low_precision_outputs;
    if (!takes_part_[i] || lows.empty() || schema.FindAttr("dtype") == nullptr)
      return absl::OkStatus();
    if (std::all_of(lows.begin(), lows.end(), [&](int k) {
          return values_[op->outputs[k]].was_full &&
                 EveryReader(op->outputs[k], [this](auto& r) { return TakesLow(r); });
        })) {
      op->attrs["dtype"] = std::string(DTypeName(kLow));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const std::vector<TensorType> inferred, Infer(*op));
    for (int k : lows) {
      const DType dtype = net_.type(op->outputs[k]).dtype;
      if (inferred[k].dtype != dtype) op->attrs["dtype"] = std::string(DTypeName(dtype));
    }
    return absl::OkStatus();
  }

  // Whether an output would become bf16 that is neither declared to nor wanted so.
  absl::StatusOr<bool> SpoilsOutput(OpId i, const Op& op) const {
    ASSIGN_OR_RETURN(const std::vector<TensorType> inferred, Infer(op));
    for (size_t k = 0; k < op.outputs.size(); ++k) {
      const BlobId blob = op.outputs[k];
      if (inferred[k].dtype == kLow && net_.type(blob).dtype == kFull &&
          !Contains(SchemaOf(i).low_precision_outputs, static_cast<int>(k)) &&
          !EveryReader(blob, [this](auto& r) { return WantsLow(r); })) {
        return true;
      }
    }
    return false;
  }

  absl::Status Rewrite(OpId i) {
    ASSIGN_OR_RETURN(Op op, WithNewInputs(i));
    if (op.inputs == net_.ops[i].inputs && !takes_part_[i]) return absl::OkStatus();
    RETURN_IF_ERROR(ChooseOutputs(i, &op));
    for (int k : SchemaOf(i).any_precision_inputs) {
      if (k >= static_cast<int>(op.inputs.size())) continue;
      const BlobId blob = net_.ops[i].inputs[k];
      if (!values_[blob].was_full || net_.type(op.inputs[k]).dtype == kFull) continue;
      ASSIGN_OR_RETURN(const bool spoils, SpoilsOutput(i, op));
      if (!spoils) break;
      ASSIGN_OR_RETURN(op.inputs[k], In(kFull, blob, i));
    }
    ASSIGN_OR_RETURN(const std::vector<TensorType> inferred, Infer(op));
    for (size_t k = 0; k < op.outputs.size(); ++k) {
      const BlobId blob = op.outputs[k];
      Value& value = values_[blob];
      if (inferred[k].dtype != kLow || !value.was_full) continue;
      changed_ = true;
      value.written_low = true;
      if (uses_.is_root[blob]) {  // keeps its type, and its name
        value.low = op.outputs[k] = AddNewBlob(
            absl::StrCat(net_.blob(blob).name, ".", DTypeName(kLow)), inferred[k], &net_);
        RETURN_IF_ERROR(AddCast(value.low, blob, blob, i));
      } else {
        net_.blobs[blob].type.dtype = kLow;
        value.low = blob;
        value.full = kNone;
      }
    }
    changed_ |= op.inputs != net_.ops[i].inputs || op.attrs != net_.ops[i].attrs;
    net_.ops[i] = std::move(op);
    return absl::OkStatus();
  }

  std::vector<bool> takes_part_;  // by operator
  Net& net_;
  const SchemaRegistry& registry_;
  const Uses uses_;            // of the net as it was
  std::vector<Value> values_;  // by blob of the net as it was
  std::vector<std::vector<Op>> before_, after_;
  std::vector<bool> is_state_;  // by blob of the net as it was: the entry of a state
  bool changed_ = false;
};

bool TakesPart(const PipelineOptions& options, const Op& op) {
  const ComputePrecision precision = PrecisionOf(options, op.part);
  return (precision == ComputePrecision::kInt8Products ? options.precision : precision) ==
         ComputePrecision::kBF16;
}

absl::StatusOr<bool> Run(const PipelineOptions& options, Net* net, const SchemaRegistry& registry) {
  std::vector<bool> takes_part;
  for (const Op& op : net->ops) takes_part.push_back(TakesPart(options, op));
  if (std::find(takes_part.begin(), takes_part.end(), true) == takes_part.end()) return false;
  return Rewriter(std::move(takes_part), net, registry).Run();
}

}  // namespace

Pass MixedPrecisionPass(const PipelineOptions& options) {
  return {"mixed_precision", [options](Net* net, const SchemaRegistry& registry) {
            return Run(options, net, registry);
          }};
}

}  // namespace graph
