// Computes only the rows that an operator reads, where integers say which.
//
//   before                                   after
//   q f32[B,T,3D] = Linear(n, ...)           q f32[B,T,3D] = Linear(n, ...)
//                                            r i32[B,Q] = RowsOp(ids) @rows.op
//   a f32[B,T,D], l = Attention(q)           a f32[B,Q,D], l = Attention(q, r)
//   p f32[B,T,D] = Linear(a, w, b)           p f32[B,Q,D] = Linear(a, w, b)
//                                            x.rows f32[B,Q,D] = GatherRows(x, r) @add.rows
//   y f32[B,T,D] = Add(x, p) @add            y f32[B,Q,D] = Add(x.rows, p) @add
//   z, all = Op(y, ids) @op                  z = GatheredOp(y) @op
//
// It starts from operators whose schema names RowsOp and GatheredOp (Schema::ReadsRows),
// where only their first output is read. From there back, an operator makes few rows
// when nothing reads or keeps others of its results and when its schema allows it: each of
// its inputs is read in the same row (RowUse::kSameRow) or in all rows whatever is
// made (weights), or its rows can be named (Schema::MakesRowsNamedBy, as the queries
// of Attention). Shape inference decides the rest: a position table, added to all rows,
// does not fit fewer. Where rows are needed of a tensor that is made whole, a GatherRows
// stands before the first reader.
//
// Preconditions: gradients have been taken (they read all rows, so training prunes
// what has none: the guide's last block); rows of (B, T, C) tensors; fewer of them than
// there are; the integers are made before the operators in question.
//
// Equal within rounding: products of fewer rows may add in another order.
#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/passes/passes.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

// One operator that reads few rows, and what leads to it.
class Pruner {
 public:
  Pruner(Net* net, const SchemaRegistry& registry, OpId reader)
      : net_(*net),
        registry_(registry),
        reader_(reader),
        reading_(*SchemaOf(net->ops[reader]).reads_rows),
        uses_(*net),
        before_(net->ops.size()) {}

  absl::StatusOr<bool> Run() {
    const Op& reader = net_.ops[reader_];
    for (size_t k = 1; k < reader.outputs.size(); ++k) {
      if (IsRead(reader.outputs[k])) return false;
    }
    RETURN_IF_ERROR(FindRows(reader));
    for (OpId i = reader_ - 1; i > uses_.producer[rows_op_.inputs[0]]; --i) {
      absl::optional<std::vector<TensorType>> types = TypesOfFewRows(net_.ops[i]);
      if (types) few_[i] = *std::move(types);
    }
    if (few_.empty()) return false;

    rows_op_.outputs = {AddNewBlob(rows_op_.name, rows_type_, &net_)};
    const OpId maker = uses_.producer[rows_op_.inputs[0]];
    std::vector<std::vector<Op>> after(net_.ops.size());
    (maker == kNone ? before_[few_.begin()->first] : after[maker]).push_back(rows_op_);
    for (const auto& [i, types] : few_) MakeFewRows(i, types);
    RETURN_IF_ERROR(ReplaceReader());
    InsertOps(std::move(before_), std::move(after), &net_);
    FinishRewrite(&net_);
    return true;
  }

 private:
  const Schema& SchemaOf(const Op& op) const { return *registry_.Find(op.type); }

  // ---- which operators can make few rows, from the last to the first

  // The operator that names the rows, and the type (B, Q) of these.
  absl::Status FindRows(const Op& reader) {
    const BlobId ids = reader.inputs[reading_.ids];
    // "guide/rows.weights"; its part is that of the ids, which it belongs to and runs long before
    // the reader as they do.
    const size_t scope = reader.name.rfind('/');
    std::string name = reader.name;
    name.insert(scope == std::string::npos ? 0 : scope + 1, "rows.");
    const OpId maker = uses_.producer[ids];
    rows_op_ = NewOp(reading_.rows_op, name, maker == kNone ? reader : net_.ops[maker]);
    rows_op_.inputs = {ids};
    RETURN_IF_ERROR(registry_.CompleteAttrs(&rows_op_));
    ASSIGN_OR_RETURN(const std::vector<TensorType> types,
                     registry_.Infer(rows_op_, {net_.type(rows_op_.inputs[0])}));
    rows_type_ = types[0];
    return absl::OkStatus();
  }

  // (B, T, C) with the named rows only; false where these are not fewer.
  bool Shrink(TensorType* type) const {
    if (type->rank() != 3 || type->dim(0) != rows_type_.dim(0)) return false;
    if (rows_type_.dim(1) >= type->dim(1)) return false;
    type->shape[1] = rows_type_.dim(1);
    return true;
  }

  bool IsRead(BlobId blob) const { return uses_.is_root[blob] || !uses_.readers[blob].empty(); }

  // Whether `op` reads of an input only the rows that it makes.
  bool ReadsSameRow(const Op& op, size_t input) const {
    const Schema& schema = SchemaOf(op);
    return schema.InputAt(static_cast<int>(input)).row_use == RowUse::kSameRow &&
           !schema.makes_rows_named_by;
  }

