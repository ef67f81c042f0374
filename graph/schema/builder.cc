#include "graph/schema/builder.h"

namespace graph {
NetBuilder::NetBuilder(const SchemaRegistry* registry, std::string net_name) : registry_(registry) {
  net_.name = std::move(net_name);
}

NetBuilder::NetBuilder(const SchemaRegistry* registry, Net net)
    : registry_(registry), net_(std::move(net)) {
  for (size_t i = 0; i < net_.blobs.size(); ++i) {
    by_name_[net_.blobs[i].name] = static_cast<BlobId>(i);
  }
  for (const graph::Op& op : net_.ops) op_names_.insert(op.name);
}

void NetBuilder::Fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
}

BlobId NetBuilder::NewBlob(const std::string& name, TensorType type) {
  const BlobId b = net_.AddBlob(name, std::move(type));
  by_name_[name] = b;
  return b;
}

bool NetBuilder::Exists(BlobId blob) {
  if (blob >= 0 && blob < static_cast<BlobId>(net_.blobs.size())) return true;
  Fail(absl::InternalError(absl::StrCat("net '", net_.name, "': blob ", blob, " was never made")));
  return false;
}

bool NetBuilder::IsFree(const std::string& name) {
  if (!by_name_.contains(name)) return true;
  Fail(InvalidArgument("net '", net_.name, "' has two blobs named '", name, "'"));
  return false;
}

bool NetBuilder::HasValidShape(const std::string& name, const TensorType& type) {
  if (IsValidShape(type.shape)) return true;
  Fail(InvalidArgument("net '", net_.name, "': blob '", name, "' is ", type.ToString(),
                       ": a dimension is negative or the product is too large"));
  return false;
}

BlobId NetBuilder::Input(const std::string& name, TensorType type) {
  if (!status_.ok() || !HasValidShape(name, type) || !IsFree(name)) return kNone;
  const BlobId b = NewBlob(name, std::move(type));
  net_.inputs.push_back(b);
  return b;
}

BlobId NetBuilder::State(const std::string& name, TensorType type) {
  if (!status_.ok() || !HasValidShape(name, type)) return kNone;
  const auto it = by_name_.find(name);
  if (it == by_name_.end()) {
    const BlobId b = NewBlob(name, std::move(type));
    net_.states.push_back({b, b});
    return b;
  }
  bool is_state = false;
  for (const graph::State& s : net_.states) is_state |= s.entry == it->second;
  if (!is_state || net_.type(it->second) != type) {
    Fail(InvalidArgument("net '", net_.name, "': state '", name, "' of type ", type.ToString(),
                         " clashes with a blob of type ", net_.type(it->second).ToString()));
    return kNone;
  }
  return it->second;
}

void NetBuilder::SetExit(BlobId state_entry, BlobId value) {
  if (!status_.ok() || !Exists(state_entry) || !Exists(value)) return;
  for (graph::State& s : net_.states) {
    if (s.entry != state_entry) continue;
    // An unchanged state has one blob, which keeps its name.
    if (value != state_entry) Rename(value, StateExitName(net_.blob(state_entry).name));
    if (status_.ok()) s.exit = value;
    return;
  }
  Fail(
      InvalidArgument("net '", net_.name, "': '", net_.blob(state_entry).name, "' is not a state"));
}

void NetBuilder::Output(BlobId blob) {
  if (status_.ok() && Exists(blob)) net_.outputs.push_back(blob);
}

void NetBuilder::Rename(BlobId blob, const std::string& name) {
  if (!status_.ok() || !Exists(blob)) return;
  if (net_.blobs[blob].name == name || !IsFree(name)) return;
  by_name_.erase(net_.blobs[blob].name);
  net_.blobs[blob].name = name;
  by_name_[name] = blob;
}

std::vector<BlobId> NetBuilder::OpN(const std::string& type, const std::string& name,
                                    std::vector<BlobId> inputs, Attrs attrs) {
  const Schema* schema = registry_->Find(type);
  // After an error every output is kNone, so that callers may index.
  std::vector<BlobId> outputs(schema == nullptr ? 8 : schema->NumOutputs(inputs.size()), kNone);
  if (!status_.ok()) return outputs;
  graph::Op op;
  op.type = type;
  op.name = name;
  op.phase = phase_;
  op.part = part_.value_or(name);
  op.inputs = std::move(inputs);
  op.attrs = std::move(attrs);
  std::vector<TensorType> types;
  for (BlobId b : op.inputs) {
    if (b < 0 || b >= static_cast<BlobId>(net_.blobs.size())) {
      Fail(absl::InternalError(absl::StrCat(op.Describe(), " reads a blob that was never made")));
      return outputs;
    }
    types.push_back(net_.type(b));
  }
  Fail(registry_->CompleteAttrs(&op));
  if (!status_.ok()) return outputs;
  absl::StatusOr<std::vector<TensorType>> inferred = registry_->Infer(op, types);
  Fail(inferred.status());
  if (!status_.ok()) return outputs;
  const auto is_blob = [this](const std::string& n) { return by_name_.contains(n); };
  CHECK(inferred->size() == schema->NumOutputs(op.inputs.size()));
  for (size_t i = 0; i < inferred->size(); ++i) {
    const std::string blob = absl::StrCat(name, ":", schema->OutputAt(static_cast<int>(i)).name);
    if (!HasValidShape(blob, (*inferred)[i])) {
      return std::vector<BlobId>(inferred->size(), kNone);
    }
    outputs[i] = NewBlob(UniqueName(blob, is_blob), std::move((*inferred)[i]));
  }
  op.outputs = outputs;
  const auto is_op = [this](const std::string& n) { return op_names_.contains(n); };
  op.name = UniqueName(name, is_op);
  op_names_.insert(op.name);
  net_.ops.push_back(std::move(op));
  return outputs;
}

BlobId NetBuilder::Op(const std::string& type, const std::string& name, std::vector<BlobId> inputs,
                      Attrs attrs) {
  return OpN(type, name, std::move(inputs), std::move(attrs))[0];
}

const TensorType& NetBuilder::type(BlobId blob) const {
  static const TensorType* const kUnknown = new TensorType();
  return status_.ok() ? net_.type(blob) : *kUnknown;
}

absl::StatusOr<Net> NetBuilder::Finish() {
  RETURN_IF_ERROR(status_);
  RETURN_IF_ERROR(Verify(net_, *registry_));
  by_name_.clear();
  op_names_.clear();
  return std::move(net_);
}

}  // namespace graph
