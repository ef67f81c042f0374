#include "models/training/safetensors_header.h"

#include <iterator>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "models/training/json_reader.h"
#include "nlohmann/json.hpp"

namespace models::safetensors {
namespace {

using graph::DType;
using graph::Quoted;

constexpr size_t kMaxRank = 64;

struct DTypeRow {
  absl::string_view name;
  int bits;  // of an element
  absl::optional<DType> dtype;
};
// The format's types: those of graph::DType in the order of DataOrder(), then the rest.
constexpr DTypeRow kDTypes[] = {{"I64", 64, DType::kI64},
                                {"F64", 64, DType::kF64},
                                {"F32", 32, DType::kF32},
                                {"I32", 32, DType::kI32},
                                {"BF16", 16, DType::kBF16},
                                {"U8", 8, DType::kU8},
                                {"BOOL", 8, {}},
                                {"F4", 4, {}},
                                {"F6_E2M3", 6, {}},
                                {"F6_E3M2", 6, {}},
                                {"I8", 8, {}},
                                {"F8_E5M2", 8, {}},
                                {"F8_E4M3", 8, {}},
                                {"F8_E8M0", 8, {}},
                                {"F8_E4M3FNUZ", 8, {}},
                                {"F8_E5M2FNUZ", 8, {}},
                                {"I16", 16, {}},
                                {"U16", 16, {}},
                                {"F16", 16, {}},
                                {"U32", 32, {}},
                                {"U64", 64, {}},
                                {"C64", 64, {}}};

// Builds the header during parsing, and stops at the first thing that does not belong there, so
// that nothing long or duplicate is ever stored.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  Header header;
  std::string error;

  bool null() override {
    const bool no_metadata = where_ == kTop && key_ == kMetadataKey;
    return no_metadata || ReadOver() || Unexpected("null");
  }
  bool boolean(bool) override { return ReadOver() || Unexpected("a boolean"); }
  bool number_integer(number_integer_t) override {
    return ReadOver() || Unexpected("a negative number");
  }
  bool number_float(number_float_t, const string_t&) override {
    return ReadOver() || Unexpected("a number that is not an integer or is too large");
  }
  bool binary(binary_t&) override { return Unexpected("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (ReadOver()) return true;
    if (where_ == kShape) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        return Fail(absl::StrCat("dimension ", value, " is too large"));
      }
      if (shape_->size() == kMaxRank) {
        return Fail(absl::StrCat("more than ", kMaxRank, " dimensions"));
      }
      shape_->push_back(static_cast<int64_t>(value));
      return true;
    }
    if (where_ == kOffsets) {
      if (offsets_->size() == 2) return Fail("data_offsets holds more than two numbers");
      offsets_->push_back(value);
      return true;
    }
    return Unexpected("a number");
  }

  bool string(string_t& value) override {
    if (ReadOver()) return true;
    if (where_ == kMetadata) {
      header.metadata[key_] = value;
      return true;
    }
    if (where_ != kTensor || key_ != "dtype") return Unexpected("a string");
    dtype_ = value;
    return true;
  }

  bool start_object(std::size_t) override {
    if (Enter()) return true;
    if (where_ == kStart) {
      where_ = kTop;
      return true;
    }
    if (where_ != kTop) return Unexpected("an object");
    where_ = key_ == kMetadataKey ? kMetadata : kTensor;
    dtype_.reset();
    shape_.reset();
    offsets_.reset();
    return true;
  }

  bool end_object() override {
    if (Leave()) return true;
    if (where_ == kTensor) {
      if (!dtype_) return Fail("has no dtype");
      if (!shape_) return Fail("has no shape");
      if (!offsets_) return Fail("has no data_offsets");
      header.tensors[name_] = {
          *std::move(dtype_), *std::move(shape_), {(*offsets_)[0], (*offsets_)[1]}};
    }
    where_ = where_ == kTop ? kStart : kTop;
    return true;
  }

