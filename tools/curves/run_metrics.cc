#include "tools/curves/run_metrics.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"
#include "models/training/json_reader.h"
#include "models/training/metrics.h"
#include "models/training/output_dir.h"
#include "nlohmann/json.hpp"

namespace tools {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr int64_t kMaxBytes = int64_t{1} << 33;

double NumberOf(const Json& value) {
  return value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
}

bool IsValue(const Json& value) { return value.is_number() || value.is_null(); }

// Removes rows from `step` on, and their numbers.
void ForgetFrom(int64_t step, RunMetrics* log) {
  while (!log->rows.empty() && log->rows.back().step >= step) log->rows.pop_back();
  for (auto& [name, values] : log->metrics) {
    while (!values.empty() && values.back().row >= log->rows.size()) values.pop_back();
  }
}

absl::Status AddLine(const Json& line, RunMetrics* log) {
  if (!line.is_object() || !line.contains("step") || !line["step"].is_number_integer()) {
    return graph::InvalidArgument("no object with a step");
  }
  RunMetrics::Row row;
  row.step = line["step"].get<int64_t>();
  // Earlier versions wrote no kind; steps have a learning rate, evaluations none.
  row.evaluation = line.contains("kind") ? line["kind"] == "eval" : !line.contains("lr");
  if (!log->rows.empty()) {
    const RunMetrics::Row& last = log->rows.back();
    if (row.step < last.step || (row.step == last.step && !row.evaluation)) {
      ForgetFrom(row.step, log);
    }
  }
  if (line.contains("epoch")) row.epoch = NumberOf(line["epoch"]);
  row.seconds = log->rows.empty() ? 0 : log->rows.back().seconds;
  const size_t at = log->rows.size();
  log->rows.push_back(row);
  const auto add_time = [&](const std::string& name, const Json& value) {
    if (name == "seconds" && value.is_number()) log->rows[at].seconds += value.get<double>();
    // The time of an evaluation is not a step's.
    if (!row.evaluation && IsValue(value)) log->metrics[name].push_back({at, NumberOf(value)});
  };
  for (const auto& [name, value] : line.items()) {
    absl::string_view part = name;
    if (name == "timing" && value.is_object()) {  // of an earlier version
      for (const auto& [time, seconds] : value.items()) add_time(time, seconds);
    } else if (absl::ConsumePrefix(&part, models::kTimePrefix)) {
      add_time(std::string(part), value);
    } else if (name == "chance" || absl::ConsumeSuffix(&part, models::kChanceSuffix)) {
      if (!value.is_number()) continue;
      (name == "chance" ? log->chance : log->chances[std::string(part)]) = value.get<double>();
    } else if (name != "step" && name != "epoch" && name != "timing" && IsValue(value)) {
      log->metrics[name].push_back({at, NumberOf(value)});
    }
  }
  return absl::OkStatus();
}

// The metrics.jsonl that `path` means; empty for a folder without.
absl::StatusOr<std::string> FindMetrics(const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) {
    const std::string file = models::JoinPath(path, models::kMetricsFile);
    return fs::exists(file, error) ? file : "";
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return graph::InvalidArgument("cannot read ", path, ": ", error.message());
  }
  if (fs::exists(path, error)) return path;
  return absl::NotFoundError(
      absl::StrCat("there is no ", path, "; name the --output_dir of a training run"));
}

std::vector<std::string> Parts(const std::string& folder) {
  return absl::StrSplit(fs::path(folder).lexically_normal().string(), '/', absl::SkipEmpty());
}

}  // namespace

absl::StatusOr<RunMetrics> ParseRunMetrics(absl::string_view text,
                                           std::vector<std::string>* notes) {
  RunMetrics log;
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    const absl::string_view line = text.substr(0, end);
    text.remove_prefix(end == absl::string_view::npos ? text.size() : end + 1);
    if (line.empty()) continue;
    const absl::StatusOr<Json> json = models::ParseJson(line);
    if (!json.ok() && end == absl::string_view::npos) {
      notes->push_back(absl::StrCat("line ", number, " is cut off, and left out"));
      break;
    }
    if (!json.ok()) {
      return graph::InvalidArgument("line ", number, " ", json.status().message());
    }
    const absl::Status status = AddLine(*json, &log);
    if (!status.ok()) return graph::InvalidArgument("line ", number, ": ", status.message());
  }
  for (auto it = log.metrics.begin(); it != log.metrics.end();) {
    it = it->second.empty() ? log.metrics.erase(it) : std::next(it);
  }
  return log;
}

absl::StatusOr<std::vector<RunMetrics>> ReadRunMetrics(const std::vector<std::string>& paths,
                                                       std::vector<std::string>* notes) {
  std::vector<RunMetrics> logs;
  std::vector<std::string> folders;
  std::set<std::string> seen;
  int runs = 0;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const std::string file, FindMetrics(path));
    if (file.empty()) {
      notes->push_back(
          absl::StrCat(path, " is no run: it holds no ", models::kMetricsFile, "; it is left out"));
      continue;
    }
    ++runs;
    std::error_code error;
    if (!seen.insert(fs::weakly_canonical(file, error).string()).second) {
      return graph::InvalidArgument(path, " is named twice");
    }
    ASSIGN_OR_RETURN(const std::string text, models::ReadFile(file, kMaxBytes));
    std::vector<std::string> found;
    absl::StatusOr<RunMetrics> log = ParseRunMetrics(text, &found);
    if (!log.ok()) {
      return graph::InvalidArgument(file, ": ", log.status().message(),
                                    "; is it the metrics of a training run?");
    }
    for (const std::string& note : found) notes->push_back(absl::StrCat(file, ": ", note));
    if (log->rows.empty()) {
      notes->push_back(absl::StrCat(file, ": no step is done yet; the run is left out"));
      continue;
    }
    log->path = path;
    logs.push_back(std::move(log).value());
    // "." and ".." are not names.
    const std::string folder(absl::StripSuffix(file, models::kMetricsFile));
    folders.push_back(fs::absolute(folder, error).lexically_normal().string());
  }
  if (runs == 0) {
    return graph::InvalidArgument(absl::StrJoin(paths, ", "), paths.size() == 1 ? " is" : " are",
                                  " no run, without ", models::kMetricsFile,
                                  "; name the --output_dir of a run of //tools:train");
  }
  if (logs.empty()) {
    return graph::InvalidArgument("no run has done a step yet: ", absl::StrJoin(paths, ", "),
                                  "; wait for their first steps, or name others");
  }
  const std::vector<std::string> names = ShortNames(folders);
  for (size_t i = 0; i < logs.size(); ++i) logs[i].name = names[i];
  return logs;
}

std::vector<std::string> ShortNames(const std::vector<std::string>& folders) {
  std::vector<std::string> names(folders.size());
  std::vector<std::vector<std::string>> parts;
  size_t most = 1;
  for (const std::string& folder : folders) {
    parts.push_back(Parts(folder));
    most = std::max(most, parts.back().size());
  }
  for (size_t i = 0; i < folders.size(); ++i) {
    const auto last = [&](size_t run, size_t count) {
      const std::vector<std::string>& all = parts[run];
      return absl::StrJoin(all.end() - static_cast<int64_t>(std::min(count, all.size())), all.end(),
                           "/");
    };
    for (size_t count = 1; count <= most; ++count) {
      names[i] = last(i, count);
      bool alone = true;
      for (size_t k = 0; k < folders.size(); ++k) alone &= k == i || last(k, count) != names[i];
      if (alone) break;
    }
    if (names[i].empty()) names[i] = folders[i];
  }
  return names;
}

}  // namespace tools
