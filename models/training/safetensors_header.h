// The JSON header of a safetensors file. Internal to safetensors.cc.
#ifndef MODELS_TRAINING_SAFETENSORS_HEADER_H_
#define MODELS_TRAINING_SAFETENSORS_HEADER_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/base/types.h"

namespace models::safetensors {

inline constexpr char kMetadataKey[] = "__metadata__";

// One tensor as the header describes it; nothing here is checked against the data.
struct HeaderTensor {
  graph::DType dtype = graph::DType::kF32;
  graph::Shape shape;                 // every dimension fits int64 and is >= 0
  std::array<uint64_t, 2> offsets{};  // [begin, end), relative to the data
};

struct Header {
  std::map<std::string, HeaderTensor> tensors;
  std::map<std::string, std::string> metadata;
};

// Parses the header's JSON. Errors: InvalidArgument for anything but the
// structure that safetensors.h shows: not JSON, duplicate or unknown keys,
// other element types, numbers that are not unsigned integers, deeper nesting.
absl::StatusOr<Header> ParseHeader(absl::string_view json);

// "F32" for kF32.
absl::string_view HeaderName(graph::DType dtype);

// Position of `dtype` in the order in which the Python library lays out data.
int DataOrder(graph::DType dtype);

// A name from a file, fit for a message: in quotes, printable, at most 100 bytes of it.
std::string Quoted(const std::string& text);

}  // namespace models::safetensors

#endif  // MODELS_TRAINING_SAFETENSORS_HEADER_H_