  // Whether no other rows of `blob` are read, when what its readers make is known.
  bool OnlyNamedRowsAreRead(BlobId blob) const {
    const std::vector<Uses::Reader>& readers = uses_.readers[blob];
    return !uses_.is_root[blob] &&
           std::all_of(readers.begin(), readers.end(), [this](const Uses::Reader& reader) {
             if (reader.op == reader_) return reader.input == reading_.input;
             return few_.count(reader.op) > 0 && ReadsSameRow(net_.ops[reader.op], reader.input);
           });
  }

  // The types of what `op` makes when it makes the named rows only; nothing where it cannot
  // or others are read.
  absl::optional<std::vector<TensorType>> TypesOfFewRows(const Op& op) const {
    bool is_read = false;
    for (BlobId b : op.outputs) {
      is_read |= IsRead(b);
      if (!OnlyNamedRowsAreRead(b)) return absl::nullopt;
    }
    if (!is_read) return absl::nullopt;
    std::vector<TensorType> inputs = net_.types(op.inputs);
    bool is_fewer = false;
    for (size_t k = 0; k < op.inputs.size(); ++k) {
      if (!ReadsSameRow(op, k)) continue;
      if (!Shrink(&inputs[k])) return absl::nullopt;
      is_fewer = true;
    }
    if (const auto& ids = SchemaOf(op).makes_rows_named_by) {
      if (static_cast<int>(op.inputs.size()) != *ids) return absl::nullopt;  // other rows already
      inputs.push_back(rows_type_);
      is_fewer = true;
    }
    if (!is_fewer) return absl::nullopt;
    auto outputs = registry_.Infer(op, inputs);
    if (!outputs.ok()) return absl::nullopt;
    for (size_t k = 0; k < op.outputs.size(); ++k) {
      if (!IsRead(op.outputs[k])) continue;
      TensorType wanted = net_.type(op.outputs[k]);
      if (!Shrink(&wanted) || (*outputs)[k] != wanted) return absl::nullopt;
    }
    return *std::move(outputs);
  }

  // ---- rewriting, from the first operator to the last

  // `blob` with the named rows only, for operator `reader`.
  BlobId Gathered(BlobId blob, OpId reader) {
    if (few_.count(uses_.producer[blob]) > 0) return blob;
    const auto [it, is_new] = gathered_.try_emplace(blob, kNone);
    if (!is_new) return it->second;
    Op op = NewOp("GatherRows", absl::StrCat(net_.ops[reader].name, ".rows"), net_.ops[reader]);
    op.inputs = {blob, rows_op_.outputs[0]};
    TensorType type = net_.type(blob);
    CHECK(Shrink(&type));
    it->second = AddNewBlob(absl::StrCat(net_.blob(blob).name, ".rows"), type, &net_);
    op.outputs = {it->second};
    before_[reader].push_back(std::move(op));
    return it->second;
  }

  void MakeFewRows(OpId i, const std::vector<TensorType>& types) {
    Op& op = net_.ops[i];
    for (size_t k = 0; k < op.inputs.size(); ++k) {
      if (ReadsSameRow(op, k)) op.inputs[k] = Gathered(op.inputs[k], i);
    }
    if (SchemaOf(op).makes_rows_named_by) op.inputs.push_back(rows_op_.outputs[0]);
    for (size_t k = 0; k < types.size(); ++k) net_.blobs[op.outputs[k]].type = types[k];
  }

  absl::Status ReplaceReader() {
    Op& reader = net_.ops[reader_];
    Op op = NewOp(reading_.gathered_op, reader.name, reader);
    op.inputs = {reader.inputs[reading_.input]};
    op.outputs = {reader.outputs[0]};
    if (const Schema* schema = registry_.Find(op.type)) {
      for (const AttrSpec& spec : schema->attrs) op.attrs[spec.name] = reader.attrs[spec.name];
    }
    reader = std::move(op);
    return registry_.CompleteAttrs(&reader);
  }

  Net& net_;
  const SchemaRegistry& registry_;
  const OpId reader_;
  const RowReading reading_;
  const Uses uses_;  // of the net as it was
  Op rows_op_;
  TensorType rows_type_;
  // By operator that is to make the named rows only: the types of its outputs.
  std::map<OpId, std::vector<TensorType>> few_;
  std::map<BlobId, BlobId> gathered_;
  std::vector<std::vector<Op>> before_;
};

absl::StatusOr<bool> Run(Net* net, const SchemaRegistry& registry) {
  bool changed = false;
  for (size_t i = 0; i < net->ops.size(); ++i) {
    if (!registry.Find(net->ops[i].type)->reads_rows) continue;
    ASSIGN_OR_RETURN(const bool pruned, Pruner(net, registry, static_cast<OpId>(i)).Run());
    changed |= pruned;  // operators moved back then, so none is left out
  }
  return changed;
}

}  // namespace

Pass RowPruningPass() { return {"row_pruning", Run}; }

}  // namespace graph
