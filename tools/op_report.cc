// Prints which operators each backend computes, in which types and whose code does it:
//
//   bazel run //tools:op_report -- [--backend=cpu,cuda,reference] [--missing] [--json]
//
// It needs no GPU. Exit codes: 0; 1 where --missing prints something, or an error.
#include <iostream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "tools/cuda_backend.h"
#include "tools/flags/command_line.h"
#include "tools/operator_report.h"
#include "tools/plan/gpu_chips.h"
#include "tools/plugins.h"
#include "tools/program.h"
#include "tools/reference_backend.h"

namespace tools {
namespace {

struct Flags {
  std::vector<std::string> backends;
  bool missing = false;
  bool json = false;
};

absl::StatusOr<graph::Backend> Describe(const std::string& name) {
  if (name == "cuda") {
    ASSIGN_OR_RETURN(const std::vector<GpuChip> chips, GpuChips({"h100"}));  // any would do
    return DescribeCudaBackend(chips[0].properties, /*threads=*/1);
  }
  return MakeAnyBackend(name, /*threads=*/1);
}

std::string CapabilityText(const graph::Backend& backend) {
  std::string text;
  if (!backend.capabilities.bf16_products) {
    absl::StrAppend(&text, backend.name, ": no products in bf16 on this machine\n");
  }
  if (!backend.capabilities.int8_products) {
    absl::StrAppend(&text, backend.name,
                    ": no 8-bit products, so a net that asks for them is refused\n");
  }
  return text;
}

absl::StatusOr<int> Main(int argc, char** argv) {
  Flags flags;
  CLI::App app(
      "Says which operators each backend computes, in which types, and whose code does it.");
  app.add_option("--backend", flags.backends,
                 "cpu, cuda, reference, with commas (default: cpu and, where its library is, cuda)")
      ->delimiter(',')
      ->check(CLI::IsMember({"cpu", "cuda", "reference"}))
      ->type_name("NAME,...");
  app.add_flag("--missing", flags.missing,
               "print only what a net may have and the backend has no kernel for");
  app.add_flag("--json", flags.json, "the last line of output is one JSON object");
  ASSIGN_OR_RETURN(const bool proceed, ParseCommandLine("op_report", argc, argv, &app));
  if (!proceed) return 0;
  const bool by_default = flags.backends.empty();
  if (by_default) flags.backends = {"cpu", "cuda"};

  std::vector<OperatorSupport> all;
  std::string notes;
  for (const std::string& name : flags.backends) {
    const absl::StatusOr<graph::Backend> backend = Describe(name);
    if (!backend.ok() && by_default) {
      std::cerr << "note: " << name << ": " << backend.status().message() << "\n";
      continue;
    }
    if (!backend.ok()) return graph::Annotate(backend.status(), "--backend=" + name);
    for (OperatorSupport& s : ListSupport(MakeRegistryOf(name), *backend)) {
      if (s.missing() || !flags.missing) all.push_back(std::move(s));
    }
    notes += CapabilityText(*backend);
  }
  std::cout << (flags.missing ? MissingText(all) : absl::StrCat(SupportTable(all), "\n", notes));
  if (flags.json) std::cout << SupportJson(all) << "\n";
  return flags.missing && !all.empty() ? 1 : 0;
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) { return tools::RunProgram("op_report", argc, argv, tools::Main); }
