// The result of a step benchmark, for people and for scripts.
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "nlohmann/json.hpp"
#include "tools/benchmark/host.h"
#include "tools/benchmark/roofline.h"
#include "tools/benchmark/step_bench.h"

namespace tools {
namespace {

// Rounds to this many decimal places.
double Rounded(double value, int places) {
  const double scale = std::pow(10.0, places);
  return std::round(value * scale) / scale;
}

// Of the parts of the net that have one of their own.
std::vector<models::ProductPrecision> PartPrecisions(const ResolvedFlags& resolved) {
  if (resolved.entry.options == nullptr) return {};
  return resolved.entry.options->Precisions();
}

std::string Row(const char* label, const std::string& text) {
  return absl::StrFormat("  %-10s %s\n", label, text);
}

}  // namespace

std::string StepBenchText(const StepBenchOptions& options, const graph::Backend& backend,
                          const StepBenchResult& r) {
  const ResolvedFlags& resolved = options.resolved;
  const TrainFlags& flags = resolved.flags;
  std::string parts;
  for (const models::ProductPrecision& of : PartPrecisions(resolved)) {
    if (of.precision != "same") absl::StrAppend(&parts, " with a ", of.part, " in ", of.precision);
  }
  std::string text = absl::StrFormat(
      "%s, %s%s, recompute %s, batch %d%s, %d threads, %s\n", resolved.entry.name, *flags.precision,
      parts, *flags.recompute, resolved.step.micro_batch,
      resolved.step.micro_batches > 1 ? absl::StrCat(" x ", resolved.step.micro_batches) : "",
      *flags.threads,
      options.with_loader ? absl::StrFormat("images from %d loader threads", *flags.num_workers)
                          : "random images in memory");
  text += Row("machine", absl::StrCat(CpuName(), "; ", backend.description));
  text += Row("speed", absl::StrFormat("%.3f images/s (median of %d runs of %d steps; best %.3f, "
                                       "worst %.3f)",
                                       r.images_per_s.median, options.runs, options.steps,
                                       r.images_per_s.most, r.images_per_s.least));
  text += Row("roofline",
              absl::StrFormat("%s the published step's %.2f GFLOP an image (guide %.2f)",
                              r.roofline_gflops > 0
                                  ? absl::StrFormat("%.1f%% of %.1f GFLOP/s, counting",
                                                    100 * r.roofline_share, r.roofline_gflops)
                                  : "not measured, because it is the CPU's;",
                              r.official_flops / 1e9, r.guide_flops / 1e9));
  text += Row("done", absl::StrFormat("%.2f GFLOP an image in %d operators, %.1f GFLOP/s",
                                      r.done_flops / 1e9, r.ops.size(),
                                      r.images_per_s.median * r.done_flops / 1e9));
  text += Row("memory", absl::StrFormat(
                            "peak %.1f MiB resident%s; planned %.1f = arena %.1f + parameters, "
                            "moments and inputs %.1f",
                            r.peak_mib,
                            r.peak_reset ? "" : " (the roofline's counted in: it cannot be reset)",
                            r.arena_mib + r.persistent_mib, r.arena_mib, r.persistent_mib));
  text += Row("set-up", absl::StrFormat("%.2f s, not counted above; first step %.2f s after launch",
                                        r.setup_seconds, r.first_step_seconds));
  if (options.with_loader) {
    text += Row("data",
                absl::StrFormat("%.1f%% of the time waited for images", 100 * r.data_wait_share));
  }
  return absl::StrCat(text, "\nOne step by type of operator, traced after the runs:\n",
                      OpTimeTable(ByType(r.ops)));
}

std::string StepBenchJson(const StepBenchOptions& options, const graph::Backend& backend,
                          const StepBenchResult& r) {
  const TrainFlags& flags = options.resolved.flags;
  nlohmann::ordered_json json;
  json["what"] = "step";
  json["model"] = options.resolved.entry.name;
  json["precision"] = *flags.precision;
  for (const models::ProductPrecision& of : PartPrecisions(options.resolved)) {
    json[std::string(of.flag)] = of.precision;
  }
  json["recompute"] = *flags.recompute;
  json["batch_size"] = options.resolved.step.micro_batch;
  json["accum_iter"] = options.resolved.step.micro_batches;
  json["with_loader"] = options.with_loader;
  json["images_per_s_median"] = Rounded(r.images_per_s.median, 3);
  json["images_per_s_best"] = Rounded(r.images_per_s.most, 3);
  json["images_per_s_worst"] = Rounded(r.images_per_s.least, 3);
  json["runs"] = options.runs;
  json["steps_per_run"] = options.steps;
  if (r.roofline_gflops > 0) {
    json["roofline_gflops"] = Rounded(r.roofline_gflops, 1);
    json["roofline_share"] = Rounded(r.roofline_share, 4);
  }
  json["gflop_per_image_official"] = Rounded(r.official_flops / 1e9, 9);
  json["gflop_per_image_guide"] = Rounded(r.guide_flops / 1e9, 9);
  json["gflop_per_image_done"] = Rounded(r.done_flops / 1e9, 9);
  json["peak_mib"] = Rounded(r.peak_mib, 1);
  json["peak_counts_roofline"] = !r.peak_reset;
  json["planned_mib"] = Rounded(r.arena_mib + r.persistent_mib, 1);
  json["arena_mib"] = Rounded(r.arena_mib, 1);
  json["persistent_mib"] = Rounded(r.persistent_mib, 1);
  json["setup_seconds"] = Rounded(r.setup_seconds, 3);
  json["first_step_seconds"] = Rounded(r.first_step_seconds, 3);
  json["data_wait_share"] = Rounded(r.data_wait_share, 4);
  json["backend"] = absl::StrCat(backend.name, ": ", backend.description);
  json["machine"] = {{"cpu", CpuName()}, {"threads", *flags.threads}, {"isa", OneDnnIsa()}};
  json["ops"] = nlohmann::ordered_json::array();
  for (const OpTime& type : ByType(r.ops)) {
    json["ops"].push_back({{"type", type.type},
                           {"ops", type.ops},
                           {"ms", Rounded(type.seconds * 1e3, 3)},
                           {"gflop", Rounded(type.flops / 1e9, 9)},
                           {"gflop_per_s", Rounded(type.gflops(), 1)},
                           {"gb_per_s", Rounded(type.gbytes(), 1)}});
  }
  return json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

}  // namespace tools
