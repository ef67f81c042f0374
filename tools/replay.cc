// Repeats a step that went wrong in a run, from the capsule that the run wrote:
//
//   bazel run //tools:replay -- --capsule=runs/a/capsules/step_00001234
//   bazel run //tools:replay -- --capsule=DIR --precision=fp32
//   bazel run //tools:replay -- --capsule=DIR --backend=reference
#include <iostream>
#include <string>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "CLI/Validators.hpp"
#include "graph/base/status.h"
#include "tools/flags/command_line.h"
#include "tools/machine.h"
#include "tools/plugins.h"
#include "tools/replay_step.h"
#include "tools/short_spins.h"

namespace tools {
namespace {

absl::Status Main(int argc, char** argv) {
  ReplayStepOptions options;
  std::string backend = "cpu";
  CLI::App app("Repeats a step that went wrong and names the first blob that is not finite.");
  app.add_option("--capsule", options.capsule, "what the run wrote: output_dir/capsules/step_...")
      ->required()
      ->type_name("DIR");
  app.add_option("--backend", backend, "reference: slow, in double (default: cpu)")
      ->check(CLI::IsMember({"cpu", "reference"}))
      ->type_name("cpu|reference");
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
  if (!proceed) return absl::OkStatus();
  options.reference = backend == "reference";
  ASSIGN_OR_RETURN(const std::string report,
                   ReplayStep(options, MakeZoo(), MakeRegistry(), DetectMachine()));
  std::cout << report;
  return absl::OkStatus();
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) {
  tools::UseShortSpins(argv);
  const absl::Status status = tools::Main(argc, argv);
  if (status.ok()) return 0;
  std::cerr << "replay: " << status.message() << std::endl;
  return 1;
}
