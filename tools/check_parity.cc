// Replays a golden case of the official code and compares every tensor.
//
//   bazel run //tools:check_parity -- --case=FILE.safetensors
//       [--device=auto|cpu|cuda|cuda:N|reference] [--passes=on|off] [--precision=fp32|bf16]
//       [--threads=N]
//
// Prints one line per tensor (name, error, bound, verdict) and a last line of JSON. The exit code
// is 0 only if every tensor of the case was compared and is within its bound.
#include <iostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "models/training/output_dir.h"
#include "nlohmann/json.hpp"
#include "tools/cpus.h"
#include "tools/device.h"
#include "tools/flags/command_line.h"
#include "tools/parity/compare.h"
#include "tools/parity/golden_case.h"
#include "tools/parity/replay.h"
#include "tools/plugins.h"
#include "tools/program.h"
#include "tools/reference_backend.h"

namespace tools {
namespace {

struct Flags {
  std::string path;
  std::string device = "cpu";
  std::string passes = "on";
  std::string precision = "fp32";
  int threads = DetectCpus().usable();
};

absl::StatusOr<int> Check(const Flags& flags) {
  ASSIGN_OR_RETURN(const GoldenCase golden, ReadGoldenCase(models::ResolveUserPath(flags.path)));
  const graph::SchemaRegistry registry = MakeRegistry();
  ASSIGN_OR_RETURN(const DeviceChoice device, ChooseAnyDevice(flags.device, flags.threads));
  ASSIGN_OR_RETURN(const graph::Backend backend, MakeAnyBackend(device, flags.threads));
  graph::CompileOptions compile = {&registry, &backend, {}};
  compile.passes.enabled = flags.passes == "on";
  const bool bf16 = flags.precision == "bf16";
  if (bf16 && !compile.passes.enabled) {
    return graph::InvalidArgument("--precision=bf16 is made by a pass; drop --passes=off");
  }
  if (bf16) compile.passes.precision = graph::ComputePrecision::kBF16;
  ASSIGN_OR_RETURN(const ReplayResult replay, Replay(golden, compile));

  if (!device.reason.empty()) std::cout << device.Line();
  bool passed = true;
  double worst = 0;  // largest error as a share of its bound
  std::string worst_tensor;
  const std::vector<Verdict> verdicts = Compare(golden, replay, compile.passes.precision);
  for (const Verdict& v : verdicts) {
    std::cout << absl::StrFormat("%-48s %10.3g  bound %8.3g  %s%s%s\n", v.tensor, v.error, v.bound,
                                 v.passed ? "ok" : "FAILED", v.note.empty() ? "" : "  ", v.note);
    passed &= v.passed;
    const double share = v.bound > 0 ? v.error / v.bound : v.passed ? 0 : 1;
    if (!(share <= worst)) {
      worst = share;
      worst_tensor = v.tensor;
    }
  }
  nlohmann::ordered_json summary;
  summary["case"] = golden.name;
  summary["backend"] = device.device;
  summary["passes"] = flags.passes;
  summary["precision"] = flags.precision;
  summary["passed"] = passed;
  summary["compared"] = verdicts.size();
  summary["worst"] = worst;
  summary["worst_tensor"] = worst_tensor;
  std::cout << summary.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace) << "\n";
  return passed ? 0 : 1;
}

absl::StatusOr<int> Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Replays a golden case of the official code and compares every tensor.");
  app.add_option("--case", flags.path, "the case, a .safetensors file")->required();
  AddDevice(&app, /*reference=*/true, &flags.device);
  app.add_option("--passes", flags.passes, "compiler passes")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  app.add_option("--precision", flags.precision, "of products and what lies between them")
      ->check(CLI::IsMember({"fp32", "bf16"}))
      ->capture_default_str();
  app.add_option("--threads", flags.threads, "threads")
      ->check(Between(1, 1024))
      ->capture_default_str();
  ASSIGN_OR_RETURN(const bool proceed, ParseCommandLine("check_parity", argc, argv, &app));
  if (!proceed) return 0;
  return Check(flags);
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) {
  return tools::RunProgram("check_parity", argc, argv, tools::Main);
}
