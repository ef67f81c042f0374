#include "models/training/metrics.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/files/input_file.h"
#include "models/training/json_reader.h"
#include "nlohmann/json.hpp"

namespace models {
namespace {

// Keeps the order of insertion; dumps doubles so that they read back equal, and NaN and infinities
// as null.
using Json = nlohmann::ordered_json;

Json Object(const MetricList& list) {
  Json object = Json::object();
  for (const Metric& metric : list) object[metric.name] = metric.value;
  return object;
}

// Reads a number as written; null is one that is not finite.
bool ReadNumber(const Json& value, double* number) {
  if (!value.is_number() && !value.is_null()) return false;
  *number = value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
  return true;
}

// False if `line` is not one of MetricsLine(TrainMetrics).
bool ReadStep(const Json& line, TrainMetrics* metrics) {
  if (!line.is_object()) return false;
  for (const char* key : {"step", "epoch", "loss", "lr", "grad_norm", "timing"}) {
    if (!line.contains(key)) return false;
  }
  if (!line["step"].is_number_integer() || !line["timing"].is_object()) return false;
  metrics->step = line["step"].get<int64_t>();
  bool good = true;
  for (const auto& [key, value] : line["timing"].items()) {
    good &= ReadNumber(value, &metrics->timing.emplace_back(Metric{key}).value);
  }
  for (const auto& [key, value] : line.items()) {
    if (key == "step" || key == "timing") continue;
    double* number = key == "epoch"       ? &metrics->epoch
                     : key == "loss"      ? &metrics->loss
                     : key == "lr"        ? &metrics->lr
                     : key == "grad_norm" ? &metrics->grad_norm
                                          : &metrics->model.emplace_back(Metric{key}).value;
    good &= ReadNumber(value, number);
  }
  return good;
}

// Whether a line ends there. False if the file is missing or `bytes` is 0: it is then created anew.
absl::StatusOr<bool> HasLineEndingAt(const std::string& path, int64_t bytes) {
  if (bytes == 0) return false;
  const absl::StatusOr<InputFile> file = InputFile::Open(path);
  if (absl::IsNotFound(file.status())) return false;
  RETURN_IF_ERROR(file.status());
  char last = 0;
  RETURN_IF_ERROR(file->ReadAt(bytes - 1, absl::MakeSpan(&last, 1)).status());
  if (last == '\n') return true;
  return absl::DataLossError(absl::StrCat(
      path, " is not what the run wrote: no line ends at byte ", bytes,
      ", where the checkpoint says so; put the run's own file back, or remove it to go on "
      "with a new one"));
}

}  // namespace

std::string MetricsLine(const TrainMetrics& metrics) {
  Json line{{"step", metrics.step}, {"epoch", metrics.epoch}, {"loss", metrics.loss}};
  for (const Metric& metric : metrics.model) line[metric.name] = metric.value;
  line["lr"] = metrics.lr;
  line["grad_norm"] = metrics.grad_norm;
  if (metrics.bad_images > 0) line["bad_images"] = metrics.bad_images;
  line["timing"] = Object(metrics.timing);
  return line.dump() + "\n";
}

std::string MetricsLine(const EvalMetrics& metrics) {
  Json line{{"epoch", metrics.epoch}, {"step", metrics.step}};
  for (const Metric& metric : metrics.values) line[metric.name] = metric.value;
  if (metrics.chance > 0) line["chance"] = metrics.chance;
  line["timing"] = Object(metrics.timing);
  return line.dump() + "\n";
}

absl::StatusOr<TrainMetrics> ReadStepEndingAt(const std::string& path, int64_t bytes) {
  constexpr int64_t kLongestLine = 1 << 16;  // of a step; usually a few hundred bytes
  const int64_t begin = std::max<int64_t>(0, bytes - kLongestLine);
  std::string text(static_cast<size_t>(std::max<int64_t>(0, bytes - begin)), '\0');
  const absl::StatusOr<InputFile> file = InputFile::Open(path);
  const absl::StatusOr<size_t> read =
      file.ok() ? file->ReadAt(begin, absl::MakeSpan(text)) : file.status();
  TrainMetrics metrics;
  if (read.ok() && *read == text.size() && absl::EndsWith(text, "\n")) {
    text.pop_back();
    const size_t before = text.rfind('\n');
    text.erase(0, before == std::string::npos ? 0 : before + 1);
    const absl::StatusOr<Json> line = ParseJson<Json>(text);
    if (line.ok() && ReadStep(*line, &metrics)) return metrics;
  }
  return absl::NotFoundError(absl::StrCat(path, ": no step's line ends at byte ", bytes));
}

absl::StatusOr<MetricsWriter> MetricsWriter::Create(const std::string& path, FileSystem* files) {
  ASSIGN_OR_RETURN(AppendFile file, AppendFile::Create(path, files));
  return MetricsWriter(std::move(file));
}

absl::Status MetricsWriter::CheckResume(const std::string& path, int64_t keep_bytes, int64_t step) {
  ASSIGN_OR_RETURN(const bool is_kept, HasLineEndingAt(path, keep_bytes));
  if (!is_kept) return absl::OkStatus();
  const absl::StatusOr<TrainMetrics> line = ReadStepEndingAt(path, keep_bytes);
  if (line.ok() && line->step == step) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      path, " is not what the run wrote before this checkpoint: at byte ", keep_bytes, " ",
      line.ok() ? absl::StrCat("step ", line->step, " ends") : "no step's line ends",
      ", not that of step ", step,
      "; put the run's own file back, remove it to go on with a new one, or go on from the run's "
      "newest checkpoint"));
}

absl::StatusOr<MetricsWriter> MetricsWriter::Resume(const std::string& path, int64_t keep_bytes,
                                                    FileSystem* files) {
  ASSIGN_OR_RETURN(const bool is_kept, HasLineEndingAt(path, keep_bytes));
  if (!is_kept) return Create(path, files);
  ASSIGN_OR_RETURN(AppendFile file, AppendFile::Resume(path, keep_bytes, files));
  return MetricsWriter(std::move(file));
}

}  // namespace models
