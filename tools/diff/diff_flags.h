// The command line of //tools:diff_nets.
#ifndef TOOLS_DIFF_DIFF_FLAGS_H_
#define TOOLS_DIFF_DIFF_FLAGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "models/zoo/config.h"
#include "models/zoo/zoo.h"
#include "tools/diff/way.h"

namespace tools {

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
