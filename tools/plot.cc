// Draws the curves of runs over each other:
//
//   bazel run //tools:plot -- runs/a runs/b --out=curves.svg
//
// Prints one line per run on standard output; finds all errors before the file is written.
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"
#include "models/data/image_io.h"
#include "models/training/output_dir.h"
#include "tools/curves/curve_sheet.h"
#include "tools/curves/curves.h"
#include "tools/curves/run_metrics.h"
#include "tools/curves/ticks.h"
#include "tools/flags/command_line.h"
#include "tools/output/staged_output.h"
#include "tools/program.h"

namespace tools {
namespace {

struct Flags {
  std::vector<std::string> runs;
  std::string out;
  bool overwrite = false;
  std::string x = "epoch";
  double smooth = 0.6;
  std::vector<std::string> metrics, log_y;
  bool seeds = false;
};

bool IsPng(const std::string& path) { return absl::EndsWithIgnoreCase(path, ".png"); }

// Stands in each picture, so that the next call may replace it.
constexpr char kMark[] = "drawn by //tools:plot";

bool IsDrawnByPlot(const std::string& path) {
  constexpr int64_t kMostBytes = int64_t{1} << 28;
  const absl::StatusOr<std::string> picture = models::ReadFile(path, kMostBytes);
  return picture.ok() && absl::StrContains(*picture, kMark);
}

// Adds the mark to a PNG file: a chunk of text before the last chunk, which is always the same.
absl::Status MarkPng(const std::string& path) {
  // Length, kind, keyword and text, checksum.
  constexpr absl::string_view kChunk(
      "\0\0\0\x1etEXtSoftware\0drawn by //tools:plot\xfc\xb0\x7e\x79", 42);
  constexpr absl::string_view kEnd("\0\0\0\0IEND\xae\x42\x60\x82", 12);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-static_cast<int64_t>(kEnd.size()), std::ios::end);
  file << kChunk << kEnd;
  file.close();
  return file ? absl::OkStatus() : graph::InvalidArgument("cannot write ", path);
}

absl::StatusOr<StagedOutput> ChooseOutput(const Flags& flags) {
  const std::string path = models::ResolveUserPath(flags.out);
  if (!absl::EndsWithIgnoreCase(path, ".svg") && !IsPng(path)) {
    return graph::InvalidArgument("--out=", flags.out, ": its name must end in .svg or .png");
  }
  return StagedOutput::Choose("--out", path, StagedOutput::Kind::kFile,
                              flags.overwrite || IsDrawnByPlot(path));
}

absl::Status Draw(const CurvePage& page, StagedOutput* out) {
  if (IsPng(out->path())) {
    ASSIGN_OR_RETURN(const models::Image image, DrawCurves(page));
    return out->Write([&](const std::string& path) -> absl::Status {
      RETURN_IF_ERROR(models::WritePng(path, image));
      return MarkPng(path);
    });
  }
  ASSIGN_OR_RETURN(const std::string svg, DrawCurvesSvg(page));
  const std::string marked = absl::StrCat(svg, "<!-- ", kMark, " -->\n");
  return out->Write([&](const std::string& path) { return WriteBytes(path, marked); });
}

// "a: 1240 steps, 20 epochs".
void PrintRun(const RunMetrics& run) {
  std::cout << absl::StrFormat("%s: %d step%s, %s epochs\n", run.name, run.rows.back().step,
                               run.rows.back().step == 1 ? "" : "s",
                               ShortNumber(run.rows.back().epoch, /*percent=*/false));
}

absl::Status Plot(const Flags& flags) {
  static const std::map<std::string, XAxis> axes = {
      {"epoch", XAxis::kEpoch}, {"step", XAxis::kStep}, {"time", XAxis::kTime}};
  CurveOptions options;
  options.x = axes.at(flags.x);
  options.smooth = flags.smooth;
  options.metrics = flags.metrics;
  options.log_y = {flags.log_y.begin(), flags.log_y.end()};
  options.seeds = flags.seeds;
  ASSIGN_OR_RETURN(StagedOutput out, ChooseOutput(flags));
  std::vector<std::string> paths, notes;
  for (const std::string& run : flags.runs) paths.push_back(models::ResolveUserPath(run));
  ASSIGN_OR_RETURN(const std::vector<RunMetrics> runs, ReadRunMetrics(paths, &notes));
  ASSIGN_OR_RETURN(const CurvePage page, PlanCurves(runs, options, &notes));
  RETURN_IF_ERROR(Draw(page, &out));
  for (const std::string& note : notes) std::cout << note << "\n";
  for (const RunMetrics& run : runs) PrintRun(run);
  std::cout << "wrote " << out.path() << std::endl;
  return absl::OkStatus();
}

// A weight in [0, 1).
std::string CheckSmooth(const std::string& text) {
  double value;
  if (absl::SimpleAtod(text, &value) && value >= 0 && value < 1) return "";
  return absl::StrCat(text, " must be a number from 0 to below 1");
}

absl::StatusOr<int> Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Draws loss, accuracy, learning rate and speed of runs over each other.");
  app.add_option("runs", flags.runs, "output folders of runs, or metrics.jsonl files")
      ->required()
      ->type_name("RUN");
  app.add_option("--out", flags.out, "the picture to write, a .svg or .png file")
      ->required()
      ->type_name("FILE");
  app.add_flag("--overwrite", flags.overwrite,
               "replace --out where it exists and this program did not draw it");
  app.add_option("--metrics", flags.metrics,
                 "names in metrics.jsonl, with commas; a panel each (default: loss, pos_acc1, "
                 "heldout_pos_acc1, heldout_loss_pixels, knn_acc1, lr, images_per_s, those that "
                 "there are)")
      ->delimiter(',')
      ->allow_extra_args(false)  // runs may follow
      ->type_name("NAME,...");
  app.add_option("--x", flags.x, "what runs to the right: epoch, step or time")
      ->check(CLI::IsMember({"epoch", "step", "time"}))
      ->type_name("AXIS")
      ->capture_default_str();
  app.add_option("--smooth", flags.smooth,
                 "weight of the past in the mean over steps, 0 to below 1; the curve as it was is "
                 "drawn faintly. Evaluations and lr are never smoothed")
      ->check(CheckSmooth)
      ->type_name("SHARE")
      ->capture_default_str();
  app.add_option("--log_y", flags.log_y, "metrics whose axis is logarithmic, with commas")
      ->delimiter(',')
      ->allow_extra_args(false)  // runs may follow
      ->type_name("NAME,...");
  app.add_flag("--seeds", flags.seeds,
               "runs whose names differ in a number at the end are one curve: their mean, and "
               "the range between lowest and highest");
  ASSIGN_OR_RETURN(const bool proceed, ParseCommandLine("plot", argc, argv, &app));
  if (!proceed) return 0;
  RETURN_IF_ERROR(Plot(flags));
  return 0;
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) { return tools::RunProgram("plot", argc, argv, tools::Main); }
