// The numbers of runs, from their metrics.jsonl.
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
    double seconds = 0;  // that steps and evaluations took until then, restarts not counted
    bool evaluation = false;
  };
  struct Value {
    size_t row = 0;
    double value = 0;  // NaN where the file has null
  };

  std::string path;  // as it was given
  std::string name;  // what a legend calls it
  std::vector<Row> rows;
  // By name, those under `timing` too ("images_per_s"); but not step and epoch. Never empty
  // vectors.
  std::map<std::string, std::vector<Value>> metrics;
  double chance = 0;  // of a right position; 0: not known
};

// Reads the lines of a metrics.jsonl. A last line without an end that is no JSON belongs to a
// run that goes on, or was killed on a machine that lost power: it is left out, with a line in
// `notes`. Where steps are repeated (a run that went on from a checkpoint), the later ones
// count. Errors name line numbers, not the file.
absl::StatusOr<RunMetrics> ParseRunMetrics(absl::string_view text, std::vector<std::string>* notes);

// Reads runs by their output folders, or by their metrics.jsonl. Those without a line yet are
// left out with a line in `notes`; an error when all are. Errors name the path and the way out.
absl::StatusOr<std::vector<RunMetrics>> ReadRunMetrics(const std::vector<std::string>& paths,
                                                       std::vector<std::string>* notes);

// Names for a legend: last parts of the folders' paths, as many as tell them apart.
std::vector<std::string> ShortNames(const std::vector<std::string>& folders);

}  // namespace tools

#endif  // TOOLS_CURVES_RUN_METRICS_H_
