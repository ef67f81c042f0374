#include "graph/ir/net.h"

#include <algorithm>
#include <iterator>

namespace graph {
namespace {

constexpr absl::string_view kPhaseNames[] = {"forward", "backward", "update", "communicate"};

template <typename T>
const T& Get(const Op& op, const std::string& attr) {
  const auto it = op.attrs.find(attr);
  CHECK(it != op.attrs.end());
  const T* value = absl::get_if<T>(&it->second);
  CHECK(value != nullptr);
  return *value;
}

}  // namespace

int64_t Op::Int(const std::string& attr) const { return Get<int64_t>(*this, attr); }
float Op::Float(const std::string& attr) const { return Get<float>(*this, attr); }
const std::string& Op::Str(const std::string& attr) const { return Get<std::string>(*this, attr); }
const std::vector<int64_t>& Op::Ints(const std::string& attr) const {
  return Get<std::vector<int64_t>>(*this, attr);
}
const std::vector<float>& Op::Floats(const std::string& attr) const {
  return Get<std::vector<float>>(*this, attr);
}

std::string Op::Describe() const { return absl::StrCat(type, " '", name, "'"); }

std::vector<TensorType> Net::types(const std::vector<BlobId>& ids) const {
  std::vector<TensorType> result;
  for (BlobId b : ids) result.push_back(type(b));
  return result;
}

BlobId Net::AddBlob(std::string blob_name, TensorType blob_type) {
  blobs.push_back({std::move(blob_name), std::move(blob_type)});
  return static_cast<BlobId>(blobs.size()) - 1;
}

BlobId Net::Find(absl::string_view blob_name) const {
  for (size_t i = 0; i < blobs.size(); ++i) {
    if (blobs[i].name == blob_name) return static_cast<BlobId>(i);
  }
  return kNone;
}

void Net::Compact() {
  std::vector<bool> used(blobs.size(), false);
  for (BlobId b : inputs) used[b] = true;
  for (BlobId b : outputs) used[b] = true;
  for (const State& s : states) used[s.entry] = used[s.exit] = true;
  for (const Op& op : ops) {
    for (BlobId b : op.inputs) used[b] = true;
    for (BlobId b : op.outputs) used[b] = true;
  }
  std::vector<BlobId> renumbered(blobs.size(), kNone);
  size_t n = 0;
  for (size_t i = 0; i < blobs.size(); ++i) {
    if (!used[i]) continue;
    renumbered[i] = static_cast<BlobId>(n);
    if (n != i) blobs[n] = std::move(blobs[i]);
    ++n;
  }
  blobs.resize(n);
  const auto renumber = [&](std::vector<BlobId>* ids) {
    for (BlobId& b : *ids) b = renumbered[b];
  };
  renumber(&inputs);
  renumber(&outputs);
  for (State& s : states) s = {renumbered[s.entry], renumbered[s.exit]};
  for (Op& op : ops) {
    renumber(&op.inputs);
    renumber(&op.outputs);
  }
}

absl::string_view PhaseName(Phase phase) { return kPhaseNames[static_cast<int>(phase)]; }

absl::optional<Phase> ParsePhase(absl::string_view name) {
  const auto* const found = std::find(std::begin(kPhaseNames), std::end(kPhaseNames), name);
  if (found == std::end(kPhaseNames)) return absl::nullopt;
  return static_cast<Phase>(found - std::begin(kPhaseNames));
}

std::string StateExitName(absl::string_view name) { return absl::StrCat(name, ".out"); }

Uses::Uses(const Net& net)
    : producer(net.blobs.size(), kNone),
      readers(net.blobs.size()),
      is_root(net.blobs.size(), false),
      is_changed_exit(net.blobs.size(), false),
      in_arena(net.blobs.size(), true),
      overwritten_at(net.blobs.size(), static_cast<OpId>(net.ops.size())) {
  for (size_t i = 0; i < net.ops.size(); ++i) {
    const Op& op = net.ops[i];
    for (size_t k = 0; k < op.inputs.size(); ++k) {
      readers[op.inputs[k]].push_back({static_cast<OpId>(i), static_cast<int>(k)});
    }
    for (BlobId b : op.outputs) producer[b] = static_cast<OpId>(i);
  }
  for (BlobId b : net.outputs) is_root[b] = true;
  for (BlobId b : net.inputs) in_arena[b] = false;
  for (const State& s : net.states) {
    is_root[s.exit] = true;
    in_arena[s.entry] = in_arena[s.exit] = false;
    if (s.exit == s.entry) continue;
    is_changed_exit[s.exit] = true;
    overwritten_at[s.entry] = producer[s.exit];
  }
}

}  // namespace graph
