#include "models/training/json_reader.h"

#include <cmath>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"

namespace models {
namespace {

constexpr char kEscaped[] = "escaped";

}  // namespace

absl::Status CheckJsonDepth(absl::string_view text) {
  constexpr int kDeepest = 64;
  int depth = 0;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') {
      quoted = !quoted;
    } else if (quoted) {
      if (c == '\\') ++i;
    } else if (c == '[' || c == '{') {
      if (++depth > kDeepest) {
        return graph::InvalidArgument("is nested deeper than ", kDeepest, " brackets");
      }
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return absl::OkStatus();
}

JsonReader::JsonReader(const Json& object, std::string where, absl::Status* status)
    : object_(object), where_(std::move(where)), status_(status) {
  if (!object.is_object()) Fail("", "is no object");
}

const JsonReader::Json& JsonReader::Field(const std::string& key) const {
  static const Json* const none = new Json();
  const auto it = object_.is_object() ? object_.find(key) : object_.end();
  if (it != object_.end()) return *it;
  Fail(key, "is missing");
  return *none;
}

JsonReader JsonReader::Object(const std::string& key) const {
  return JsonReader(Field(key), absl::StrCat(where_, key, "."), status_);
}

int64_t JsonReader::Count(const std::string& key, int64_t most) const {
  const Json& value = Field(key);
  const bool whole =
      value.is_number_integer() &&
      (!value.is_number_unsigned() ||
       value.get<uint64_t>() <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max()));
  if (whole && value.get<int64_t>() >= 0 && value.get<int64_t>() <= most) {
    return value.get<int64_t>();
  }
  Fail(key, "is no count");
  return 0;
}

uint64_t JsonReader::Hex(const std::string& key) const {
  uint64_t bits = 0;
  const std::string text = Text(key);
  if (text.size() != 16 || text.find_first_of("xX") != std::string::npos ||
      !absl::SimpleHexAtoi(text, &bits)) {
    Fail(key, "is no 16 hex digits");
  }
  return bits;
}

double JsonReader::NumberIn(absl::string_view key, const Json& value) const {
  using Limits = std::numeric_limits<double>;
  if (value.is_number()) return value.get<double>();
  if (value == "nan") return Limits::quiet_NaN();
  if (value == "inf") return Limits::infinity();
  if (value == "-inf") return -Limits::infinity();
  Fail(key, "is no number");
  return 0;
}

std::string JsonReader::TextIn(absl::string_view key, const Json& value) const {
  if (value.is_string()) return value.get<std::string>();
  std::string text;
  if (value.is_object() && value.size() == 1 && value.begin().key() == kEscaped &&
      value.begin()->is_string() &&
      absl::CUnescape(value.begin()->get_ref<const std::string&>(), &text)) {
    return text;
  }
  Fail(key, "is no text");
  return "";
}

void JsonReader::Fail(absl::string_view key, absl::string_view what) const {
  std::string field = absl::StrCat(where_, key);
  if (!field.empty() && field.back() == '.') field.pop_back();
  const std::string name = field.empty() ? "it" : absl::StrCat("`", graph::Shortened(field), "`");
  status_->Update(graph::InvalidArgument(name, " ", what));
}

nlohmann::ordered_json JsonNumber(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

nlohmann::ordered_json JsonText(const std::string& text) {
  nlohmann::ordered_json json = text;
  try {
    json.dump();  // the library's own check
  } catch (const nlohmann::json::type_error&) {
    json = nlohmann::ordered_json::object();
    json[kEscaped] = absl::CHexEscape(text);
  }
  return json;
}

}  // namespace models
