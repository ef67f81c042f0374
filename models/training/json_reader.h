// Reads the JSON files of a run, which may be damaged or another program's.
#ifndef MODELS_TRAINING_JSON_READER_H_
#define MODELS_TRAINING_JSON_READER_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "graph/base/status.h"
#include "nlohmann/json.hpp"

namespace models {

// InvalidArgument if brackets are nested more than 64 deep: the library copies and destroys some
// values recursively.
absl::Status CheckJsonDepth(absl::string_view text);

// Parses `text`. InvalidArgument: "is no JSON" or "is nested deeper than ...".
//
// nlohmann::json finds a key in logarithmic time. ordered_json keeps the order of the file, but
// takes time quadratic in the number of keys of an object: use it for short texts only.
template <typename Json = nlohmann::json>
absl::StatusOr<Json> ParseJson(absl::string_view text) {
  RETURN_IF_ERROR(CheckJsonDepth(text));
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return graph::InvalidArgument("is no JSON");
  return json;
}

// Takes fields out of one object. The first error is kept in `status`, as InvalidArgument that
// names the field ("`loader.epoch` is missing"); after it, reading continues with zeros and empty
// texts. `object` and `status` must outlive the reader.
class JsonReader {
 public:
  using Json = nlohmann::json;

  // `where` is the prefix of each name in errors: "loader." for the fields of `loader`.
  JsonReader(const Json& object, std::string where, absl::Status* status);

  const Json& Field(const std::string& key) const;  // null if missing
  JsonReader Object(const std::string& key) const;
  // An integer from 0 to `most`.
  int64_t Count(const std::string& key, int64_t most = std::numeric_limits<int64_t>::max()) const;
  // Read what JsonNumber and JsonText write: any JSON number, any JSON string.
  double Number(const std::string& key) const { return NumberIn(key, Field(key)); }
  std::string Text(const std::string& key) const { return TextIn(key, Field(key)); }
  uint64_t Hex(const std::string& key) const;  // 16 digits
  // The same for a value found in the field `key`.
  double NumberIn(absl::string_view key, const Json& value) const;
  std::string TextIn(absl::string_view key, const Json& value) const;

  // Calls `take` with each key of the object, in alphabetical order, and this reader.
  template <typename Take>
  void Each(const Take& take) const {
    if (!object_.is_object()) return;
    for (auto it = object_.begin(); it != object_.end(); ++it) take(it.key(), *this);
  }

  // "`key` what".
  void Fail(absl::string_view key, absl::string_view what) const;
  bool ok() const { return status_->ok(); }

 private:
  const Json& object_;
  std::string where_;
  absl::Status* status_;
};

// JSON has no numbers that are not finite; those are written "nan", "inf" and "-inf".
nlohmann::ordered_json JsonNumber(double value);

// JSON is UTF-8, but file names need not be: a text that is not UTF-8 is written as {"escaped":
// TEXT}, its bytes escaped as in C.
nlohmann::ordered_json JsonText(const std::string& text);

}  // namespace models

#endif  // MODELS_TRAINING_JSON_READER_H_
