#include "graph/passes/row_pruning.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/passes/rewrite.h"

namespace graph {
namespace {

// Integers that name rows: a blob, or what an operator makes of it or of another set.
struct RowSet {
  Op maker;  // without a type: the blob itself
  int from = -1;
  BlobId ids = kNone;   // the blob that it starts from
  TensorType type;      // (B, V) i32
  BlobId rows = kNone;  // kNone until it is made
};

// Which rows of a blob are read: those of a row set, by its index, or:
constexpr int kUnread = -1;
constexpr int kEvery = -2;

class Pruner {
 public:
  Pruner(Net* net, const SchemaRegistry& registry, bool before_gradients)
      : net_(*net),
        registry_(registry),
        before_gradients_(before_gradients),
        uses_(*net),
        needs_(net->blobs.size(), kUnread),
        made_(net->ops.size(), kEvery),
        source_(net->ops.size(), kEvery),
        moved_(net->ops.size(), kEvery),
        stands_for_(net->blobs.size()),
        before_(net->ops.size()),
        after_(net->ops.size()) {
    std::iota(stands_for_.begin(), stands_for_.end(), 0);
  }

  absl::StatusOr<bool> Run() {
    for (size_t b = 0; b < needs_.size(); ++b) {
      if (uses_.is_root[b]) needs_[b] = kEvery;
    }
    for (size_t i = net_.ops.size(); i-- > 0;) Analyze(static_cast<OpId>(i));
    if (std::all_of(made_.begin(), made_.end(), [](int rows) { return rows == kEvery; })) {
      return false;
    }
    std::vector<bool> drop(net_.ops.size(), false);
    for (size_t i = 0; i < net_.ops.size(); ++i) {
      ASSIGN_OR_RETURN(const bool dropped, Rewrite(static_cast<OpId>(i)));
      drop[i] = dropped;
    }
    Op nothing;
    for (size_t i = 0; i < net_.ops.size(); ++i) {
      if (drop[i]) net_.ops[i] = nothing;
    }
    InsertOps(std::move(before_), std::move(after_), &net_);
    drop.assign(net_.ops.size(), false);
    for (size_t i = 0; i < net_.ops.size(); ++i) drop[i] = net_.ops[i].type.empty();
    FinishRewrite(drop, &net_);
    return true;
  }

 private:
  const Schema& SchemaOf(const Op& op) const { return *registry_.Find(op.type); }

  RowUse UseOf(const Op& op, int input) const { return SchemaOf(op).InputAt(input).row_use; }

  // ---- which rows are read, from the last operator to the first

  void Need(BlobId blob, int rows) {
    int& need = needs_[blob];
    need = need == kUnread || need == rows ? rows : kEvery;
  }

  // The index of a row set, new or not: blob `ids`, or the set `from`, as operator type
  // `made_by` takes it for `op`. kEvery where its type cannot be known.
  int FindRowSet(const std::string& made_by, const Op& op, BlobId ids, int from = -1) {
    RowSet set;
    set.from = from;
    set.ids = from < 0 ? ids : sets_[from].ids;
    set.type = from < 0 ? net_.type(ids) : sets_[from].type;
    if (!made_by.empty()) {
      set.maker = Replacement(op, made_by, set.ids);
      set.maker.outputs.clear();
      // "guide/rows.weights": a part of its own, as it runs long before what reads it.
      const size_t scope = op.name.rfind('/');
      set.maker.name.insert(scope == std::string::npos ? 0 : scope + 1, "rows.");
      if (!registry_.CompleteAttrs(&set.maker).ok()) return kEvery;
      const auto types = registry_.Infer(set.maker, {set.type});
      if (!types.ok() || types->size() != 1) return kEvery;
      set.type = types->front();
    }
    if (set.type.dtype != DType::kI32 || set.type.rank() != 2) return kEvery;
    for (size_t s = 0; s < sets_.size(); ++s) {
      const Op& maker = sets_[s].maker;
      if (sets_[s].from == from && sets_[s].ids == set.ids && maker.type == set.maker.type &&
          maker.attrs == set.maker.attrs) {
        return static_cast<int>(s);
      }
    }
    sets_.push_back(std::move(set));
    return static_cast<int>(sets_.size()) - 1;
  }

  // (B, T, C) with the rows of `set` only; nothing where these are not fewer.
  bool Shrink(int set, TensorType* type) const {
    const TensorType& ids = sets_[set].type;
    if (type->rank() != 3 || type->dim(0) != ids.dim(0) || ids.dim(1) >= type->dim(1)) return false;
    type->shape[1] = ids.dim(1);
    return true;
  }

