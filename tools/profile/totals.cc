#include "tools/profile/totals.h"

#include <algorithm>
#include <map>

namespace tools {

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

std::vector<Totals> SumBy(const Profile& profile,
                          const std::function<std::string(const OpProfile&)>& name_of) {
  std::map<std::string, Totals> by_name;
  for (const OpProfile& op : profile.ops) by_name[name_of(op)].Add(profile, op);
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

Totals SumAll(const Profile& profile) {
  Totals all;
  all.name = "all operators";
  for (const OpProfile& op : profile.ops) all.Add(profile, op);
  return all;
}

}  // namespace tools
