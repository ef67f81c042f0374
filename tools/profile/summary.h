// A profile as a table for the screen.
#ifndef TOOLS_PROFILE_SUMMARY_H_
#define TOOLS_PROFILE_SUMMARY_H_

#include <string>

#include "tools/profile/profiler.h"

namespace tools {

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