  bool start_array(std::size_t) override {
    if (Enter()) return true;
    if (where_ == kTensor && key_ == "shape") {
      where_ = kShape;
      shape_.emplace();
      return true;
    }
    if (where_ == kTensor && key_ == "data_offsets") {
      where_ = kOffsets;
      offsets_.emplace();
      return true;
    }
    return Unexpected("an array");
  }

  bool end_array() override {
    if (Leave()) return true;
    if (where_ == kOffsets && offsets_->size() != 2) {
      return Fail("data_offsets must hold two numbers");
    }
    where_ = kTensor;
    return true;
  }

  bool key(string_t& value) override {
    if (inside_unknown_ > 0) return true;
    key_ = value;
    if (where_ == kTop) {
      name_ = value;
      const bool first = value == kMetadataKey ? !std::exchange(have_metadata_, true)
                                               : header.tensors.count(value) == 0;
      return first || Fail("appears twice");
    }
    if (where_ == kMetadata) {
      return header.metadata.emplace(value, "").second ||
             Fail(absl::StrCat("holds the key ", Quoted(value), " twice"));
    }
    if ((value == "dtype" && dtype_) || (value == "shape" && shape_) ||
        (value == "data_offsets" && offsets_)) {
      return Fail(absl::StrCat("holds ", value, " twice"));
    }
    unknown_ = value != "dtype" && value != "shape" && value != "data_offsets";
    return true;
  }

  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    error = absl::StrCat("the header is not valid JSON at its byte ", position);
    return false;
  }

 private:
  enum Where { kStart, kTop, kMetadata, kTensor, kShape, kOffsets };

  // Whether a value is an unknown field's, or inside one.
  bool ReadOver() {
    const bool over = unknown_;
    if (inside_unknown_ == 0) unknown_ = false;
    return over;
  }
  // For an opening or a closing bracket.
  bool Enter() {
    if (unknown_) ++inside_unknown_;
    return unknown_;
  }
  bool Leave() {
    if (!unknown_) return false;
    if (--inside_unknown_ == 0) unknown_ = false;
    return true;
  }

  bool Fail(const std::string& what) {
    error = absl::StrCat(name_ == kMetadataKey ? "" : "tensor ", Quoted(name_), ": ", what);
    return false;
  }
  bool Unexpected(absl::string_view what) {
    if (where_ == kStart) {
      error = absl::StrCat("the header is ", what, ", not an object");
      return false;
    }
    return Fail(absl::StrCat("unexpected ", what,
                             where_ == kTop ? "" : absl::StrCat(" at the key ", Quoted(key_))));
  }

  Where where_ = kStart;
  std::string key_;
  bool have_metadata_ = false;
  bool unknown_ = false;    // the current field
  int inside_unknown_ = 0;  // open brackets in it
  // The tensor being read.
  std::string name_;
  absl::optional<std::string> dtype_;
  absl::optional<graph::Shape> shape_;
  absl::optional<std::vector<uint64_t>> offsets_;
};

}  // namespace

absl::StatusOr<Header> ParseHeader(absl::string_view json) {
  const absl::Status shallow = CheckJsonDepth(json);
  if (!shallow.ok()) return graph::InvalidArgument("the header ", shallow.message());
  HeaderReader reader;
  if (!nlohmann::json::sax_parse(json.begin(), json.end(), &reader)) {
    return graph::InvalidArgument(reader.error);
  }
  return std::move(reader.header);
}

int DataOrder(DType dtype) {
  for (size_t i = 0; i < std::size(kDTypes); ++i) {
    if (kDTypes[i].dtype == dtype) return static_cast<int>(i);
  }
  CHECK(false && "a dtype without a safetensors name");
  return 0;
}

absl::string_view HeaderName(DType dtype) { return kDTypes[DataOrder(dtype)].name; }

absl::optional<DType> DTypeNamed(absl::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == name) return row.dtype;
  }
  return absl::nullopt;
}

absl::optional<int> ElementBits(absl::string_view name) {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == name) return row.bits;
  }
  return absl::nullopt;
}

}  // namespace models::safetensors