  // Where the operator reads few rows of an input by itself: the row set, and the input.
  std::pair<int, BlobId> ReadsFewRows(const Op& op) {
    // The gradient does not pass here; what leads here alone is pruned after it is taken.
    if (before_gradients_ && SchemaOf(op).no_gradient()) return {kEvery, kNone};
    int set = kEvery;
    BlobId blob = kNone;
    if (op.type == "GatherRows") {
      if (uses_.is_root[op.outputs[0]]) return {kEvery, kNone};
      blob = op.inputs[0];
      set = FindRowSet("", op, op.inputs[1]);
    } else if (const auto& reading = SchemaOf(op).reads_rows()) {
      for (size_t k = 1; k < op.outputs.size() && !reading->gathered_op.empty(); ++k) {
        if (needs_[op.outputs[k]] != kUnread) return {kEvery, kNone};
      }
      blob = op.inputs[reading->input];
      set = FindRowSet(reading->rows_op, op, op.inputs[reading->ids]);
    }
    if (set == kEvery) return {kEvery, kNone};
    TensorType type = net_.type(blob);
    if (!Shrink(set, &type)) return {kEvery, kNone};
    const auto& reading = SchemaOf(op).reads_rows();
    if (reading && reading->gathered_op.empty() && !Takes(op, reading->input, type)) {
      return {kEvery, kNone};
    }
    return {set, blob};
  }

  // Whether `op` makes the same of its inputs with another type of one.
  bool Takes(const Op& op, int input, const TensorType& type) const {
    std::vector<TensorType> inputs, outputs;
    for (BlobId b : op.inputs) inputs.push_back(net_.type(b));
    for (BlobId b : op.outputs) outputs.push_back(net_.type(b));
    inputs[input] = type;
    const auto inferred = registry_.Infer(op, inputs);
    return inferred.ok() && *inferred == outputs;
  }

  // The rows of the input from which `op` moves the rows of `set`; kEvery where it does
  // not, or where they are not fewer.
  int MovedRows(const Op& op, int set) {
    const std::string& rows_op = SchemaOf(op).moves_rows();
    if (rows_op.empty()) return kEvery;
    const int from = FindRowSet(rows_op, op, kNone, set);
    TensorType type = net_.type(op.inputs[0]);
    return from != kEvery && Shrink(from, &type) ? from : kEvery;
  }

  // Whether operator `i` can make the rows of `set` only, as far as they are read.
  bool CanMake(OpId i, int set) const {
    const Op& op = net_.ops[i];
    const Schema& schema = SchemaOf(op);
    if (uses_.producer[sets_[set].ids] >= i) return false;
    if (moved_[i] != kEvery) return true;
    bool by_ids = false, by_rows = false;
    if (const auto& ids = schema.makes_rows_named_by()) {
      if (before_gradients_) return false;  // nobody has the gradient of that
      if (static_cast<int>(op.inputs.size()) != *ids) return false;  // other rows already
      by_ids = true;
    }
    std::vector<TensorType> inputs;
    for (size_t k = 0; k < op.inputs.size(); ++k) {
      inputs.push_back(net_.type(op.inputs[k]));
      const RowUse use = UseOf(op, static_cast<int>(k));
      if (use == RowUse::kNamedRows) return false;
      if (by_ids || use != RowUse::kSameRow) continue;
      if (!Shrink(set, &inputs.back())) return false;
      by_rows = true;
    }
    if (by_ids) inputs.push_back(sets_[set].type);
    if (!by_ids && !by_rows) return false;
    const auto outputs = registry_.Infer(op, inputs);
    if (!outputs.ok()) return false;
    for (size_t k = 0; k < op.outputs.size(); ++k) {
      if (needs_[op.outputs[k]] == kUnread) continue;
      TensorType wanted = net_.type(op.outputs[k]);
      if (!Shrink(set, &wanted) || (*outputs)[k] != wanted) return false;
    }
    return true;
  }

  void Analyze(OpId i) {
    const Op& op = net_.ops[i];
    const auto [set, few] = ReadsFewRows(op);
    source_[i] = set;
    int made = kUnread;
    if (set == kEvery) {
      for (BlobId b : op.outputs) {
        if (needs_[b] == kUnread) continue;
        made = made == kUnread || made == needs_[b] ? needs_[b] : kEvery;
      }
    }
    if (made >= 0) moved_[i] = MovedRows(op, made);
    if (made >= 0 && CanMake(i, made)) made_[i] = made;
    const bool all = made_[i] == kEvery || SchemaOf(op).makes_rows_named_by();
    for (size_t k = 0; k < op.inputs.size(); ++k) {
      const BlobId blob = op.inputs[k];
      if (set != kEvery && blob == few) {
        Need(blob, set);
      } else if (!all && moved_[i] != kEvery) {
        Need(blob, k == 0 ? moved_[i] : kEvery);
      } else if (!all && UseOf(op, static_cast<int>(k)) == RowUse::kSameRow) {
        Need(blob, made_[i]);
      } else {
        Need(blob, kEvery);
      }
    }
  }

  // ---- rewriting, from the first operator to the last

  // Whether `blob` is made with the rows of `set` only.
  bool HasFewRows(BlobId blob, int set) const {
    const OpId producer = uses_.producer[blob];
    return producer != kNone && made_[producer] == set && needs_[blob] == set;
  }

