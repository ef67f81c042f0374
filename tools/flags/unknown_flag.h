// The error for flags that a tool does not have.
#ifndef TOOLS_FLAGS_UNKNOWN_FLAG_H_
#define TOOLS_FLAGS_UNKNOWN_FLAG_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace tools {

// What other programs (timm, the MAE and DropPos code, Hugging Face, Lightning) call a flag.
struct FlagSynonym {
  absl::string_view names;  // separated by spaces
  // Ours, separated by spaces: the first that a tool has is meant. May end in a value: "steps=1".
  absl::string_view flags;
  // If not empty, what there is instead, in tools that have one of `flags`.
  absl::string_view instead = {};
};
absl::Span<const FlagSynonym> FlagSynonyms();

// "unknown flag --bs; did you mean --batch_size? unknown flag --x; --help shows all": all `names`,
// each once. These and the `known` ones of the tool are without dashes before them.
absl::Status UnknownFlags(const std::vector<std::string>& names,
                          const std::vector<std::string>& known);

}  // namespace tools

#endif  // TOOLS_FLAGS_UNKNOWN_FLAG_H_
