// Decodes every image of a data set and says what is wrong with it:
//
//   bazel run //tools:check_data -- --data_path=DIR [--json=FILE] [--write_list=DIR/train.txt]
//       [--overwrite] [--min_side=32] [--num_workers=N] [--val_fraction=0.01]
//       [--max_image_megapixels=100] [--channels=4]
//
// Exit code: 0 if every image can be decoded, 1 if some cannot or nothing can be checked.
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/types/optional.h"
#include "graph/base/status.h"
#include "models/data/open_dataset.h"
#include "models/training/output_dir.h"
#include "models/training/run_log.h"
#include "tools/cpus.h"
#include "tools/data_check/data_check.h"
#include "tools/data_check/image_lists.h"
#include "tools/flags/command_line.h"
#include "tools/output/staged_output.h"
#include "tools/program.h"

namespace tools {
namespace {

constexpr int kShown = 20;
constexpr std::chrono::seconds kLineEvery(10);

struct Flags {
  std::string data_path;
  absl::optional<double> val_fraction;
  absl::optional<double> max_image_megapixels;
  std::string json, write_list;
  bool overwrite = false;
  int channels = 0;  // as without train's flag
  DataCheckOptions check;
};

// True if no image is bad.
absl::StatusOr<bool> Check(Flags flags) {
  std::unique_ptr<StagedOutput> json;
  if (!flags.json.empty()) {
    ASSIGN_OR_RETURN(StagedOutput chosen,
                     StagedOutput::Choose("--json", models::ResolveUserPath(flags.json),
                                          StagedOutput::Kind::kFile, /*overwrite=*/true));
    json = std::make_unique<StagedOutput>(std::move(chosen));
  }
  models::OpenOptions open;
  open.data_path = flags.data_path.empty() ? "" : models::ResolveDataPath(flags.data_path);
  // As train holds images out.
  open.val_fraction = flags.val_fraction.value_or(0.01);
  if (!flags.val_fraction.has_value()) open.least_held_out = models::kLeastHeldOut;
  if (flags.max_image_megapixels.has_value()) {
    open.limits = models::LimitsOfMegapixels(*flags.max_image_megapixels);
  }
  open.limits.channels = flags.channels;
  flags.check.limits = open.limits;
  open.max_warnings = 0;                      // the JSON file has them all
  open.input_height = open.input_width = 64;  // of the scenes drawn without a path
  const models::RunLog::Screen screen = models::RunLog::ScreenOf(Screen(), STDOUT_FILENO);
  models::RunLog log(screen);
  open.on_scan = [&log](const std::string& line) { log.Line(line); };
  ASSIGN_OR_RETURN(const models::Datasets data, models::OpenDatasets(open));
  absl::optional<models::Datasets> unsplit;
  absl::optional<ImageLists> lists;
  if (!flags.write_list.empty()) {
    open.val_fraction = 0;
    open.least_held_out = 0;
    ASSIGN_OR_RETURN(unsplit, models::OpenDatasets(open));
    ASSIGN_OR_RETURN(lists, ImageLists::Choose(models::ResolveUserPath(flags.write_list),
                                               flags.overwrite, *unsplit));
  }
  log.Line(absl::StrCat("data     ", data.description));
  for (const std::string& line : WarningLines(data.warnings, kShown)) log.Line(line);
  const auto begin = std::chrono::steady_clock::now();
  auto said = begin;
  const DataReport report = CheckData(data, flags.check, [&](int64_t done, int64_t all) {
    const auto now = std::chrono::steady_clock::now();
    const std::string text = absl::StrFormat(
        "%d of %d images, %.0f a second", done, all,
        static_cast<double>(done) / std::chrono::duration<double>(now - begin).count());
    log.Progress(static_cast<double>(done) / static_cast<double>(all), [&] { return text; });
    if (screen.terminal || now - said < kLineEvery) return;
    said = now;
    log.Line(text);
  });
  log.EndProgress();
  std::cout << DataReportText(report, flags.check, kShown);
  if (json != nullptr) {
    RETURN_IF_ERROR(json->Write([&](const std::string& path) {
      return WriteBytes(path, DataReportJson(report, data, flags.check));
    }));
    std::cout << "wrote    " << json->path() << "\n";
  }
  if (lists.has_value()) {
    ASSIGN_OR_RETURN(const std::vector<std::string> written, lists->Write(report));
    for (const std::string& line : written) std::cout << "wrote    " << line << "\n";
  }
  return report.bad.empty();
}

absl::StatusOr<int> Main(int argc, char** argv) {
  Flags flags;
  flags.check.num_workers = DetectCpus().usable();
  CLI::App app(
      "Decodes every image, held-out ones too, and lists bad, duplicate, tiny, grey and CMYK "
      "images, and leaks.\n"
      "Exit code: 0 when every image can be decoded, 1 when some cannot (or nothing can be "
      "checked).");
  app.add_option("--data_path", flags.data_path,
                 "images, as train takes them (default: the embedded data set)")
      ->type_name("DIR");
  app.add_option_function<double>(
         "--val_fraction", [&flags](const double& share) { flags.val_fraction = share; },
         "share held out where the data has no split of its own (default: 0.01, but at least 50 "
         "images or a fifth, as train does)")
      ->type_name("X");
  AddMaxImageMegapixels(&app, "100", &flags.max_image_megapixels);
  app.add_option("--channels", flags.channels,
                 "as train has it: with 4, pictures of fewer channels are bad")
      ->check(CLI::IsMember({1, 3, 4}))
      ->type_name("N");
  app.add_option("--min_side", flags.check.min_side, "images with a smaller side are tiny")
      ->check(Between(1, 1'000'000))
      ->type_name("PIXELS")
      ->capture_default_str();
  app.add_option("--num_workers", flags.check.num_workers,
                 "threads (default: the CPUs this process may use)")
      ->check(Between(1, 256))
      ->type_name("N");
  app.add_option("--json", flags.json,
                 absl::StrCat("also write all of it to this file, replacing it; the screen shows ",
                              kShown, " of each list"))
      ->type_name("FILE");
  app.add_option(
         "--write_list", flags.write_list,
         "also write a list of the good images, which --data_path=DIR then reads; with val.txt "
         "beside it if there is a val/")
      ->type_name("DIR/train.txt");
  app.add_flag("--overwrite", flags.overwrite,
               "replace the lists of --write_list where they exist");
  ASSIGN_OR_RETURN(const bool proceed, ParseCommandLine("check_data", argc, argv, &app));
  if (!proceed) return 0;
  ASSIGN_OR_RETURN(const bool clean, Check(flags));
  return clean ? 0 : 1;
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) { return tools::RunProgram("check_data", argc, argv, tools::Main); }
