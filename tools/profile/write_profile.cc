#include "tools/profile/write_profile.h"

#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "graph/base/status.h"
#include "tools/output/staged_output.h"

namespace tools {
namespace {

std::string Quoted(const std::string& text) {
  return absl::StrCat("\"", absl::StrReplaceAll(text, {{"\"", "\"\""}}), "\"");
}

}  // namespace

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

std::string OpsCsv(const Profile& profile) {
  std::string text =
      "net,name,type,role,implementation,inputs,outputs,calls,mean_ms,std_ms,min_ms,flops,bytes,"
      "gflops_per_s,gb_per_s,step_share,roofline_share,bound\n";
  const double all_steps_ms = profile.step_ms() * static_cast<double>(profile.steps.size());
  for (const OpProfile& p : profile.ops) {
    const graph::Executable& executable = *profile.executables[p.executable];
    const graph::Net& net = executable.net();
    const graph::Op& op = net.ops[p.op];
    absl::StrAppend(&text, absl::StrJoin({net.name, op.name, op.type, std::string(RoleName(p.role)),
                                          executable.kernel(p.op).implementation(),
                                          TypesText(net, op.inputs), TypesText(net, op.outputs)},
                                         ",", [](std::string* out, const std::string& s) {
                                           out->append(Quoted(s));
                                         }));
    const double per_ms = p.mean_ms > 0 ? 1e-6 / p.mean_ms : 0;
    absl::StrAppendFormat(
        &text, ",%d,%.6f,%.6f,%.6f,%d,%d,%.3f,%.3f,%.6f,", p.calls, p.mean_ms, p.std_ms, p.min_ms,
        p.flops, p.bytes, static_cast<double>(p.flops) * per_ms,
        static_cast<double>(p.bytes) * per_ms, all_steps_ms > 0 ? p.total_ms / all_steps_ms : 0);
    if (p.roofline_ms > 0 && p.mean_ms > 0) {
      absl::StrAppendFormat(&text, "%.4f,%s", p.roofline_ms / p.mean_ms,
                            p.compute_bound ? "compute" : "memory");
    } else {
      text += ",";
    }
    text += "\n";
  }
  return text;
}

}  // namespace tools
