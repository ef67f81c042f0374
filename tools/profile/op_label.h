// Names operators in a profile: by their part of the step, and by block and role.
#ifndef TOOLS_PROFILE_OP_LABEL_H_
#define TOOLS_PROFILE_OP_LABEL_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "graph/ir/net.h"

namespace tools {

enum class Role { kForward, kGuide, kBackward, kOptimizer };
// "forward", "guide", "backward", "optimizer".
absl::string_view RoleName(Role role);

// By phase. The forward phase within the part "guide" is the guide's; conversions of weights once a
// step (casts, packing, quantizing) are the optimizer's, whatever reads them.
Role RoleOf(const graph::Net& net, const graph::Op& op);

// The operator's part without the guide's scope, which its role tells: "blocks.3.mlp.fc1".
absl::string_view PlainPart(const graph::Op& op);

// "f32[64,768] f32[768]".
std::string TypesText(const graph::Net& net, const std::vector<graph::BlobId>& blobs);

// "blocks.3 mlp.fc1 forward (Linear)".
std::string OpTitle(const graph::Op& op, Role role);

}  // namespace tools

#endif  // TOOLS_PROFILE_OP_LABEL_H_
