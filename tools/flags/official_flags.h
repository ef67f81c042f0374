// The flags of the official main_pretrain.py that have nothing to set here, so
// that a published command can be pasted: each is either redundant, and
// accepted with a line that says why, or asks for what this version does not
// offer, and is refused with the way out.
#ifndef TOOLS_FLAGS_OFFICIAL_FLAGS_H_
#define TOOLS_FLAGS_OFFICIAL_FLAGS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace tools {

struct OfficialFlag {
  absl::string_view name;
  bool is_switch;
  absl::string_view accepted;  // values without effect, "a|b"; "*": all
  absl::string_view why;       // they have none
  absl::string_view refusal;   // of other values: what to do instead
};

absl::Span<const OfficialFlag> OfficialFlags();

// The line to show the user ("--pin_mem=true has no effect: ..."), or the
// refusal, without the flag's name.
absl::StatusOr<std::string> CheckOfficialFlag(const OfficialFlag& flag, absl::string_view value);

}  // namespace tools

#endif  // TOOLS_FLAGS_OFFICIAL_FLAGS_H_
