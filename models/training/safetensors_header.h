// The JSON header of a safetensors file. Internal to safetensors.cc.
#ifndef MODELS_TRAINING_SAFETENSORS_HEADER_H_
#define MODELS_TRAINING_SAFETENSORS_HEADER_H_

#include <array>
#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "graph/base/types.h"

namespace models::safetensors {

inline constexpr char kMetadataKey[] = "__metadata__";

// One tensor as the header describes it; nothing is checked against the data.
struct HeaderTensor {
  std::string dtype;                  // any text
  graph::Shape shape;                 // every dimension fits int64 and is >= 0
  std::array<uint64_t, 2> offsets{};  // [begin, end), relative to the data
};

struct Header {
  std::map<std::string, HeaderTensor> tensors;
  std::map<std::string, std::string> metadata;
};

// Parses the header's JSON. Errors: InvalidArgument for anything but the structure in
// safetensors.h: not JSON, duplicate keys, numbers that are not unsigned integers. As in the Python
// library, "__metadata__" may be null, and unknown fields of a tensor are skipped.
absl::StatusOr<Header> ParseHeader(absl::string_view json);

// "F32" for kF32, and back; nullopt for names of types outside graph::DType.
absl::string_view HeaderName(graph::DType dtype);
absl::optional<graph::DType> DTypeNamed(absl::string_view name);

// Bits of an element; nullopt for an unknown type name.
absl::optional<int> ElementBits(absl::string_view name);

// Position of `dtype` in the Python library's order of data.
int DataOrder(graph::DType dtype);

}  // namespace models::safetensors

#endif  // MODELS_TRAINING_SAFETENSORS_HEADER_H_
