// How a profile calls operators: by the part of the step they belong to and by
// words that say block and role.
#ifndef TOOLS_PROFILE_OP_LABEL_H_
#define TOOLS_PROFILE_OP_LABEL_H_

#include <string>

#include "absl/strings/string_view.h"
#include "graph/ir/net.h"

namespace tools {

enum class Role { kForward, kGuide, kBackward, kOptimizer };
constexpr int kRoles = 4;
// "forward", "guide", "backward", "optimizer".
absl::string_view RoleName(Role role);

// From type and name: "grad/..." is backward, and so is what is computed again for
// it ("recompute/..."); "guide/..." is the guide's forward pass; norms, clipping,
// updates, accumulation and what is done to weights once a step (casts, packing,
// quantizing) are the optimizer's. A cast belongs to what it casts. A backward
// pass through something called guide would be backward.
Role RoleOf(const graph::Op& op);

// The operator's name without the scopes that say its role: "blocks.3.mlp.fc1.x".
std::string PlainName(const graph::Op& op);

// "blocks.3 mlp.fc1 forward (Linear)".
std::string OpTitle(const graph::Op& op);

}  // namespace tools

#endif  // TOOLS_PROFILE_OP_LABEL_H_
