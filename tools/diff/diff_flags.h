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
  std::string golden;     // as ResolveUserPath gives it; empty: a model of the zoo
  models::ZooEntry entry;
  uint64_t seed = 0;
  absl::optional<double> bound;  // of all floats
  int64_t most_mib = 4096;
};

// --a, --b, --golden, --bound, --most_mib; every other flag is //tools:train's and
// says which model it is (--model, --batch_size, --depth, ...; 2 images where no
// --batch_size says otherwise). Errors name the flag and the way out.
absl::StatusOr<DiffFlags> ParseDiffFlags(const std::vector<std::string>& args,
                                         const models::Zoo& zoo);

// What --help prints.
std::string DiffFlagsHelp();

}  // namespace tools

#endif  // TOOLS_DIFF_DIFF_FLAGS_H_
