#include "models/training/event_file.h"

#include <isa-l/crc.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"
#include "models/files/durable.h"
#include "models/training/event.pb.h"

namespace models {
namespace {

using droppos_events::Event;

std::string LittleEndian(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i & 255);
  return text;
}

// As TFRecord stores it: rotated and offset, so that bytes that contain their own checksum do not
// have a constant checksum.
uint32_t MaskedCrc32c(absl::string_view bytes) {
  const uint32_t crc = Crc32c(bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

// TFRecord: the length, its checksum, the bytes, their checksum.
std::string Framed(const Event& event) {
  const std::string bytes = event.SerializeAsString();
  const std::string length = LittleEndian(bytes.size(), 8);
  return absl::StrCat(length, LittleEndian(MaskedCrc32c(length), 4), bytes,
                      LittleEndian(MaskedCrc32c(bytes), 4));
}

Event EventAt(int64_t step, absl::Time now) {
  Event event;
  event.set_wall_time(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  event.set_step(step);
  return event;
}

// The host's part of a file name.
std::string HostName() {
  char buffer[256] = "";
  if (::gethostname(buffer, sizeof(buffer) - 1) != 0) buffer[0] = 0;
  std::string host = buffer;
  for (char& c : host) {
    if (!absl::ascii_isalnum(c) && c != '-') c = '_';
  }
  return host.empty() ? "host" : host;
}

// The seconds in an event file's name; -1 if it has none.
int64_t SecondsIn(absl::string_view name) {
  absl::ConsumePrefix(&name, kEventFilePrefix);
  int64_t seconds;
  return absl::SimpleAtoi(name.substr(0, name.find('.')), &seconds) ? seconds : -1;
}

// A number beyond a float's range becomes infinity, because the cast itself would be undefined.
float AsFloat(double value) {
  constexpr double kLargest = std::numeric_limits<float>::max();
  if (std::abs(value) > kLargest) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    return value > 0 ? kInfinity : -kInfinity;
  }
  return static_cast<float>(value);
}

struct PngHeader {
  int width = 0, height = 0, colorspace = 0;
};

absl::StatusOr<PngHeader> ReadPngHeader(absl::string_view png) {
  // Signature, length and name of the first chunk, width, height, depth, colour type.
  static constexpr absl::string_view kStart("\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", 16);
  if (!absl::StartsWith(png, kStart) || png.size() < 26) {
    return graph::InvalidArgument("no PNG picture");
  }
  const auto number = [&](size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(png[at + i]);
    return value;
  };
  const uint32_t width = number(16), height = number(20);
  constexpr uint32_t kLargest = std::numeric_limits<int32_t>::max();
  if (width == 0 || height == 0 || width > kLargest || height > kLargest) {
    return graph::InvalidArgument("a PNG picture of ", width, "x", height, " pixels");
  }
  // Channels: grey, grey with alpha, colours with alpha; else colours, a palette's too.
  const char type = png[25];
  const int colorspace = type == 0 ? 1 : type == 4 ? 2 : type == 6 ? 4 : 3;
  return PngHeader{static_cast<int>(width), static_cast<int>(height), colorspace};
}

}  // namespace

uint32_t Crc32c(absl::string_view bytes) {
  CHECK(bytes.size() <= static_cast<size_t>(std::numeric_limits<int>::max()));
  // The library only reads them.
  auto* data = reinterpret_cast<unsigned char*>(const_cast<char*>(bytes.data()));
  return ~::crc32_iscsi(data, static_cast<int>(bytes.size()), ~0u);
}

std::vector<std::string> ListEventFiles(const std::string& folder) {
  std::vector<std::string> names = NamesIn(folder);
  names.erase(std::remove_if(names.begin(), names.end(),
                             [](const std::string& name) { return !IsEventFile(name); }),
              names.end());
  std::sort(names.begin(), names.end());
  return names;
}

MetricList EventScalars(const TrainMetrics& metrics) {
  MetricList scalars = {{"train/loss", metrics.loss}};
  for (const Metric& metric : metrics.model) {
    scalars.push_back({absl::StrCat("train/", metric.name), metric.value});
  }
  scalars.push_back({"train/lr", metrics.lr});
  scalars.push_back({"train/grad_norm", metrics.grad_norm});
  scalars.push_back({"train/clipped", static_cast<double>(metrics.clipped)});
  scalars.push_back({"train/skipped", static_cast<double>(metrics.skipped)});
  scalars.push_back({"train/epoch", metrics.epoch});
  for (const Metric& metric : metrics.timing) {
    scalars.push_back({absl::StrCat("timing/", metric.name), metric.value});
  }
  return scalars;
}

MetricList EventScalars(const EvalMetrics& metrics) {
  MetricList scalars;
  for (const Metric& metric : metrics.values) {
    scalars.push_back(
        {absl::StrCat("heldout/", absl::StripPrefix(metric.name, "heldout_")), metric.value});
  }
  if (metrics.chance > 0) scalars.push_back({"heldout/chance", metrics.chance});
  for (const Metric& metric : metrics.values) {
    if (metric.chance <= 0 || metric.chance == metrics.chance) continue;
    scalars.push_back(
        {absl::StrCat("heldout/", absl::StripPrefix(metric.name, "heldout_"), kChanceSuffix),
         metric.chance});
  }
  for (const Metric& metric : metrics.timing) {
    scalars.push_back({absl::StrCat("timing/heldout_", metric.name), metric.value});
  }
  return scalars;
}

absl::StatusOr<EventFileWriter> EventFileWriter::Create(const std::string& folder, absl::Time now,
                                                        int64_t first_step, FileSystem* files) {
  int64_t seconds = std::max<int64_t>(0, absl::ToUnixSeconds(now));
  for (const std::string& name : ListEventFiles(folder)) {
    seconds = std::max(seconds, SecondsIn(name) + 1);
  }
  const std::string host = HostName();
  absl::StatusOr<AppendFile> file;
  // Another process may take the name in between.
  for (int attempt = 0; attempt < 100; ++attempt) {
    const std::string path =
        JoinPath(folder, absl::StrFormat("%s%010d.%s", kEventFilePrefix, seconds + attempt, host));
    file = AppendFile::CreateNew(path, files);
    if (!absl::IsAlreadyExists(file.status())) break;
  }
  if (!file.ok()) return file.status();
  EventFileWriter writer(*std::move(file));

  Event version = EventAt(0, now);
  version.set_file_version("brain.Event:2");
  // The first file has its mark too: TensorBoard does not take the first mark that it sees for a
  // restart.
  Event start = EventAt(first_step, now);
  start.mutable_session_log()->set_status(droppos_events::SessionLog::START);
  const absl::Status status = writer.file_.Append(Framed(version) + Framed(start));
  if (!status.ok()) {
    files->Remove(writer.path());
    return status;
  }
  return writer;
}

absl::Status EventFileWriter::AddScalars(int64_t step, absl::Time now, const MetricList& scalars) {
  if (scalars.empty()) return absl::OkStatus();
  Event event = EventAt(step, now);
  for (const Metric& metric : scalars) {
    droppos_events::Summary::Value* one = event.mutable_summary()->add_value();
    one->set_tag(metric.name);
    one->set_simple_value(AsFloat(metric.value));
  }
  return file_.Append(Framed(event));
}

absl::Status EventFileWriter::AddImage(int64_t step, absl::Time now, absl::string_view tag,
                                       std::string png) {
  ASSIGN_OR_RETURN(const PngHeader header, ReadPngHeader(png));
  Event event = EventAt(step, now);
  droppos_events::Summary::Value* value = event.mutable_summary()->add_value();
  value->set_tag(std::string(tag));
  droppos_events::Summary::Image* image = value->mutable_image();
  image->set_width(header.width);
  image->set_height(header.height);
  image->set_colorspace(header.colorspace);
  image->set_encoded_image_string(std::move(png));
  return file_.Append(Framed(event));
}

absl::Status EventFileWriter::AddImageFile(int64_t step, absl::Time now, absl::string_view tag,
                                           const std::string& path) {
  constexpr int64_t kMost = int64_t{1} << 28;  // bytes
  ASSIGN_OR_RETURN(std::string png, ReadFile(path, kMost));
  const absl::StatusOr<PngHeader> header = ReadPngHeader(png);
  if (!header.ok()) {
    return absl::Status(header.status().code(),
                        absl::StrCat("cannot show ", path, ": ", header.status().message()));
  }
  return AddImage(step, now, tag, std::move(png));
}

}  // namespace models
