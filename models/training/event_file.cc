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
#include "graph/base/printable.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"
#include "models/files/durable.h"
#include "models/training/event.pb.h"

namespace models {
namespace {

using droppos_events::Event;
using droppos_events::Summary;

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

double SecondsSince1970(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }

Event EventAt(int64_t step, absl::Time now) {
  Event event;
  event.set_wall_time(SecondsSince1970(now));
  event.set_step(step);
  return event;
}

// Numbers of TensorFlow's enums.
constexpr int kFloat = 1, kString = 7, kTensors = 2, kPictures = 3, kSuccess = 1;

// A value of one of TensorBoard's plugins.
droppos_events::TensorProto* AddTensor(absl::string_view tag, const char* plugin, int data_class,
                                       int dtype, Event* event) {
  Summary::Value* value = event->mutable_summary()->add_value();
  value->set_tag(std::string(tag));
  value->mutable_metadata()->mutable_plugin_data()->set_plugin_name(plugin);
  value->mutable_metadata()->set_data_class(data_class);
  value->mutable_tensor()->set_dtype(dtype);
  value->mutable_tensor()->mutable_tensor_shape();  // a scalar, unless it gets dimensions
  return value->mutable_tensor();
}

// What the plugin reads lies in the metadata; the tensor is empty, as in its metadata.py.
void AddHParams(absl::string_view tag, const droppos_events::HParamsPluginData& data,
                Event* event) {
  AddTensor(tag, "hparams", kTensors, kFloat, event)->mutable_tensor_shape()->add_dim();
  Summary* summary = event->mutable_summary();
  summary->mutable_value(summary->value_size() - 1)
      ->mutable_metadata()
      ->mutable_plugin_data()
      ->set_content(data.SerializeAsString());
}

// As Markdown shows it unchanged, in a cell of a table.
std::string InCell(absl::string_view text) {
  std::string cell;
  for (const char c : text) {
    if (c == '&' || c == '<') {
      absl::StrAppend(&cell, c == '&' ? "&amp;" : "&lt;");
      continue;
    }
    if (absl::string_view("\\`*_{}[]()>#!|").find(c) != absl::string_view::npos) cell += '\\';
    cell += c;
  }
  return cell;
}

void SetHparam(const std::string& text, droppos_events::SessionStartInfo::Value* value) {
  double number = 0;
  if (text == "true" || text == "false") {
    value->set_bool_value(text == "true");
  } else if (absl::SimpleAtod(text, &number) && std::isfinite(number)) {
    value->set_number_value(number);
  } else {
    value->set_string_value(text);
  }
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

struct PngSize {
  uint32_t width = 0, height = 0;
};

absl::StatusOr<PngSize> ReadPngSize(absl::string_view png) {
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
  const PngSize size = {number(16), number(20)};
  constexpr uint32_t kLargest = std::numeric_limits<int32_t>::max();
  if (size.width == 0 || size.height == 0 || size.width > kLargest || size.height > kLargest) {
    return graph::InvalidArgument("a PNG picture of ", size.width, "x", size.height, " pixels");
  }
  return size;
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
    Summary::Value* one = event.mutable_summary()->add_value();
    one->set_tag(metric.name);
    one->set_simple_value(AsFloat(metric.value));
  }
  return file_.Append(Framed(event));
}

absl::Status EventFileWriter::AddImage(int64_t step, absl::Time now, absl::string_view tag,
                                       absl::string_view shows, std::string png) {
  ASSIGN_OR_RETURN(const PngSize size, ReadPngSize(png));
  Event event = EventAt(step, now);
  // As a tensor of the images plugin, because TensorBoard's fast loader drops what is said of the
  // older Summary.Image.
  droppos_events::TensorProto* tensor = AddTensor(tag, "images", kPictures, kString, &event);
  tensor->mutable_tensor_shape()->add_dim()->set_size(3);
  tensor->add_string_val(absl::StrCat(size.width));
  tensor->add_string_val(absl::StrCat(size.height));
  tensor->add_string_val(std::move(png));
  event.mutable_summary()->mutable_value(0)->mutable_metadata()->set_summary_description(
      InCell(graph::Printable(shows)));
  return file_.Append(Framed(event));
}

absl::Status EventFileWriter::AddImageFile(int64_t step, absl::Time now, absl::string_view tag,
                                           absl::string_view shows, const std::string& path) {
  constexpr int64_t kMost = int64_t{1} << 28;  // bytes
  ASSIGN_OR_RETURN(std::string png, ReadFile(path, kMost));
  const absl::StatusOr<PngSize> size = ReadPngSize(png);
  if (!size.ok()) {
    return absl::Status(size.status().code(),
                        absl::StrCat("cannot show ", path, ": ", size.status().message()));
  }
  return AddImage(step, now, tag, shows, std::move(png));
}

absl::Status EventFileWriter::AddFlags(int64_t step, absl::Time now, const FlagList& flags) {
  std::string table = "| flag | value |\n| --- | --- |\n";
  droppos_events::HParamsPluginData data;
  droppos_events::SessionStartInfo* start = data.mutable_session_start_info();
  start->set_start_time_secs(SecondsSince1970(now));
  for (const auto& [name, value] : flags) {
    const std::string shown = graph::Printable(value);  // a path may hold any bytes
    absl::StrAppend(&table, "| ", InCell(name), " | ", InCell(shown), " |\n");
    droppos_events::SessionStartInfo::Hparam* hparam = start->add_hparams();
    hparam->set_key(name);
    SetHparam(shown, hparam->mutable_value());
  }
  Event event = EventAt(step, now);
  AddTensor(kFlagsTag, "text", kTensors, kString, &event)->add_string_val(std::move(table));
  AddHParams(kSessionStartTag, data, &event);
  return file_.Append(Framed(event));
}

absl::Status EventFileWriter::AddSessionEnd(int64_t step, absl::Time now) {
  droppos_events::HParamsPluginData data;
  data.mutable_session_end_info()->set_status(kSuccess);
  data.mutable_session_end_info()->set_end_time_secs(SecondsSince1970(now));
  Event event = EventAt(step, now);
  AddHParams(kSessionEndTag, data, &event);
  return file_.Append(Framed(event));
}

}  // namespace models
