#include "models/training/run_state.h"

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "nlohmann/json.hpp"

namespace models {
namespace {

using Json = nlohmann::ordered_json;

// Of the format: another one is refused, not guessed at.
constexpr int64_t kVersion = 1;

Json IdentityJson(const DataIdentity& data) {
  return {{"images", data.images}, {"ids_xxh3", HexText(data.ids)}};
}

// Takes fields out of one JSON object; the first thing that is wrong is kept.
class Reader {
 public:
  Reader(const Json& object, std::string where, absl::Status* status)
      : object_(object), where_(std::move(where)), status_(status) {
    if (!object.is_object()) Fail("", "is no object");
  }

  const Json& Field(const char* key) const {
    static const Json none;
    const auto it = object_.is_object() ? object_.find(key) : object_.end();
    if (it != object_.end()) return *it;
    Fail(key, "is missing");
    return none;
  }
  Reader Object(const char* key) const {
    return Reader(Field(key), absl::StrCat(where_, key, "."), status_);
  }
  // Not negative.
  int64_t Count(const char* key) const {
    const Json& value = Field(key);
    const bool whole = value.is_number_integer() && (!value.is_number_unsigned() ||
                                                     value.get<uint64_t>() <= uint64_t{INT64_MAX});
    if (!whole || value.get<int64_t>() < 0) {
      Fail(key, "is no count");
      return 0;
    }
    return value.get<int64_t>();
  }
  uint64_t Hex(const char* key) const {
    uint64_t bits = 0;
    const std::string text = Text(key);
    if (text.size() != 16 || !absl::SimpleHexAtoi(text, &bits)) Fail(key, "is no 16 hex digits");
    return bits;
  }
  std::string Text(const char* key) const {
    const Json& value = Field(key);
    if (value.is_string()) return value.get<std::string>();
    Fail(key, "is no text");
    return "";
  }
  DataIdentity Identity(const char* key) const {
    const Reader data = Object(key);
    return {data.Count("images"), data.Hex("ids_xxh3")};
  }
  // Calls `take` with each key of the object and a reader of the object itself.
  template <typename Take>
  void Each(const Take& take) const {
    if (!object_.is_object()) return;
    for (auto it = object_.begin(); it != object_.end(); ++it) take(it.key(), *this);
  }

 private:
  void Fail(absl::string_view key, absl::string_view what) const {
    std::string field = absl::StrCat(where_, key);
    if (!field.empty() && field.back() == '.') field.pop_back();
    status_->Update(graph::InvalidArgument(field.empty() ? "it" : "`" + field + "`", " ", what));
  }

  const Json& object_;
  std::string where_;
  absl::Status* status_;
};

}  // namespace

DataIdentity Identify(const Dataset& data) {
  std::vector<uint64_t> ids(static_cast<size_t>(data.size()));
  for (int64_t i = 0; i < data.size(); ++i) ids[i] = data.image_id(i);
  const auto* bytes = reinterpret_cast<const char*>(ids.data());
  return {data.size(), SumOfBytes({bytes, ids.size() * sizeof(uint64_t)}).xxh3};
}

std::string RunStateJson(const RunState& state) {
  Json json{{"version", kVersion},
            {"step", state.step},
            {"loader",
             {{"epoch", state.loader.epoch},
              {"batch", state.loader.batch},
              {"position", state.loader.position},
              {"bad", state.loader.bad}}},
            {"bad_images", state.bad_images},
            {"metrics_bytes", state.metrics_bytes},
            {"log_bytes", state.log_bytes},
            {"train", IdentityJson(state.train)},
            {"held_out", IdentityJson(state.held_out)}};
  json["notes"] = Json::object();
  for (const auto& [name, note] : state.notes) json["notes"][name] = note;
  json["files"] = Json::object();
  for (const auto& [name, sum] : state.files) {
    json["files"][name] = {{"bytes", sum.bytes}, {"xxh3", HexText(sum.xxh3)}};
  }
  // A path need not be UTF-8; what cannot be said is replaced, not an end of the run.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<RunState> ParseRunState(absl::string_view text, const std::string& name) {
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return graph::InvalidArgument(name, " is no JSON");
  absl::Status status;
  const Reader reader(json, "", &status);
  const int64_t version = reader.Count("version");
  if (status.ok() && version != kVersion) {
    return graph::InvalidArgument(name, " has version ", version, "; this program reads ",
                                  kVersion);
  }
  RunState state;
  state.step = reader.Count("step");
  const Reader loader = reader.Object("loader");
  state.loader.epoch = loader.Count("epoch");
  state.loader.batch = loader.Count("batch");
  state.loader.position = loader.Count("position");
  state.loader.bad = loader.Count("bad");
  state.bad_images = reader.Count("bad_images");
  state.metrics_bytes = reader.Count("metrics_bytes");
  state.log_bytes = reader.Count("log_bytes");
  state.train = reader.Identity("train");
  state.held_out = reader.Identity("held_out");
  reader.Object("notes").Each([&state](const std::string& note, const Reader& notes) {
    state.notes[note] = notes.Text(note.c_str());
  });
  reader.Object("files").Each([&state](const std::string& file, const Reader& files) {
    const Reader sum = files.Object(file.c_str());
    state.files[file] = {sum.Count("bytes"), sum.Hex("xxh3")};
  });
  if (!status.ok()) return graph::Annotate(status, name);
  return state;
}

}  // namespace models
