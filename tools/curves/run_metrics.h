// Reads the numbers of runs from their metrics.jsonl.
#ifndef TOOLS_CURVES_RUN_METRICS_H_
#define TOOLS_CURVES_RUN_METRICS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tools {

struct RunMetrics {
  // A line of the file: a step or an evaluation.
  struct Row {
    int64_t step = 0;
    double epoch = 0;
    double seconds = 0;  // spent on steps and evaluations so far, restarts not counted
    bool evaluation = false;
  };
  struct Value {
    size_t row = 0;
    double value = 0;  // NaN if the file has null
  };

  std::string path;  // as given
  std::string name;  // for the legend
  std::vector<Row> rows;
  // By name, including the times, without their prefix ("images_per_s"), but not step and epoch.
  // The vectors are never empty.
  std::map<std::string, std::vector<Value>> metrics;
  double chance = 0;                      // of a right position; 0: unknown
  std::map<std::string, double> chances;  // of other metrics, by name
};

// Parses the lines of a metrics.jsonl. A last line that has no newline and is no JSON belongs to a
// run in progress or one killed by a power failure: it is skipped, with a line in `notes`. If steps
// are repeated (after a resume), the later ones count. Errors name line numbers, not the file.
absl::StatusOr<RunMetrics> ParseRunMetrics(absl::string_view text, std::vector<std::string>* notes);

// Reads runs by their output folders, or by their metrics.jsonl. Folders that hold no run, and runs
// without a line yet, are skipped with a line in `notes`; an error if all are. Errors name the path and the way out.
absl::StatusOr<std::vector<RunMetrics>> ReadRunMetrics(const std::vector<std::string>& paths,
                                                       std::vector<std::string>* notes);

// Names for a legend: as many last parts of the folders' paths as tell them apart.
std::vector<std::string> ShortNames(const std::vector<std::string>& folders);

}  // namespace tools

#endif  // TOOLS_CURVES_RUN_METRICS_H_
