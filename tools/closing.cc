#include "tools/closing.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/counted.h"
#include "graph/base/shell_word.h"
#include "models/training/invocation.h"
#include "models/training/progress.h"
#include "models/training/run_files.h"

namespace tools {
namespace {

namespace fs = std::filesystem;

std::string Row(const char* label, const std::string& text) {
  return absl::StrFormat("  %-10s %s\n", label, text);
}

}  // namespace

void Closing::OnStep(const models::TrainMetrics& metrics) {
  ++steps_;
  step_ = metrics;
}

std::string Closing::Text(const Run& run) const {
  const std::string& folder = run.folder;
  std::string text = absl::StrCat("\ndone: ", graph::Counted(steps_, "step"), " in ",
                                  models::DurationText(run.seconds));
  if (step_.has_value()) {
    absl::StrAppendFormat(&text, ", to step %d (epoch %.4g), loss %.4f", step_->step, step_->epoch,
                          step_->loss);
  }
  text += "\n";
  if (evaluation_.has_value()) {
    const char* label = "held out";
    for (const models::Metric& metric : evaluation_->values) {
      text += Row(label, models::HeldOutText(metric));
      label = "";
    }
  }
  std::error_code error;
  const std::string newest = absl::StrCat(folder, "/", models::kNewestModel);
  text += Row("weights", fs::exists(newest, error) ? newest : folder);
  const std::string best = absl::StrCat(folder, "/", models::kBestModel);
  const fs::path target = fs::read_symlink(best, error);
  if (!error) {
    text += Row("best", absl::StrCat(best, " (", target.parent_path().filename().string(), ")"));
  }
  const std::string word = graph::ShellWord(folder);
  const auto command = [&](const char* tool, const std::string& args) {
    return absl::StrCat(models::Invocation(tool), " ", args);
  };
  const char* const data = run.standard_input ? " --data_path=- < TAR" : "";
  text += Row("next", command("plot", absl::StrCat(word, " --out=curves.svg")));
  text += Row("", command("evaluate", absl::StrCat("--protocol=", run.predicts ? "position" : "knn",
                                                   " --checkpoint=", word, data)));
  if (run.predicts) {
    text +=
        Row("", command("predict_positions", absl::StrCat("--checkpoint=", word,
                                                          run.standard_input ? " --image=FILE" : "",
                                                          " --out=positions.png")));
  }
  if (run.exports) {
    text += Row("", command("export", absl::StrCat("--checkpoint=", word,
                                                   " --format=timm --out=DIR")));
  }
  if (step_.has_value() && step_->step < run.planned) {
    text += Row("", command(run.program, absl::StrCat("--resume=auto --output_dir=", word,
                                                  " --steps=", run.planned, data,
                                                  "  # to the end of its epochs")));
  }
  return text;
}

}  // namespace tools
