#include "graph/runtime/input_slot.h"

#include <cstring>

namespace graph {

InputSlot::~InputSlot() {
  if (!mirrors_.empty()) device().Synchronize().IgnoreError();
}

absl::Status InputSlot::StartWrite(const std::string& name, const Tensor& tensor,
                                   const void* from) {
  Device& device = this->device();
  Mirror& mirror = mirrors_[name];
  if (mirror.memory.data() == nullptr) {
    ASSIGN_OR_RETURN(mirror.copied, device.MakeEvent());
    ASSIGN_OR_RETURN(mirror.memory, device.AllocateHost(tensor.type.bytes()));
  }
  RETURN_IF_ERROR(device.HostWait(mirror.copied));  // the write before this one
  std::memcpy(mirror.memory.data(), from, tensor.type.bytes());
  RETURN_IF_ERROR(device.StreamWait(StreamRole::kCopyIn, read_));
  RETURN_IF_ERROR(device.StartCopyIn(tensor.data, mirror.memory.data(), tensor.type.bytes()));
  is_written_ = true;
  return device.Record(mirror.copied, StreamRole::kCopyIn);
}

absl::Status InputSlot::BeginRead() {
  if (!is_written_) return absl::OkStatus();
  for (const auto& [name, mirror] : mirrors_) {
    RETURN_IF_ERROR(device().StreamWait(StreamRole::kCompute, mirror.copied));
  }
  is_written_ = false;
  return absl::OkStatus();
}

absl::Status InputSlot::EndRead() {
  if (device().host_accessible()) return absl::OkStatus();
  if (read_ == nullptr) {
    ASSIGN_OR_RETURN(read_, device().MakeEvent());
  }
  return device().Record(read_, StreamRole::kCompute);
}

}  // namespace graph
