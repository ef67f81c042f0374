#include "tools/profile/write_profile.h"

#include "graph/base/status.h"
#include "tools/output/staged_output.h"

namespace tools {

absl::Status WriteProfile(const Profile& profile, const std::string& folder) {
  if (profile.steps.empty()) {
    return absl::FailedPreconditionError(
        "the run ended before one step was profiled; it needs more steps than the warm-up takes");
  }
  ASSIGN_OR_RETURN(
      StagedOutput output,
      StagedOutput::Choose("", folder, StagedOutput::Kind::kFolder,
                           /*overwrite=*/true, {"ops.csv", "trace.json", "graph.svg"}));
  return output.Write([&profile](const std::string& staging) {
    RETURN_IF_ERROR(WriteBytes(staging + "/ops.csv", OpsCsv(profile)));
    RETURN_IF_ERROR(WriteBytes(staging + "/trace.json", TraceJson(profile)));
    return WriteBytes(staging + "/graph.svg", GraphSvg(profile));
  });
}

}  // namespace tools
