// Repeats a step that went wrong in a run, from the capsule that the run wrote:
//
//   bazel run //tools:replay -- --capsule=runs/a/capsules/step_00001234
//   bazel run //tools:replay -- --capsule=DIR --precision=fp32
//   bazel run //tools:replay -- --capsule=DIR --device=reference
#include <iostream>
#include <string>

#include "CLI/CLI.hpp"
#include "graph/base/status.h"
#include "tools/flags/command_line.h"
#include "tools/machine.h"
#include "tools/plugins.h"
#include "tools/program.h"
#include "tools/reference_backend.h"
#include "tools/replay_step.h"

namespace tools {
namespace {

absl::StatusOr<int> Main(int argc, char** argv) {
  ReplayStepOptions options;
  std::string asked = "cpu";
  CLI::App app("Repeats a step that went wrong and names the first blob that is not finite.");
  app.add_option("--capsule", options.capsule, "what the run wrote: output_dir/capsules/step_...")
      ->required()
      ->type_name("DIR");
  AddDevice(&app, /*reference=*/true, &asked);
  app.add_option("--precision", options.precision, "(default: the run's)")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->type_name("fp32|bf16");
  app.add_option("--threads", options.threads, "(default: the run's)")
      ->check(Between(1, 1024))
      ->type_name("N");
  app.add_option("--images", options.images,
                 "of a spike: how many to name, largest losses first (default: 8)")
      ->check(AtLeast(0))
      ->type_name("N");
  ASSIGN_OR_RETURN(const bool proceed, ParseCommandLine("replay", argc, argv, &app));
  if (!proceed) return 0;
  const int threads = options.threads > 0 ? options.threads : DetectMachine().threads;
  ASSIGN_OR_RETURN(options.device, ChooseAnyDevice(asked, threads));
  ASSIGN_OR_RETURN(const std::string report,
                   ReplayStep(options, MakeZoo(), MakeRegistry(), DetectMachine(options.device)));
  if (!options.device.reason.empty()) std::cout << options.device.Line();
  std::cout << report;
  return 0;
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) { return tools::RunProgram("replay", argc, argv, tools::Main); }
