#include "tools/profile/op_label.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "graph/ir/part.h"
#include "tools/dump/dot_parts.h"

namespace tools {
namespace {

constexpr absl::string_view kGuide = "guide";

}  // namespace

absl::string_view RoleName(Role role) {
  switch (role) {
    case Role::kForward:
      return "forward";
    case Role::kGuide:
      return "guide";
    case Role::kBackward:
      return "backward";
    case Role::kOptimizer:
      return "optimizer";
  }
  return "";
}

Role RoleOf(const graph::Net& net, const graph::Op& op) {
  if (op.phase == graph::Phase::kUpdate || PreparesWeights(net, op)) return Role::kOptimizer;
  if (op.phase == graph::Phase::kBackward) return Role::kBackward;
  return graph::IsWithin(op.part, kGuide) ? Role::kGuide : Role::kForward;
}

absl::string_view PlainPart(const graph::Op& op) {
  absl::string_view part = op.part;
  if (graph::IsWithin(part, kGuide) && part.size() > kGuide.size()) {
    part.remove_prefix(kGuide.size() + 1);
  }
  return part;
}

std::string TypesText(const graph::Net& net, const std::vector<graph::BlobId>& blobs) {
  return absl::StrJoin(blobs, " ", [&net](std::string* out, graph::BlobId b) {
    out->append(net.type(b).ToString());
  });
}

std::string OpTitle(const graph::Op& op, Role role) {
  const absl::string_view part = PlainPart(op);
  const absl::string_view block = graph::BlockOf(part);
  absl::string_view rest = part.substr(block.size());
  absl::ConsumePrefix(&rest, ".");
  return absl::StrCat(block, block.empty() ? "" : " ", rest, rest.empty() ? "" : " ",
                      RoleName(role), " (", op.type, ")");
}

}  // namespace tools