  // The blob that names the rows.
  absl::StatusOr<BlobId> Rows(int s) {
    RowSet& set = sets_[s];
    if (set.rows != kNone) return set.rows;
    if (set.maker.type.empty()) return set.rows = set.ids;
    Op op = set.maker;
    if (set.from >= 0) {
      ASSIGN_OR_RETURN(op.inputs[0], Rows(set.from));
    }
    set.rows = AddNewBlob(op.name, set.type, &net_);
    op.outputs = {set.rows};
    const OpId producer = uses_.producer[set.ids];
    if (producer != kNone) {  // it runs there, long before what reads it
      op.phase = net_.ops[producer].phase;
      op.part = net_.ops[producer].part;
    }
    (producer == kNone ? before_[0] : after_[producer]).push_back(std::move(op));
    return set.rows;
  }

  // `blob` with the rows of `set` only, for operator `reader`.
  absl::StatusOr<BlobId> Gathered(BlobId blob, int set, OpId reader) {
    if (HasFewRows(blob, set)) return stands_for_[blob];
    const auto [it, is_new] = gathered_.try_emplace({blob, set}, kNone);
    if (!is_new) return it->second;
    Op op = NewOp("GatherRows", absl::StrCat(net_.ops[reader].name, ".rows"), net_.ops[reader]);
    ASSIGN_OR_RETURN(const BlobId rows, Rows(set));
    op.inputs = {stands_for_[blob], rows};
    TensorType type = net_.type(blob);
    if (!Shrink(set, &type)) {
      return absl::InternalError(absl::StrCat("'", net_.blob(blob).name, "' does not shrink"));
    }
    it->second = AddNewBlob(absl::StrCat(net_.blob(blob).name, ".rows"), type, &net_);
    op.outputs = {it->second};
    RETURN_IF_ERROR(registry_.CompleteAttrs(&op));
    before_[reader].push_back(std::move(op));
    return it->second;
  }

  // Rewrites operator `i`; true when it is to be dropped.
  absl::StatusOr<bool> Rewrite(OpId i) {
    Op op = net_.ops[i];
    if (source_[i] != kEvery) {
      const auto& reading = SchemaOf(op).reads_rows();
      const BlobId blob = op.inputs[reading ? reading->input : 0];
      if (HasFewRows(blob, source_[i])) {
        if (!reading) {
          stands_for_[op.outputs[0]] = stands_for_[blob];
          return true;
        }
        if (reading->gathered_op.empty()) {
          for (BlobId& input : op.inputs) input = stands_for_[input];
          net_.ops[i] = std::move(op);
          return false;
        }
        op = Replacement(op, reading->gathered_op, stands_for_[blob]);
        RETURN_IF_ERROR(registry_.CompleteAttrs(&op));
        net_.ops[i] = std::move(op);
        return false;
      }
    }
    const int set = made_[i];
    if (set != kEvery && moved_[i] != kEvery) {
      ASSIGN_OR_RETURN(stands_for_[op.outputs[0]], Gathered(op.inputs[0], moved_[i], i));
      return true;
    }
    const bool by_ids = set != kEvery && SchemaOf(op).makes_rows_named_by();
    for (size_t k = 0; k < op.inputs.size(); ++k) {
      const BlobId blob = op.inputs[k];
      op.inputs[k] = stands_for_[blob];
      if (set == kEvery || by_ids || UseOf(op, static_cast<int>(k)) != RowUse::kSameRow) continue;
      ASSIGN_OR_RETURN(op.inputs[k], Gathered(blob, set, i));
    }
    if (by_ids) {
      ASSIGN_OR_RETURN(const BlobId rows, Rows(set));
      op.inputs.push_back(rows);
    }
    if (set != kEvery) {
      std::vector<TensorType> inputs;
      for (BlobId b : op.inputs) inputs.push_back(net_.type(b));
      ASSIGN_OR_RETURN(const std::vector<TensorType> types, registry_.Infer(op, inputs));
      for (size_t k = 0; k < types.size(); ++k) net_.blobs[op.outputs[k]].type = types[k];
    }
    net_.ops[i] = std::move(op);
    return false;
  }

  Op Replacement(const Op& op, const std::string& type, BlobId rows) const {
    Op made = NewOp(type, op.name, op);
    made.inputs = {rows};
    made.outputs = {op.outputs[0]};
    if (const Schema* schema = registry_.Find(type)) {
      for (const AttrSpec& spec : schema->attrs()) {
        const auto it = op.attrs.find(spec.name);
        if (it != op.attrs.end()) made.attrs.insert(*it);
      }
    }
    return made;
  }

  Net& net_;
  const SchemaRegistry& registry_;
  const bool before_gradients_;
  const Uses uses_;  // of the net as it was
  std::vector<RowSet> sets_;
  std::vector<int> needs_;   // by blob: rows that are read
  std::vector<int> made_;    // by operator: rows that it is to make
  std::vector<int> source_;  // by operator: rows that it reads by itself
  std::vector<int> moved_;   // by operator: rows of input 0 that its own are
  std::vector<BlobId> stands_for_;
  std::map<std::pair<BlobId, int>, BlobId> gathered_;
  std::vector<std::vector<Op>> before_, after_;
};

}  // namespace

absl::StatusOr<bool> RowPruningPass::Run(Net* net, const SchemaRegistry& registry) const {
  return Pruner(net, registry, when_ == When::kBeforeGradients).Run();
}

}  // namespace graph
