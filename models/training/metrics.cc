#include "models/training/metrics.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/files/input_file.h"
#include "models/training/json_reader.h"
#include "nlohmann/json.hpp"

namespace models {
namespace {

// Keeps the order of insertion; dumps doubles so that they read back equal, and NaN and infinities
// as null.
using Json = nlohmann::ordered_json;

void AddTimes(const MetricList& timing, Json* line) {
  for (const Metric& metric : timing) (*line)[kTimePrefix + metric.name] = metric.value;
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
  for (const char* key : {"step", "epoch", "loss", "lr", "grad_norm"}) {
    if (!line.contains(key)) return false;
  }
  if (!line["step"].is_number_integer()) return false;
  if (line.contains("kind") ? line["kind"] != "train"
                            : !line.contains("timing") || !line["timing"].is_object()) {
    return false;
  }
  metrics->step = line["step"].get<int64_t>();
  bool good = true;
  const auto read = [&good](const Json& value, const std::string& name, MetricList* list) {
    good &= ReadNumber(value, &list->emplace_back(Metric{name}).value);
  };
  for (const auto& [key, value] : line.items()) {
    if (key == "kind" || key == "step") continue;
    absl::string_view time = key;
    if (key == "timing") {
      for (const auto& [name, seconds] : value.items()) read(seconds, name, &metrics->timing);
    } else if (absl::ConsumePrefix(&time, kTimePrefix)) {
      read(value, std::string(time), &metrics->timing);
    } else if (key == "clipped" || key == "skipped" || key == "bad_images") {
      good &= value.is_number_integer();
      if (good) (key == "clipped" ? metrics->clipped : metrics->skipped) = value.get<int64_t>();
    } else if (key == "epoch" || key == "loss" || key == "lr" || key == "grad_norm") {
      good &= ReadNumber(value, key == "epoch"  ? &metrics->epoch
                                : key == "loss" ? &metrics->loss
                                : key == "lr"   ? &metrics->lr
                                                : &metrics->grad_norm);
    } else {
      read(value, key, &metrics->model);
    }
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
  Json line{
      {"kind", "train"}, {"step", metrics.step}, {"epoch", metrics.epoch}, {"loss", metrics.loss}};
  for (const Metric& metric : metrics.model) line[metric.name] = metric.value;
  line["lr"] = metrics.lr;
  line["grad_norm"] = metrics.grad_norm;
  line["clipped"] = metrics.clipped;
  line["skipped"] = metrics.skipped;
  AddTimes(metrics.timing, &line);
  return line.dump() + "\n";
}

std::string MetricsLine(const EvalMetrics& metrics) {
  Json line{{"kind", "eval"}, {"step", metrics.step}, {"epoch", metrics.epoch}};
  for (const Metric& metric : metrics.values) line[metric.name] = metric.value;
  if (metrics.chance > 0) line["chance"] = metrics.chance;
  for (const Metric& metric : metrics.values) {
    if (metric.chance <= 0 || metric.chance == metrics.chance) continue;
    line[metric.name + kChanceSuffix] = metric.chance;
  }
  AddTimes(metrics.timing, &line);
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
