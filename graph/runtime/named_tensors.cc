#include "graph/runtime/named_tensors.h"

#include "graph/base/status.h"

namespace graph {
namespace {

// Tensors of at least this many bytes share slabs; smaller ones have heap blocks of
// their own, where sanitizers catch writes past the end.
constexpr size_t kSlabBlob = size_t{1} << 18;
constexpr size_t kSlab = size_t{64} << 20;

}  // namespace

absl::StatusOr<void*> NamedTensors::Allocate(size_t bytes) {
  const size_t capacity = AlignUp(bytes, device_->alignment());
  const bool in_slab = bytes >= kSlabBlob && bytes < kSlab;
  if (!in_slab || slab_left_ < capacity) {
    // Doubles what there is, so that a few inputs take no more than twice their size.
    const size_t slab = std::min(kSlab, std::max(capacity, this->bytes()));
    ASSIGN_OR_RETURN(Block block, device_->Allocate(in_slab ? slab : bytes, Contents::kZero));
    void* const data = block.data();
    blocks_.push_back(std::move(block));
    if (!in_slab) return data;
    slab_ = static_cast<char*>(data);
    slab_left_ = slab;
  }
  void* const data = slab_;
  slab_ += capacity;
  slab_left_ -= capacity;
  return data;
}

absl::StatusOr<Tensor> NamedTensors::Create(absl::string_view name, const TensorType& type) {
  auto it = tensors_.find(name);
  if (it == tensors_.end()) {
    const absl::StatusOr<void*> data = Allocate(type.bytes());
    if (!data.ok()) {
      return Annotate(data.status(), absl::StrCat("blob '", name, "' ", type.ToString()));
    }
    it = tensors_.emplace(std::string(name), Entry{type, *data}).first;
  } else if (it->second.type != type) {
    return absl::FailedPreconditionError(
        absl::StrCat("blob '", name, "' is ", it->second.type.ToString(),
                     " already and cannot become ", type.ToString()));
  }
  return Tensor{type, it->second.data, device_.get()};
}

absl::StatusOr<ConstTensor> NamedTensors::Find(absl::string_view name) const {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) {
    return absl::NotFoundError(absl::StrCat("there is no tensor '", name, "'"));
  }
  return ConstTensor{it->second.type, it->second.data, device_.get()};
}

absl::StatusOr<Tensor> NamedTensors::Find(absl::string_view name) {
  ASSIGN_OR_RETURN(const ConstTensor found, static_cast<const NamedTensors*>(this)->Find(name));
  return Tensor{found.type, const_cast<void*>(found.data), found.device};
}

absl::Status NamedTensors::CopyFrom(const NamedTensors& from, absl::string_view name) {
  ASSIGN_OR_RETURN(const ConstTensor source, from.Find(name));
  ASSIGN_OR_RETURN(const Tensor target, Find(name));
  return target.CopyFrom(source);
}

std::vector<std::string> NamedTensors::Names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : tensors_) names.push_back(name);
  return names;
}

size_t NamedTensors::bytes() const {
  size_t bytes = 0;
  for (const auto& [name, entry] : tensors_) bytes += entry.type.bytes();
  return bytes;
}

}  // namespace graph
