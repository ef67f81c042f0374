// --precision: what auto chooses, and what the machine lacks of what was asked for. The trainer and
// the tools that run a trained model choose alike.
#ifndef TOOLS_FLAGS_PRECISION_H_
#define TOOLS_FLAGS_PRECISION_H_

#include <string>

#include "absl/strings/string_view.h"
#include "graph/compiler/backend.h"
#include "graph/passes/pipeline.h"

namespace tools {

// What auto chooses, for --help.
inline constexpr char kAutoPrecision[] =
    "auto: bf16 where it is faster, on a CPU with AMX or AMD's AVX512-BF16 and on GPUs, else fp32";

struct PrecisionChoice {
  std::string precision = "fp32";  // or "bf16"
  std::string reason;              // why auto chose it; empty: the flag said it
  std::string lacks;               // what was asked for and the machine does not have; mostly empty

  graph::ComputePrecision compute() const;
  std::string Text() const;  // "bf16, chosen by auto: this CPU has fast ...", "fp32"
};

// `asked` is auto, fp32 or bf16, `can` says what the backend computes fast. auto chooses bf16 where
// that is known to be faster (docs/performance.md), unless `has_pass` says that the pass which makes
// it, mixed_precision, is left out. bf16 that the machine cannot compute becomes fp32. `device` is
// whose products they are, for the reasons: "cpu", "cuda:0".
PrecisionChoice ChoosePrecision(absl::string_view asked, const graph::Capabilities& can,
                                bool has_pass = true, absl::string_view device = "cpu");

}  // namespace tools

#endif  // TOOLS_FLAGS_PRECISION_H_
