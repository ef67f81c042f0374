#include "models/training/run_state.h"

#include <vector>

#include "graph/base/status.h"
#include "models/training/json_reader.h"
#include "nlohmann/json.hpp"

namespace models {
namespace {

using Json = nlohmann::ordered_json;  // keeps the order of insertion

// Version of the format; other versions are refused, not guessed at.
constexpr int64_t kVersion = 1;

Json IdentityJson(const DataIdentity& data) {
  return {{"images", data.images}, {"ids_xxh3", HexText(data.ids)}};
}

DataIdentity IdentityIn(const JsonReader& reader, const char* key) {
  const JsonReader data = reader.Object(key);
  return {data.Count("images"), data.Hex("ids_xxh3")};
}

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
  for (const auto& [name, note] : state.notes) json["notes"][name] = JsonText(note);
  json["files"] = Json::object();
  for (const auto& [name, sum] : state.files) {
    json["files"][name] = {{"bytes", sum.bytes}, {"xxh3", HexText(sum.xxh3)}};
  }
  return json.dump(2) + "\n";
}

absl::StatusOr<RunState> ParseRunState(absl::string_view text, const std::string& name) {
  const absl::StatusOr<nlohmann::json> json = ParseJson(text);
  if (!json.ok()) return graph::InvalidArgument(name, " ", json.status().message());
  absl::Status status;
  const JsonReader reader(*json, "", &status);
  const int64_t version = reader.Count("version");
  if (status.ok() && version != kVersion) {
    return graph::InvalidArgument(name, " has version ", version, "; this program reads ",
                                  kVersion);
  }
  RunState state;
  state.step = reader.Count("step");
  const JsonReader loader = reader.Object("loader");
  state.loader.epoch = loader.Count("epoch");
  state.loader.batch = loader.Count("batch");
  state.loader.position = loader.Count("position");
  state.loader.bad = loader.Count("bad");
  state.bad_images = reader.Count("bad_images");
  state.metrics_bytes = reader.Count("metrics_bytes");
  state.log_bytes = reader.Count("log_bytes");
  state.train = IdentityIn(reader, "train");
  state.held_out = IdentityIn(reader, "held_out");
  reader.Object("notes").Each([&state](const std::string& note, const JsonReader& notes) {
    state.notes[note] = notes.Text(note);
  });
  reader.Object("files").Each([&state](const std::string& file, const JsonReader& files) {
    const JsonReader sum = files.Object(file);
    state.files[file] = {sum.Count("bytes"), sum.Hex("xxh3")};
  });
  if (!status.ok()) return graph::Annotate(status, name);
  return state;
}

}  // namespace models
