// A profile summed over operators: by type, by role, or by any other name.
#ifndef TOOLS_PROFILE_TOTALS_H_
#define TOOLS_PROFILE_TOTALS_H_

#include <functional>
#include <string>
#include <vector>

#include "tools/profile/profiler.h"

namespace tools {

// All numbers are per step.
struct Totals {
  std::string name;
  double calls = 0;
  double ms = 0;
  double flops = 0;
  double bytes = 0;
  double roofline_ms = 0;  // of its operators; 0: unknown
  double compute_ms = 0;   // time spent in compute-bound operators

  double gflops_per_s() const { return ms > 0 ? flops / ms * 1e-6 : 0; }
  double gb_per_s() const { return ms > 0 ? bytes / ms * 1e-6 : 0; }
  // 1: as fast as the rates allow. Above 1: the data came from a cache.
  double roofline_share() const { return ms > 0 ? roofline_ms / ms : 0; }
  bool compute_bound() const { return compute_ms > ms / 2; }

  void Add(const Profile& profile, const OpProfile& op);
};

// One for each result of `name_of`, the longest first.
std::vector<Totals> SumBy(const Profile& profile,
                          const std::function<std::string(const OpProfile&)>& name_of);

// All operators.
Totals SumAll(const Profile& profile);

}  // namespace tools

#endif  // TOOLS_PROFILE_TOTALS_H_
