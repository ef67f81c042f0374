// Reads and writes files of named tensors in the safetensors format.
//
//   u64 length of the header, little-endian, at most 100 MB
//   header: JSON {"__metadata__": {string: string},
//                 "<tensor>": {"dtype": "F32", "shape": [2,3], "data_offsets": [begin, end]}}
//   data: the tensors one after another, row-major, little-endian, without gaps or overlaps
//
// Element types: F32 F64 BF16 I32 I64 U8 are those of graph::DType. A file may hold others as long
// as their values are not read. The readers trust nothing: any byte sequence gives either a file
// whose tensors all lie inside it, or an InvalidArgument that names the file and what is wrong with
// it.
#ifndef MODELS_TRAINING_SAFETENSORS_H_
#define MODELS_TRAINING_SAFETENSORS_H_

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "graph/base/status.h"
#include "graph/base/types.h"
#include "graph/runtime/tensor.h"
#include "models/data/file_util.h"
#include "models/files/durable.h"

namespace models {

// One tensor: `data`, or the tensor of a device, holds exactly type.bytes() bytes, row-major,
// little-endian. Not owned. Data read from a file may be unaligned: copy, do not cast them. Shapes
// are the file's; Python writes [] for a scalar.
struct TensorEntry {
  graph::TensorType type;
  absl::Span<const uint8_t> data;
  absl::optional<graph::ConstTensor> on_device = absl::nullopt;  // instead of data

  static TensorEntry OnDevice(const graph::ConstTensor& tensor) {
    return {tensor.type, {}, tensor};
  }
  uint64_t bytes() const { return on_device ? on_device->type.bytes() : data.size(); }
};

using TensorMap = std::map<std::string, TensorEntry>;
using TensorMetadata = std::map<std::string, std::string>;

// One tensor as a file's header describes it.
struct StoredTensor {
  std::string dtype;  // the format's name: "F32", or that of a type outside graph::DType
  graph::Shape shape;
  uint64_t begin = 0;  // of its bytes in the file
  uint64_t bytes = 0;

  absl::optional<graph::TensorType> type() const;  // nullopt for other types
  std::string ToString() const;                    // "f32[2,3]"; "'BOOL'[2,3]" for others
};

using StoredTensors = std::map<std::string, StoredTensor>;

// A file on the disk; only its header is in memory. Movable. Thread-safe while const.
class SafetensorsReader {
 public:
  // Reads the header, and compares it with the file's size. Errors: NotFound, PermissionDenied,
  // InvalidArgument; all name `path`.
  static absl::StatusOr<SafetensorsReader> Open(const std::string& path);

  const std::string& name() const { return name_; }
  uint64_t size() const { return size_; }  // of the file, in bytes
  const StoredTensors& tensors() const { return tensors_; }
  const TensorMetadata& metadata() const { return metadata_; }

  // The tensor called `tensor`. Errors: NotFound, naming the file.
  absl::StatusOr<StoredTensor> Find(const std::string& tensor) const;
  // Fills `to` with the file's bytes from `begin` on. Errors name the file: the system's, or
  // DataLoss if the file has become shorter.
  absl::Status Read(uint64_t begin, absl::Span<uint8_t> to) const;
  // Copies the bytes of `stored` piece by piece into `tensor`, which has the same size.
  absl::Status ReadInto(const StoredTensor& stored, const graph::Tensor& tensor) const;

  // The elements of `tensor`; its type must be exactly that of T.
  template <typename T>
  absl::StatusOr<std::vector<T>> Values(const std::string& tensor) const {
    ASSIGN_OR_RETURN(const StoredTensor stored, Find(tensor));
    RETURN_IF_ERROR(CheckDType(tensor, stored, graph::DTypeOf<T>::value));
    std::vector<T> values(stored.bytes / sizeof(T));
    RETURN_IF_ERROR(Read(stored.begin, {reinterpret_cast<uint8_t*>(values.data()), stored.bytes}));
    return values;
  }

 private:
  SafetensorsReader() = default;
  absl::Status CheckDType(const std::string& tensor, const StoredTensor& stored,
                          graph::DType dtype) const;

  std::string name_;
  std::unique_ptr<const OpenFile> file_;
  uint64_t size_ = 0;
  StoredTensors tensors_;
  TensorMetadata metadata_;
};

// A file in memory, for small ones. Movable; the spans stay valid as long as the object (or the one
// it was moved to) lives. Thread-safe while const.
class SafetensorsFile {
 public:
  // Errors: NotFound, PermissionDenied, InvalidArgument; all name `path`.
  static absl::StatusOr<SafetensorsFile> Read(const std::string& path);
  // `bytes` is the whole file; errors use `name`.
  static absl::StatusOr<SafetensorsFile> Parse(std::string bytes, const std::string& name);

  const std::string& name() const { return name_; }
  // Without tensors of types outside graph::DType.
  const TensorMap& tensors() const { return tensors_; }
  const TensorMetadata& metadata() const { return metadata_; }

  // The tensor called `tensor`. Errors: NotFound, naming the file.
  absl::StatusOr<TensorEntry> Find(const std::string& tensor) const;

  // The elements of `tensor`; its dtype must be exactly that of T.
  template <typename T>
  absl::StatusOr<std::vector<T>> Values(const std::string& tensor) const {
    ASSIGN_OR_RETURN(const TensorEntry entry, Find(tensor));
    RETURN_IF_ERROR(CheckDType(tensor, entry, graph::DTypeOf<T>::value));
    std::vector<T> values(entry.type.elements());
    if (!values.empty()) std::memcpy(values.data(), entry.data.data(), entry.data.size());
    return values;
  }

 private:
  SafetensorsFile() = default;
  absl::Status CheckDType(const std::string& tensor, const TensorEntry& entry,
                          graph::DType dtype) const;

  std::string name_;
  std::unique_ptr<const std::string> bytes_;  // on the heap, so that a move keeps the spans
  TensorMap tensors_;
  TensorMetadata metadata_;
};

// Writes `tensors` to `path`, replacing it in one step (Replace() in durable.h). Tensors are
// written one by one, so the extra memory is the header's.
//
// Equal arguments give equal bytes, the same as the Python library's: data in the order I64, F64,
// F32, I32, BF16, U8 (so that every tensor is aligned), names ascending within a type, header
// padded with spaces to 8.
//
// Errors: InvalidArgument (a name that is not UTF-8 or is "__metadata__", a span that does not fit
// its type, a header over 100 MB), and those of the file system (unwritable folder, disk full),
// naming the path.
absl::Status WriteSafetensors(const std::string& path, const TensorMap& tensors,
                              const TensorMetadata& metadata = {});

// Appends the same bytes to `file`.
absl::Status AppendSafetensors(const TensorMap& tensors, const TensorMetadata& metadata,
                               FileWriter* file);

}  // namespace models

#endif  // MODELS_TRAINING_SAFETENSORS_H_
