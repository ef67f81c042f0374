// Runs the same net in two ways, or one way against a golden case, and reports the first blob
// beyond its bound. See --help. Exit codes: 0 all within bounds, 1 not, or a net that cannot be
// run, 2 bad usage.
#include "tools/diff/diff_nets.h"

#include <iostream>
#include <string>

#include "graph/base/status.h"
#include "tools/cpus.h"
#include "tools/device.h"
#include "tools/diff/diff_flags.h"
#include "tools/diff/random_case.h"
#include "tools/parity/golden_case.h"
#include "tools/plugins.h"
#include "tools/program.h"
#include "tools/reference_backend.h"

namespace tools {
namespace {

constexpr int kBeyond = 1, kBadUsage = 2;

// A way and the backend it runs on.
struct Side {
  Side() = default;
  Side(const Side&) = delete;  // `diff` points to `backend`
  Side& operator=(const Side&) = delete;

  absl::Status Init(const char* name, const Way& way, const graph::SchemaRegistry& registry) {
    const int threads = way.threads > 0 ? way.threads : DetectCpus().usable();
    ASSIGN_OR_RETURN(const DeviceChoice device, ChooseAnyDevice(way.backend, threads));
    if (!device.reason.empty()) std::cout << name << " " << device.Line();
    ASSIGN_OR_RETURN(backend, MakeAnyBackend(device, threads));
    diff.name = absl::StrCat(name, "=", way.text);
    diff.compile = {&registry, &backend, way.Pipeline()};
    diff.low_precision = way.low_precision();
    return absl::OkStatus();
  }

  graph::Backend backend;
  DiffSide diff;
};

absl::StatusOr<DiffReport> Diff(const DiffFlags& flags) {
  const graph::SchemaRegistry registry = MakeRegistry();
  DiffOptions options;
  if (flags.bound) options.bounds.f32 = options.bounds.low = *flags.bound;
  options.most_bytes = static_cast<size_t>(flags.most_mib) << 20;
  Side a, b;
  RETURN_IF_ERROR(a.Init("--a", flags.a, registry));
  if (!flags.golden.empty()) {
    ASSIGN_OR_RETURN(const GoldenCase golden, ReadGoldenCase(flags.golden));
    std::cout << "a: " << golden.name << ", as the official code has it\nb: " << flags.a.text
              << "\n";
    return DiffGolden(golden, a.diff.compile, a.diff.low_precision, options.bounds);
  }
  RETURN_IF_ERROR(b.Init("--b", *flags.b, registry));
  std::cout << flags.entry.name << ", " << flags.entry.recipe.batch_size << " images, seed "
            << flags.seed << "\na: " << flags.a.text << "\nb: " << flags.b->text << "\n";
  ASSIGN_OR_RETURN(const RandomCase random, MakeRandomCase(registry, flags.entry, flags.seed));
  a.diff.feed = b.diff.feed = random.feed;
  return DiffNets(random.net, a.diff, b.diff, options);
}

absl::StatusOr<int> Main(int argc, char** argv) {
  const absl::StatusOr<DiffFlags> flags = ParseDiffFlags({argv + 1, argv + argc}, MakeZoo());
  if (!flags.ok()) {
    std::cerr << "diff_nets: " << flags.status().message() << "\n";
    return kBadUsage;
  }
  if (flags->help) {
    std::cout << DiffFlagsHelp();
    return 0;
  }
  ASSIGN_OR_RETURN(const DiffReport report, Diff(*flags));
  std::cout << ReportText(report);
  return report.beyond() == 0 ? 0 : kBeyond;
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) { return tools::RunProgram("diff_nets", argc, argv, tools::Main); }
