// A profile as a table for spreadsheets and scripts.
#ifndef TOOLS_PROFILE_OPS_CSV_H_
#define TOOLS_PROFILE_OPS_CSV_H_

#include <string>

#include "tools/profile/profiler.h"

namespace tools {

// One line per operator, in the order they run, after a line of names:
//   net, name, type, role, implementation, inputs, outputs   text, in quotes
//   calls                     in all steps
//   mean_ms, std_ms, min_ms   of a call
//   flops, bytes              of a call, as the operator's schema counts them
//   gflops_per_s, gb_per_s    flops, bytes over mean_ms
//   step_share                of the mean step, in [0, 1]
//   roofline_share, bound     the least time that the rates allow over mean_ms, and
//                             "compute" or "memory"; empty if a rate is unknown
std::string OpsCsv(const Profile& profile);

}  // namespace tools

#endif  // TOOLS_PROFILE_OPS_CSV_H_
