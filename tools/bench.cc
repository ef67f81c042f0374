// Measures how fast things run, compared with what the machine can do:
//
//   bazel run //tools:bench -- --model=droppos_vitb --batch_size=16 --precision=bf16 --json
//   bazel run //tools:bench -- --what=op --op=Linear
//       --shape="f32[3200,768] f32[3072,768] f32[3072]" --attrs=activation=none
//   bazel run //tools:bench -- --what=data --data_path=DIR --peer=python3
//   bazel run //tools:bench -- --net=DIR/train_predict_net.pb
//
// docs/performance.md says what the numbers mean.
#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "nlohmann/json.hpp"
#include "tools/benchmark/bench_flags.h"
#include "tools/benchmark/data_bench.h"
#include "tools/benchmark/net_bench.h"
#include "tools/benchmark/op_bench.h"
#include "tools/benchmark/step_bench.h"
#include "tools/cpus.h"
#include "tools/device.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/parse_flags.h"
#include "tools/flags/resolve_flags.h"
#include "tools/machine.h"
#include "tools/plugins.h"
#include "tools/program.h"
#include "tools/reference_backend.h"

namespace tools {
namespace {

using nlohmann::ordered_json;

// The result of a benchmark; `json` is printed only on request.
struct Report {
  std::string text;
  std::string json;
};

std::string Line(const ordered_json& json) {
  return json.dump(-1, ' ', true, ordered_json::error_handler_t::replace);
}

std::string Milliseconds(const Spread& seconds) {
  return absl::StrFormat("%.4f ms (least %.4f, most %.4f)", seconds.median * 1e3,
                         seconds.least * 1e3, seconds.most * 1e3);
}

void AddMilliseconds(const Spread& seconds, ordered_json* json) {
  (*json)["ms_median"] = seconds.median * 1e3;
  (*json)["ms_least"] = seconds.least * 1e3;
  (*json)["ms_most"] = seconds.most * 1e3;
}

// Of --what=step and --what=data: //tools:train's flags; for a step, notes on those without effect.
absl::StatusOr<ResolvedFlags> TrainersFlags(const BenchFlags& flags, const models::Zoo& zoo,
                                            const DeviceChoice& device, bool step) {
  ASSIGN_OR_RETURN(const ParsedFlags parsed, ParseTrainFlags(flags.train_args, zoo));
  ASSIGN_OR_RETURN(const models::ZooEntry entry, zoo.Find(*parsed.flags.model));
  ASSIGN_OR_RETURN(ResolvedFlags resolved,
                   ResolveTrainFlags(parsed.flags, entry, DetectMachine(device)));
  if (!step) return resolved;
  std::string names;  // of the run, perhaps from its flags.txt
  for (const FlagRow& row : FlagTable({})) {
    if (row.scope != models::FlagScope::kRun || !FlagText(row, parsed.flags)) continue;
    absl::StrAppend(&names, names.empty() ? "--" : ", --", row.name);
  }
  if (!names.empty()) std::cout << "note: no effect here: " << names << "\n";
  for (const std::string& notice : parsed.notices) std::cout << "note: " << notice << "\n";
  for (const std::string& notice : resolved.notices) std::cout << "note: " << notice << "\n";
  if (resolved.precision_line != *resolved.flags.precision) {
    std::cout << "note: " << resolved.precision_line << "\n";
  }
  return resolved;
}

absl::StatusOr<Report> Step(const BenchFlags& flags, const graph::SchemaRegistry& registry,
                            const graph::Backend& backend, const DeviceChoice& device) {
  StepBenchOptions options = flags.step;
  ASSIGN_OR_RETURN(options.resolved, TrainersFlags(flags, MakeZoo(), device, /*step=*/true));
  ASSIGN_OR_RETURN(const StepBenchResult result, BenchStep(registry, backend, options, &std::cout));
  return Report{StepBenchText(options, backend, result), StepBenchJson(options, backend, result)};
}

absl::StatusOr<Report> Data(const BenchFlags& flags, const graph::SchemaRegistry&,
                            const graph::Backend&, const DeviceChoice& device) {
  DataBenchOptions options = flags.data;
  ASSIGN_OR_RETURN(options.resolved, TrainersFlags(flags, MakeZoo(), device, /*step=*/false));
  ASSIGN_OR_RETURN(const DataBenchResult result, BenchData(options, &std::cout));
  return Report{DataBenchText(result), DataBenchJson(result)};
}

absl::StatusOr<Report> Op(const BenchFlags& flags, const graph::SchemaRegistry& registry,
                          const graph::Backend& backend, const DeviceChoice&) {
  ASSIGN_OR_RETURN(const OpBenchResult r, BenchOp(registry, backend, flags.op));
  Report report;
  report.text = absl::StrFormat(
      "%s\n  on %s: %s%s%s\n  time  %s\n  rate  %.1f GFLOP/s, %.1f GB/s (%.3f MFLOP, "
      "%.3f MB a call)\n",
      r.text, backend.name, backend.description, r.implementation.empty() ? "" : "; ",
      r.implementation, Milliseconds(r.seconds), r.gflops(), r.gbytes(),
      static_cast<double>(r.cost.flops) / 1e6, static_cast<double>(r.cost.bytes) / 1e6);
  ordered_json json = {{"what", "op"},
                       {"op", flags.op.op},
                       {"shape", flags.op.shapes},
                       {"attrs", flags.op.attrs},
                       {"backend", absl::StrCat(backend.name, ": ", backend.description)},
                       {"threads", flags.threads},
                       {"implementation", r.implementation}};
  AddMilliseconds(r.seconds, &json);
  json["gflop_per_s"] = r.gflops();
  json["gb_per_s"] = r.gbytes();
  report.json = Line(json);
  return report;
}

absl::StatusOr<Report> Net(const BenchFlags& flags, const graph::SchemaRegistry& registry,
                           const graph::Backend& backend, const DeviceChoice&) {
  ASSIGN_OR_RETURN(const NetBenchResult r, BenchNet(registry, backend, flags.net));
  Report report;
  report.text = absl::StrFormat(
      "net '%s' on %s: %s\n  states   %s\n  memory   arena %.1f MiB, states and inputs "
      "%.1f MiB\n  one run  %s\n\n%s\n%s",
      r.net, backend.name, backend.description,
      r.init_net.empty() ? "zero, because there is no --init_net" : "set by " + r.init_net,
      static_cast<double>(r.arena_bytes) / (1 << 20),
      static_cast<double>(r.persistent_bytes) / (1 << 20), Milliseconds(r.seconds),
      OpTimeTable(r.ops), OpTimeTable(ByType(r.ops)));
  ordered_json json = {{"what", "net"},
                       {"net", r.net},
                       {"backend", absl::StrCat(backend.name, ": ", backend.description)},
                       {"threads", flags.threads}};
  AddMilliseconds(r.seconds, &json);
  json["ops"] = ordered_json::array();
  for (const OpTime& op : r.ops) {
    json["ops"].push_back({{"type", op.type},
                           {"name", op.name},
                           {"ms", op.seconds * 1e3},
                           {"gflop_per_s", op.gflops()},
                           {"gb_per_s", op.gbytes()},
                           {"implementation", op.implementation}});
  }
  report.json = Line(json);
  return report;
}

absl::StatusOr<int> Main(int argc, char** argv) {
  BenchFlags flags;
  ASSIGN_OR_RETURN(const bool proceed, ParseBenchFlags(argc, argv, DetectMachine(), &flags));
  if (!proceed) return 0;
  const graph::SchemaRegistry registry = MakeRegistry();
  ASSIGN_OR_RETURN(const DeviceChoice device, ChooseAnyDevice(flags.device, flags.threads));
  ASSIGN_OR_RETURN(const graph::Backend backend, MakeAnyBackend(device, flags.threads));
  if (!device.reason.empty()) std::cout << "note: on " << device.Text() << "\n";
  for (const std::string& note : ThreadNotes(flags.threads)) std::cout << "note: " << note << "\n";
  const auto run = flags.what == "step"   ? Step
                   : flags.what == "op"   ? Op
                   : flags.what == "data" ? Data
                                          : Net;
  ASSIGN_OR_RETURN(const Report report, run(flags, registry, backend, device));
  std::cout << report.text;
  if (flags.json) std::cout << report.json << "\n";
  return 0;
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) { return tools::RunProgram("bench", argc, argv, tools::Main); }
