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

// InvalidArgument where brackets are nested more than 64 deep, which no file of ours is: the
// library copies and destroys some values recursively, and the stack ends somewhere.
absl::Status CheckJsonDepth(absl::string_view text);

// `text` as JSON. InvalidArgument: "is no JSON" or "is nested deeper than ...".
//
// nlohmann::json finds a key in logarithmic time. ordered_json keeps the order of the file, but
// its time is quadratic in the keys of an object: for short texts only.
template <typename Json = nlohmann::json>
absl::StatusOr<Json> ParseJson(absl::string_view text) {
  RETURN_IF_ERROR(CheckJsonDepth(text));
  Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return graph::InvalidArgument("is no JSON");
  return json;
}

// Takes fields out of one object. What is wrong first is kept in `status`, as InvalidArgument
// that names the field ("`loader.epoch` is missing"), and reading goes on with zeros and empty
// texts. `object` and `status` must outlive the reader.
class JsonReader {
 public:
  using Json = nlohmann::json;

  // `where` comes before each name: "loader." for what is in the field `loader`.
  JsonReader(const Json& object, std::string where, absl::Status* status);

  const Json& Field(const std::string& key) const;  // null where it is missing
  JsonReader Object(const std::string& key) const;
  // An integer from 0 to `most`.
  int64_t Count(const std::string& key, int64_t most = std::numeric_limits<int64_t>::max()) const;
  // What JsonNumber and JsonText write; any JSON number, any JSON string.
  double Number(const std::string& key) const { return NumberIn(key, Field(key)); }
  std::string Text(const std::string& key) const { return TextIn(key, Field(key)); }
  uint64_t Hex(const std::string& key) const;  // 16 digits
  // Of a value found in the field `key`.
  double NumberIn(absl::string_view key, const Json& value) const;
  std::string TextIn(absl::string_view key, const Json& value) const;

  // Calls `take` with each key of the object, in their alphabetical order, and this reader.
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

// JSON has no numbers that are not finite: they are written "nan", "inf" and "-inf".
nlohmann::ordered_json JsonNumber(double value);

// JSON is UTF-8, and names of files need not be: what is not is written as {"escaped": TEXT},
// its bytes escaped as in C.
nlohmann::ordered_json JsonText(const std::string& text);

}  // namespace models

#endif  // MODELS_TRAINING_JSON_READER_H_
