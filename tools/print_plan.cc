#include "tools/print_plan.h"

#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "nlohmann/json.hpp"
#include "tools/benchmark/machine_rates.h"
#include "tools/machine.h"
#include "tools/plan/plan_report.h"
#include "tools/plan/short_plan.h"
#include "tools/plugins.h"

namespace tools {
namespace {

using nlohmann::ordered_json;

// `timed`: as this machine runs it now.
std::string PlansJson(const PlannedRun& run, bool timed, std::vector<ordered_json> devices) {
  ordered_json json = {{"what", "plan"},
                       {"model", run.resolved.entry.name},
                       {"batch_size", run.resolved.step.micro_batch},
                       {"precision", *run.resolved.flags.precision},
                       {"timed", timed}};
  // Why these devices, where no flag names them.
  const std::string& reason = run.gpus.chips.empty() ? run.device.reason : run.gpus.reason;
  if (!reason.empty()) json["reason"] = reason;
  json["devices"] = std::move(devices);
  return json.dump(-1, ' ', true, ordered_json::error_handler_t::replace) + "\n";
}

// What the plans of all devices have in common.
struct Common {
  std::string form;  // "short", "full", "json"
  std::vector<PlanVariant> variants;
  LoadingTime loading;
  RunLength length;
};

absl::StatusOr<std::string> Timed(const PlannedRun& run, const Common& common) {
  ASSIGN_OR_RETURN(const graph::Backend backend,
                   MakeBackend(run.device, static_cast<int>(*run.resolved.flags.threads)));
  ASSIGN_OR_RETURN(const models::SessionOptions options, run.options(backend));
  ASSIGN_OR_RETURN(const MachineRates rates,
                   MeasureMachineRates(backend.device.get(), backend.device->threads()));
  ASSIGN_OR_RETURN(const PlanAnswers answers, TimePlan(run.model, options, common.variants,
                                                       common.loading, common.length, rates));
  if (common.form == "json") return PlansJson(run, /*timed=*/true, {PlanJson(answers)});
  std::string text = run.device.reason.empty() ? "" : run.device.Line();
  absl::StrAppend(&text, PlanText(answers));
  if (common.form != "full") return text;
  ASSIGN_OR_RETURN(const std::string report, PlanReport(run.model, options, rates));
  return absl::StrCat(text, "\n", report);
}

absl::StatusOr<std::string> Predicted(const PlannedRun& run, const Common& common) {
  std::string text = absl::StrCat(run.gpus.reason, run.gpus.reason.empty() ? "" : ": ",
                                  "planned by data sheets; no GPU was timed\n");
  std::string report;  // of the first: others differ in the answer
  std::vector<ordered_json> json;
  for (const GpuChip& chip : run.gpus.chips) {
    ASSIGN_OR_RETURN(const graph::Backend backend,
                     DescribeBackend(chip, static_cast<int>(*run.resolved.flags.threads)));
    ASSIGN_OR_RETURN(const models::SessionOptions options, run.options(backend));
    ASSIGN_OR_RETURN(const GpuPlan plan,
                     PlanForGpu(run.model, options, common.variants, common.length, chip));
    json.push_back(GpuPlanJson(plan, common.loading));
    absl::StrAppend(&text, "\n", GpuPlanText(plan, common.loading, common.form == "full"));
    if (common.form == "full" && report.empty()) {
      ASSIGN_OR_RETURN(report, PlanReport(run.model, options, MachineRates()));
      report = absl::StrCat("\n", chip.flag, ", ", report);
    }
  }
  return common.form == "json" ? PlansJson(run, /*timed=*/false, std::move(json)) : text + report;
}

}  // namespace

absl::Status PrintPlan(const PlannedRun& run) {
  const MachineDefaults machine = DetectMachine(run.device);
  Common common{*run.resolved.flags.plan, PlanVariants(run.resolved, machine), {}, {}};
  ASSIGN_OR_RETURN(common.loading, MeasureLoading(run.resolved, run.data, machine.threads));
  common.length = LengthOf(run.resolved, run.epochs, run.data.size());
  ASSIGN_OR_RETURN(const std::string text,
                   run.gpus.chips.empty() ? Timed(run, common) : Predicted(run, common));
  std::cout << text;
  return absl::OkStatus();
}

}  // namespace tools
