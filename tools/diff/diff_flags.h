// The command line of //tools:diff_nets.
#ifndef TOOLS_DIFF_DIFF_FLAGS_H_
#define TOOLS_DIFF_DIFF_FLAGS_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "graph/passes/pipeline.h"
#include "models/zoo/config.h"
#include "models/zoo/zoo.h"

namespace tools {

// A way to run a net.
struct Way {
  std::string text;  // as it was given
  std::string backend = "cpu";  // for ChooseAnyDevice
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

// Words of DiffFlagsHelp() separated by commas, each at most once, in any order. With passes=off
// nothing lowers the precision, so that bf16 is an error. Errors name `flag` ("--a") and the word.
absl::StatusOr<Way> ParseWay(const std::string& flag, const std::string& text);

struct DiffFlags {
  bool help = false;
  Way a;
  absl::optional<Way> b;  // not with --golden
  std::string golden;     // after ResolveUserPath; empty: a model of the zoo
  models::ZooEntry entry;
  uint64_t seed = 0;
  absl::optional<double> bound;  // for all floats
  int64_t most_mib = 4096;
};

// --a, --b, --golden, --bound, --most_mib; all other flags are //tools:train's and determine the
// model (--model, --batch_size, --depth, ...; the default is 2 images). Errors name the flag and
// the way out.
absl::StatusOr<DiffFlags> ParseDiffFlags(const std::vector<std::string>& args,
                                         const models::Zoo& zoo);

// The text of --help.
std::string DiffFlagsHelp();

}  // namespace tools

#endif  // TOOLS_DIFF_DIFF_FLAGS_H_
