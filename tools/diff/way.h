// A way to run a net, as diff_nets takes it on its command line.
#ifndef TOOLS_DIFF_WAY_H_
#define TOOLS_DIFF_WAY_H_

#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "graph/passes/pipeline.h"

namespace tools {

struct Way {
  std::string text;  // as it was given
  std::string backend = "cpu";
  bool passes = true;
  std::set<std::string> disabled;  // passes
  graph::ComputePrecision precision = graph::ComputePrecision::kF32;
  graph::ComputePrecision guide = graph::ComputePrecision::kF32;  // of the part "guide"
  int threads = 0;                                                // 0: as many as the machine has

  // Whether anything is computed below f32.
  bool low_precision() const {
    return passes &&
           (precision != graph::ComputePrecision::kF32 || guide != graph::ComputePrecision::kF32);
  }
  graph::PipelineOptions Pipeline() const;
};

// Words with commas between them, each at most once, in any order:
//   cpu, reference          the backend; cpu where neither is there
//   passes=on|off           the compiler's passes; on
//   disable=NAME[+NAME]     passes left out; "mixed_precision" and so on
//   precision=fp32|bf16     with passes=off nothing sets it, so that bf16 is an error
//   guide=same|bf16|int8    the guide's precision; same
//   threads=N
// Errors name `flag` ("--a") and the word.
absl::StatusOr<Way> ParseWay(const std::string& flag, const std::string& text);

}  // namespace tools

#endif  // TOOLS_DIFF_WAY_H_
