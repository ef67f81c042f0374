#include "tests/models/training/read_events.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace models {
namespace {

uint64_t Number(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

// Undoes the mask, as a reader does.
uint32_t Unmasked(uint64_t masked) {
  const uint32_t rotated = static_cast<uint32_t>(masked) - 0xa282ead8u;
  return rotated >> 17 | rotated << 15;
}

}  // namespace

uint32_t BitwiseCrc32c(absl::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (const char byte : bytes) {
    crc ^= static_cast<uint8_t>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0u);
  }
  return ~crc;
}

EventsRead ReadEvents(absl::string_view file) {
  EventsRead read;
  while (!file.empty()) {
    read.tail_bytes = file.size();
    if (file.size() < 12) return read;
    if (Unmasked(Number(file.substr(8, 4))) != BitwiseCrc32c(file.substr(0, 8))) {
      read.error = absl::StrCat("record ", read.events.size(), ": checksum of the length");
      return read;
    }
    const uint64_t length = Number(file.substr(0, 8));
    if (length + 16 > file.size()) return read;
    const absl::string_view bytes = file.substr(12, length);
    if (Unmasked(Number(file.substr(12 + length, 4))) != BitwiseCrc32c(bytes)) {
      read.error = absl::StrCat("record ", read.events.size(), ": checksum of the bytes");
      return read;
    }
    droppos_events::Event event;
    if (!event.ParseFromArray(bytes.data(), static_cast<int>(length))) {
      read.error = absl::StrCat("record ", read.events.size(), " is no Event");
      return read;
    }
    read.events.push_back(event);
    file.remove_prefix(length + 16);
  }
  read.tail_bytes = 0;
  return read;
}

ShownEvents ReadEventFolder(const std::string& folder) {
  ShownEvents shown;
  std::vector<std::filesystem::path> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  shown.files = static_cast<int>(files.size());
  const auto forget = [](auto* series, int64_t from) {
    for (auto& [tag, points] : *series) {
      points.erase(std::remove_if(points.begin(), points.end(),
                                  [from](const auto& point) { return point.first >= from; }),
                   points.end());
    }
  };
  for (const std::filesystem::path& file : files) {
    std::ifstream in(file, std::ios::binary);
    const EventsRead read = ReadEvents(std::string(std::istreambuf_iterator<char>(in), {}));
    if (!read.error.empty()) shown.error = absl::StrCat(file.string(), ": ", read.error);
    for (const droppos_events::Event& event : read.events) {
      if (event.has_session_log()) {
        forget(&shown.scalars, event.step());
        forget(&shown.pictures, event.step());
        forget(&shown.texts, event.step());
      }
      for (const auto& value : event.summary().value()) {
        const std::string& plugin = value.metadata().plugin_data().plugin_name();
        if (plugin == "images") {
          shown.pictures[value.tag()].emplace_back(event.step(), value.tensor().string_val(2));
        } else if (plugin == "hparams") {
          droppos_events::HParamsPluginData data;
          if (!data.ParseFromString(value.metadata().plugin_data().content())) {
            shown.error = absl::StrCat(file.string(), ": no HParamsPluginData");
          }
          shown.sessions.emplace(value.tag(), data);
        } else if (plugin == "text") {
          shown.texts[value.tag()].emplace_back(event.step(), value.tensor().string_val(0));
        } else {
          shown.scalars[value.tag()].emplace_back(event.step(), value.simple_value());
        }
      }
    }
  }
  return shown;
}

}  // namespace models
