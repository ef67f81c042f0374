// A profile summed over operators, and as a table for the screen.
#ifndef TOOLS_PROFILE_SUMMARY_H_
#define TOOLS_PROFILE_SUMMARY_H_

#include <string>

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

// All operators.
Totals SumAll(const Profile& profile);

// Operators by role and by type: calls, ms, share of the step, GFLOP/s and share of the roofline
// ("-" if the rates are unknown); the step's time outside operators; and in the last line
// DominantSentence().
std::string ProfileTable(const Profile& profile);

// What takes most of the step, and what limits it: "Linear takes 61% of the step, bound by compute,
// at 84% of the roofline (190 GFLOP/s); next is LayerNormGrad, 9%, bound by memory at 18 GB/s."
// Waiting for data can be one of these. Below a quarter of the roofline neither limit applies, and
// the sentence says so.
std::string DominantSentence(const Profile& profile);

}  // namespace tools

#endif  // TOOLS_PROFILE_SUMMARY_H_
