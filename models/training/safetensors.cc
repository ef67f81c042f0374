#include "models/training/safetensors.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/base/quoted.h"
#include "models/training/safetensors_header.h"
#include "nlohmann/json.hpp"

namespace models {
namespace {

// Bytes that pass through the host's memory at a time.
constexpr size_t kPiece = size_t{1} << 15;

using graph::DType;
using graph::InvalidArgument;
using graph::Quoted;

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensor data is copied as it is");

constexpr uint64_t kMaxHeader = 100'000'000;

// Bytes of a tensor, rounded up, or nullopt if its bits do not fit int64. Zero dimensions do not
// hide an overflow of the others, because strides are computed from them too.
absl::optional<int64_t> CheckedBytes(int64_t element_bits, absl::Span<const int64_t> shape) {
  int64_t bits = element_bits;
  bool empty = false;
  for (const int64_t dim : shape) {
    if (dim < 0) return absl::nullopt;
    if (dim == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(bits, dim, &bits)) {
      return absl::nullopt;
    }
  }
  return empty ? 0 : bits / 8 + (bits % 8 != 0 ? 1 : 0);
}

// The header's length from the first 8 bytes of a file of `size` bytes.
absl::StatusOr<uint64_t> HeaderLength(absl::string_view start, uint64_t size,
                                      const std::string& name) {
  if (absl::string_view magic("PK\3\4"); start.substr(0, magic.size()) == magic) {
    return InvalidArgument(name,
                           ": this is a zip archive (a PyTorch .pth file?), not a "
                           "safetensors file; convert it first (tools/convert_checkpoint.py)");
  }
  if (start.size() < 8) {
    return InvalidArgument(name, ": a safetensors file has at least 8 bytes, this one has ", size);
  }
  uint64_t length;
  std::memcpy(&length, start.data(), 8);
  if (length > kMaxHeader) {
    return InvalidArgument(name, ": not a safetensors file (a header of ", length,
                           " bytes; the limit is ", kMaxHeader, ")");
  }
  if (length > size - 8) {
    return InvalidArgument(name, ": truncated: the header should have ", length,
                           " bytes, but only ", size - 8, " follow");
  }
  return length;
}

absl::Status FileError(int error, absl::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(error, absl::StrCat(what, " ", path));
}

absl::Status BecameShorter(const std::string& path) {
  return absl::DataLossError(absl::StrCat(path, " became shorter while it was read"));
}

// Bytes [begin, begin + size) of a file, or as many of them as there are.
absl::StatusOr<size_t> ReadAt(int fd, uint64_t begin, char* to, size_t size,
                              const std::string& path) {
  size_t done = 0;
  while (done < size) {
    const ssize_t n = ::pread(fd, to + done, size - done, static_cast<off_t>(begin + done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return FileError(errno, "cannot read", path);
    if (n == 0) break;
    done += static_cast<size_t>(n);
  }
  return done;
}

struct Layout {
  StoredTensors tensors;
  TensorMetadata metadata;
};

// The contents of a file of `size` bytes with the header `header`, and their offsets.
absl::StatusOr<Layout> ReadLayout(absl::string_view header, uint64_t size,
                                  const std::string& name) {
  if (header.empty() || header.front() != '{') {
    return InvalidArgument(name, ": not a safetensors file (the header does not start with '{')");
  }
  absl::StatusOr<safetensors::Header> parsed = safetensors::ParseHeader(header);
  if (!parsed.ok()) return graph::Annotate(parsed.status(), name);

  Layout layout;
  const uint64_t data_start = 8 + header.size();
  const uint64_t data_size = size - data_start;
  std::vector<std::pair<std::array<uint64_t, 2>, const std::string*>> spans;
  for (const auto& [tensor, entry] : parsed->tensors) {
    const auto [begin, end] = entry.offsets;
    if (begin > end) {
      return InvalidArgument(name, ": tensor ", Quoted(tensor), ": data_offsets [", begin, ",", end,
                             "] end before they begin");
    }
    // The format may gain types; nothing here reads them, so their bytes need not be counted.
    if (const absl::optional<int> bits = safetensors::ElementBits(entry.dtype)) {
      const absl::optional<int64_t> want = CheckedBytes(*bits, entry.shape);
      if (!want.has_value()) {
        return InvalidArgument(name, ": tensor ", Quoted(tensor), ": shape ",
                               graph::ShapeString(entry.shape), " is too large");
      }
      if (end - begin != static_cast<uint64_t>(*want)) {
        return InvalidArgument(name, ": tensor ", Quoted(tensor), ": data_offsets [", begin, ",",
                               end, "] do not hold the ", *want, " bytes of its shape ",
                               graph::ShapeString(entry.shape));
      }
    }
    if (end > data_size) {
      return InvalidArgument(name, ": truncated: tensor ", Quoted(tensor), " ends at byte ", end,
                             " of the data, but the file holds ", data_size);
    }
    layout.tensors[tensor] = {entry.dtype, entry.shape, data_start + begin, end - begin};
    spans.emplace_back(entry.offsets, &tensor);
  }

  std::sort(spans.begin(), spans.end());
  uint64_t next = 0;
  for (const auto& [offsets, tensor] : spans) {
    if (offsets[0] != next) {
      return InvalidArgument(name, ": tensor ", Quoted(*tensor), " begins at byte ", offsets[0],
                             " of the data, ", offsets[0] < next ? "inside another" : "after a gap",
                             "; expected ", next);
    }
    next = offsets[1];
  }
  if (next != data_size) {
    return InvalidArgument(name, ": ", data_size - next, " bytes follow the last tensor");
  }
  layout.metadata = std::move(parsed->metadata);
  return layout;
}

absl::Status NoTensor(const std::string& file, const std::string& tensor) {
  return absl::NotFoundError(absl::StrCat(file, ": no tensor ", Quoted(tensor)));
}

absl::Status OtherType(const std::string& file, const std::string& tensor, const std::string& type,
                       DType wanted) {
  return InvalidArgument(file, ": tensor ", Quoted(tensor), " is ", type, ", expected ",
                         graph::DTypeName(wanted));
}

}  // namespace

absl::optional<graph::TensorType> StoredTensor::type() const {
  const absl::optional<DType> known = safetensors::DTypeNamed(dtype);
  return known ? absl::make_optional(graph::TensorType{*known, shape}) : absl::nullopt;
}

std::string StoredTensor::ToString() const {
  const absl::optional<graph::TensorType> known = type();
  return known ? known->ToString() : absl::StrCat(Quoted(dtype), graph::ShapeString(shape));
}

absl::StatusOr<SafetensorsReader> SafetensorsReader::Open(const std::string& path) {
  SafetensorsReader reader;
  reader.name_ = path;
  reader.file_ = std::make_unique<const OpenFile>(path);
  const int fd = reader.file_->get();
  if (fd < 0) return FileError(reader.file_->error(), "cannot open", path);
  struct stat info;
  if (::fstat(fd, &info) != 0) return FileError(errno, "cannot read", path);
  if (!S_ISREG(info.st_mode)) {
    return InvalidArgument(path, ": not a file", S_ISDIR(info.st_mode) ? " but a folder" : "");
  }
  reader.size_ = static_cast<uint64_t>(info.st_size);

  char start[8];
  ASSIGN_OR_RETURN(const size_t started, ReadAt(fd, 0, start, sizeof(start), path));
  ASSIGN_OR_RETURN(const uint64_t length,
                   HeaderLength(absl::string_view(start, started), reader.size_, path));
  std::string header(length, '\0');
  ASSIGN_OR_RETURN(const size_t read, ReadAt(fd, started, header.data(), length, path));
  if (read < length) return BecameShorter(path);
  ASSIGN_OR_RETURN(Layout layout, ReadLayout(header, reader.size_, path));
  reader.tensors_ = std::move(layout.tensors);
  reader.metadata_ = std::move(layout.metadata);
  return reader;
}

absl::StatusOr<StoredTensor> SafetensorsReader::Find(const std::string& tensor) const {
  const auto it = tensors_.find(tensor);
  if (it == tensors_.end()) return NoTensor(name_, tensor);
  return it->second;
}

absl::Status SafetensorsReader::Read(uint64_t begin, absl::Span<uint8_t> to) const {
  ASSIGN_OR_RETURN(const size_t read, ReadAt(file_->get(), begin,
                                             reinterpret_cast<char*>(to.data()), to.size(), name_));
  return read == to.size() ? absl::OkStatus() : BecameShorter(name_);
}

absl::Status SafetensorsReader::ReadInto(const StoredTensor& stored,
                                         const graph::Tensor& tensor) const {
  std::vector<uint8_t> piece;
  for (size_t done = 0; done < stored.bytes; done += piece.size()) {
    piece.resize(std::min<size_t>(kPiece, stored.bytes - done));
    RETURN_IF_ERROR(Read(stored.begin + done, absl::MakeSpan(piece)));
    RETURN_IF_ERROR(tensor.WriteBytes(done, piece));
  }
  return absl::OkStatus();
}

absl::Status SafetensorsReader::CheckDType(const std::string& tensor, const StoredTensor& stored,
                                           DType dtype) const {
  const absl::optional<graph::TensorType> type = stored.type();
  if (type && type->dtype == dtype) return absl::OkStatus();
  return OtherType(name_, tensor, stored.ToString(), dtype);
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Read(const std::string& path) {
  ASSIGN_OR_RETURN(const SafetensorsReader reader, SafetensorsReader::Open(path));
  std::string bytes;
  try {
    bytes.resize(reader.size());
  } catch (const std::exception&) {
    return absl::ResourceExhaustedError(
        absl::StrCat(path, ": no memory for its ", reader.size(), " bytes"));
  }
  RETURN_IF_ERROR(reader.Read(0, {reinterpret_cast<uint8_t*>(bytes.data()), bytes.size()}));
  return Parse(std::move(bytes), path);
}

absl::StatusOr<SafetensorsFile> SafetensorsFile::Parse(std::string bytes, const std::string& name) {
  SafetensorsFile file;
  file.name_ = name;
  file.bytes_ = std::make_unique<const std::string>(std::move(bytes));
  const absl::string_view all(*file.bytes_);
  ASSIGN_OR_RETURN(const uint64_t length, HeaderLength(all.substr(0, 8), all.size(), name));
  ASSIGN_OR_RETURN(Layout layout, ReadLayout(all.substr(8, length), all.size(), name));
  for (const auto& [tensor, stored] : layout.tensors) {
    const absl::optional<graph::TensorType> type = stored.type();
    if (!type) continue;
    const absl::string_view data = all.substr(stored.begin, stored.bytes);
    file.tensors_[tensor] = {*type, {reinterpret_cast<const uint8_t*>(data.data()), data.size()}};
  }
  file.metadata_ = std::move(layout.metadata);
  return file;
}

absl::StatusOr<TensorEntry> SafetensorsFile::Find(const std::string& tensor) const {
  const auto it = tensors_.find(tensor);
  if (it == tensors_.end()) return NoTensor(name_, tensor);
  return it->second;
}

absl::Status SafetensorsFile::CheckDType(const std::string& tensor, const TensorEntry& entry,
                                         DType dtype) const {
  if (entry.type.dtype == dtype) return absl::OkStatus();
  return OtherType(name_, tensor, entry.type.ToString(), dtype);
}

namespace {

// The padded header of `tensors` in the order of `order`.
absl::StatusOr<std::string> MakeHeader(const std::vector<const TensorMap::value_type*>& order,
                                       const TensorMetadata& metadata) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!metadata.empty()) json[safetensors::kMetadataKey] = metadata;
  uint64_t offset = 0;
  for (const auto* item : order) {
    const auto& [name, entry] = *item;
    if (name == safetensors::kMetadataKey) {
      return InvalidArgument("a tensor cannot be called ", Quoted(name));
    }
    const absl::optional<int64_t> bytes =
        CheckedBytes(static_cast<int64_t>(8 * ByteSize(entry.type.dtype)), entry.type.shape);
    if (!bytes.has_value() || static_cast<uint64_t>(*bytes) != entry.bytes()) {
      return InvalidArgument("tensor ", Quoted(name), ": ", entry.bytes(),
                             " bytes do not fit its type ", entry.type.ToString());
    }
    const uint64_t end = offset + entry.bytes();
    json.push_back(
        {name,
         {{"dtype", std::string(safetensors::HeaderName(entry.type.dtype))},
          {"shape", std::vector<int64_t>(entry.type.shape.begin(), entry.type.shape.end())},
          {"data_offsets", {offset, end}}}});
    offset = end;
  }
  std::string header;
  try {
    header = json.dump();
  } catch (const nlohmann::json::type_error&) {
    return InvalidArgument("a tensor name or the metadata is not UTF-8");
  }
  header.resize((header.size() + 7) / 8 * 8, ' ');
  if (header.size() > kMaxHeader) {
    return InvalidArgument("the header would have ", header.size(), " bytes; the limit is ",
                           kMaxHeader);
  }
  return header;
}

absl::Status AppendBytes(absl::Span<const uint8_t> bytes, FileWriter* file) {
  return file->Append({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

absl::Status AppendFromDevice(const graph::ConstTensor& tensor, FileWriter* file) {
  std::vector<uint8_t> piece;
  for (size_t done = 0; done < tensor.type.bytes(); done += piece.size()) {
    piece.resize(std::min(kPiece, tensor.type.bytes() - done));
    RETURN_IF_ERROR(tensor.ReadBytes(done, absl::MakeSpan(piece)));
    RETURN_IF_ERROR(AppendBytes(piece, file));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AppendSafetensors(const TensorMap& tensors, const TensorMetadata& metadata,
                               FileWriter* file) {
  std::vector<const TensorMap::value_type*> order;
  for (const auto& item : tensors) order.push_back(&item);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return safetensors::DataOrder(a->second.type.dtype) <
           safetensors::DataOrder(b->second.type.dtype);
  });
  absl::StatusOr<std::string> header = MakeHeader(order, metadata);
  if (!header.ok()) {
    return graph::Annotate(header.status(), absl::StrCat("cannot write ", file->path()));
  }
  const uint64_t length = header->size();
  RETURN_IF_ERROR(file->Append({reinterpret_cast<const char*>(&length), sizeof(length)}));
  RETURN_IF_ERROR(file->Append(*header));
  for (const auto* item : order) {
    if (item->second.on_device) {
      RETURN_IF_ERROR(AppendFromDevice(*item->second.on_device, file));
    } else {
      RETURN_IF_ERROR(AppendBytes(item->second.data, file));
    }
  }
  return absl::OkStatus();
}

absl::Status WriteSafetensors(const std::string& path, const TensorMap& tensors,
                              const TensorMetadata& metadata) {
  FileSystem* const files = FileSystem::Real();
  ASSIGN_OR_RETURN(FileWriter file, CreateBeside(path, files));
  RETURN_IF_ERROR(AppendSafetensors(tensors, metadata, &file));
  return Replace(std::move(file), path, files);
}

}  // namespace models
