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

// By phase; the forward phase within the part "guide" is the guide's, and what is done to
// weights once a step (casts, packing, quantizing) the optimizer's, whoever reads it.
Role RoleOf(const graph::Net& net, const graph::Op& op);

// The operator's part without the guide's scope, which its role says: "blocks.3.mlp.fc1".
absl::string_view PlainPart(const graph::Op& op);

// "blocks.3 mlp.fc1 forward (Linear)".
std::string OpTitle(const graph::Op& op, Role role);

}  // namespace tools

#endif  // TOOLS_PROFILE_OP_LABEL_H_
