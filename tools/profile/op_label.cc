#include "tools/profile/op_label.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tools/dump/dot_parts.h"

namespace tools {

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

Role RoleOf(const graph::Op& op) {
  absl::string_view name = op.name;
  const bool cast = absl::ConsumePrefix(&name, "cast/");
  if (absl::StartsWith(name, "grad/") || absl::StartsWith(name, "recompute/")) {
    return Role::kBackward;
  }
  if (PhaseOf(op) == Phase::kUpdate || op.type == "PackWeights" ||
      absl::StartsWith(name, "clip/") || absl::StartsWith(name, "quantize/") ||
      (cast && absl::StrContains(name, ".weight"))) {
    return Role::kOptimizer;
  }
  return absl::StartsWith(name, "guide/") ? Role::kGuide : Role::kForward;
}

std::string PlainName(const graph::Op& op) {
  const size_t slash = op.name.rfind('/');
  return slash == std::string::npos ? op.name : op.name.substr(slash + 1);
}

std::string OpTitle(const graph::Op& op) {
  const std::string plain = PlainName(op);
  const std::string block = BlockOf(plain);
  absl::string_view rest = absl::string_view(plain).substr(block.size());
  absl::ConsumePrefix(&rest, ".");
  const bool both = !block.empty() && !rest.empty();
  return absl::StrCat(block, both ? " " : "", rest, " ", RoleName(RoleOf(op)), " (", op.type, ")");
}

}  // namespace tools
