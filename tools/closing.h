// The lines that a finished run ends with: what it reached, where that lies, what comes next.
#ifndef TOOLS_CLOSING_H_
#define TOOLS_CLOSING_H_

#include <cstdint>
#include <string>

#include "absl/types/optional.h"
#include "models/training/metrics.h"
#include "models/training/run_observer.h"

namespace tools {

class Closing : public models::RunObserver {
 public:
  void OnStep(const models::TrainMetrics& metrics) override;
  void OnEvaluation(const models::EvalMetrics& metrics) override { evaluation_ = metrics; }

  struct Run {
    std::string folder;
    double seconds = 0;     // that its process took
    bool predicts = false;  // its model predicts positions
    bool exports = true;    // timm knows its encoder
    const char* program = "train";
    int64_t planned = 0;    // steps of all its epochs
    // It read its images from standard input, where a further command wants them again.
    bool standard_input = false;
  };
  std::string Text(const Run& run) const;

 private:
  int64_t steps_ = 0;  // in this process
  absl::optional<models::TrainMetrics> step_;
  absl::optional<models::EvalMetrics> evaluation_;
};

}  // namespace tools

#endif  // TOOLS_CLOSING_H_
