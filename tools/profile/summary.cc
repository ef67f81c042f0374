#include "tools/profile/summary.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_format.h"
#include "graph/base/counted.h"

namespace tools {
namespace {

// Below this share of the roofline neither compute nor memory is the limit.
constexpr double kFarFromRoofline = 0.25;
constexpr char kWaiting[] = "waiting for data";

std::string Percent(double share) { return absl::StrFormat("%.0f%%", 100 * share); }

std::string Row(const Totals& t, double step_ms) {
  std::string row = absl::StrFormat("  %-24s %7.4g %10.3f %6.1f", t.name, t.calls, t.ms,
                                    step_ms > 0 ? 100 * t.ms / step_ms : 0);
  absl::StrAppend(
      &row, t.flops > 0 ? absl::StrFormat(" %9.1f", t.gflops_per_s()) : "         -",
      absl::StrFormat(" %7.1f", t.gb_per_s()),
      t.roofline_ms > 0 ? absl::StrFormat(" %8.0f%%", 100 * t.roofline_share()) : "         -");
  return row + "\n";
}

// A table of `rows`.
std::string Table(const std::string& what, const std::vector<Totals>& rows, double step_ms) {
  std::string text = absl::StrFormat("\n  %-24s %7s %10s %6s %9s %7s %9s\n", what, "calls",
                                     "ms/step", "%", "GFLOP/s", "GB/s", "roofline");
  for (const Totals& row : rows) text += Row(row, step_ms);
  return text;
}

// A row that is not an operator: only a name and a time.
std::string Plain(const std::string& name, double ms, double step_ms) {
  return absl::StrFormat("  %-24s %7s %10.3f %6.1f\n", name, "", ms,
                         step_ms > 0 ? 100 * ms / step_ms : 0);
}

// One for each result of `name_of`, the longest first.
template <typename NameOf>
std::vector<Totals> SumBy(const Profile& profile, const NameOf& name_of) {
  std::map<std::string, Totals> by_name;
  for (const OpProfile& op : profile.ops) by_name[std::string(name_of(op))].Add(profile, op);
  std::vector<Totals> totals;
  for (auto& [name, t] : by_name) {
    if (t.calls == 0) continue;
    t.name = name;
    totals.push_back(t);
  }
  std::stable_sort(totals.begin(), totals.end(),
                   [](const Totals& a, const Totals& b) { return a.ms > b.ms; });
  return totals;
}

std::vector<Totals> SumByType(const Profile& profile) {
  return SumBy(profile, [&](const OpProfile& p) { return profile.op(p).type; });
}

// ", bound by compute, at 84% of the roofline (190 GFLOP/s)".
std::string Bound(const Totals& t) {
  const std::string rate = t.compute_bound() ? absl::StrFormat("%.0f GFLOP/s", t.gflops_per_s())
                                             : absl::StrFormat("%.3g GB/s", t.gb_per_s());
  if (t.roofline_ms <= 0) {
    return absl::StrFormat(" at %.4g GFLOP/s and %.3g GB/s (limits of the machine not measured)",
                           t.gflops_per_s(), t.gb_per_s());
  }
  const double share = t.roofline_share();
  const char* const limit = t.compute_bound() ? "compute" : "memory";
  if (share < kFarFromRoofline) {
    return absl::StrFormat(", bound by neither compute nor memory: %s of the roofline (%s)",
                           Percent(share), rate);
  }
  if (share > 1) {
    return absl::StrFormat(", bound by %s, faster than main memory at %s (from cache)", limit,
                           rate);
  }
  return absl::StrFormat(", bound by %s, at %s of the roofline (%s)", limit, Percent(share), rate);
}

}  // namespace

void Totals::Add(const Profile& profile, const OpProfile& op) {
  if (op.calls == 0 || profile.steps.empty()) return;
  const double a_step = static_cast<double>(op.calls) / static_cast<double>(profile.steps.size());
  calls += a_step;
  ms += a_step * op.mean_ms;
  flops += a_step * static_cast<double>(op.flops);
  bytes += a_step * static_cast<double>(op.bytes);
  roofline_ms += a_step * op.roofline_ms;
  if (op.compute_bound) compute_ms += a_step * op.mean_ms;
}

Totals SumAll(const Profile& profile) {
  Totals all;
  all.name = "all operators";
  for (const OpProfile& op : profile.ops) all.Add(profile, op);
  return all;
}

std::string DominantSentence(const Profile& profile) {
  const double step_ms = profile.step_ms();
  std::vector<Totals> totals = SumByType(profile);
  if (step_ms <= 0 || totals.empty()) return "No step was measured.";
  if (profile.wait_ms > 0) {
    Totals wait;
    wait.name = kWaiting;
    wait.ms = profile.wait_ms;
    totals.insert(std::find_if(totals.begin(), totals.end(),
                               [&wait](const Totals& t) { return t.ms < wait.ms; }),
                  wait);
  }
  std::string text;
  if (totals[0].name == kWaiting) {
    text = absl::StrFormat("Waiting for data takes %s of the step: more loader threads would help",
                           Percent(totals[0].ms / step_ms));
  } else {
    text = absl::StrFormat("%s takes %s of the step%s", totals[0].name,
                           Percent(totals[0].ms / step_ms), Bound(totals[0]));
  }
  if (totals.size() > 1) {
    absl::StrAppendFormat(&text, "; next is %s, %s", totals[1].name,
                          Percent(totals[1].ms / step_ms));
    if (totals[1].name != kWaiting) text += Bound(totals[1]);
  }
  return text + ".";
}

std::string ProfileTable(const Profile& profile) {
  const double step_ms = profile.step_ms();
  int64_t shortest = 0;
  for (const Span& s : profile.steps) {
    shortest = shortest == 0 ? s.end - s.begin : std::min(shortest, s.end - s.begin);
  }
  std::string text =
      absl::StrFormat("profile of %s: %.3f ms a step, the shortest %.3f ms\n",
                      graph::Counted(static_cast<int64_t>(profile.steps.size()), "step"), step_ms,
                      static_cast<double>(shortest) * 1e-6);
  const MachineRates& r = profile.rates;
  if (r.gb_per_s > 0) {
    absl::StrAppendFormat(&text,
                          "roofline: f32 %.0f, bf16 %.0f, i8 %.0f GFLOP/s (0: not measured), "
                          "memory %.1f GB/s; more than 100%%: from cache\n",
                          r.f32_gflops, r.bf16_gflops, r.i8_gflops, r.gb_per_s);
  }
  const auto role_of = [](const OpProfile& p) { return RoleName(p.role); };
  absl::StrAppend(&text, Table("role", SumBy(profile, role_of), step_ms),
                  Table("type", SumByType(profile), step_ms));
  const Totals all = SumAll(profile);
  absl::StrAppend(&text, "\n", Row(all, step_ms));
  text += Plain(kWaiting, profile.wait_ms, step_ms);
  text += Plain("between operators", std::max(0.0, step_ms - all.ms - profile.wait_ms), step_ms);
  absl::StrAppend(&text, "\n", DominantSentence(profile), "\n");
  return text;
}

}  // namespace tools
