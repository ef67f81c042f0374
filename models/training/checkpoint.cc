#include "models/training/checkpoint.h"

#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/training/safetensors.h"

namespace models {
namespace {

bool Allowed(const std::string& name, const std::vector<std::string>& allow) {
  for (absl::string_view pattern : allow) {
    if (pattern == name) return true;
    if (absl::ConsumeSuffix(&pattern, "*") && absl::StartsWith(name, pattern)) return true;
  }
  return false;
}

}  // namespace

absl::Status SaveParameters(const std::string& path, const std::vector<Parameter>& parameters,
                            const graph::Workspace& workspace,
                            const std::map<std::string, std::string>& metadata) {
  TensorMap tensors;
  for (const Parameter& p : parameters) {
    ASSIGN_OR_RETURN(const graph::Tensor tensor, workspace.Find(p.name));
    tensors[p.name] = {
        p.type, absl::MakeConstSpan(static_cast<const uint8_t*>(tensor.data), p.type.bytes())};
  }
  return WriteSafetensors(path, tensors, metadata);
}

absl::StatusOr<std::string> LoadParameters(const std::string& path,
                                           const std::vector<Parameter>& parameters,
                                           const LoadOptions& options,
                                           graph::Workspace* workspace) {
  ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Read(path));
  std::vector<std::string> problems;
  std::vector<std::string> kept;
  std::map<std::string, bool> expected;
  for (const Parameter& p : parameters) {
    expected[p.name] = true;
    const auto it = file.tensors().find(p.name);
    if (it == file.tensors().end()) {
      if (Allowed(p.name, options.allow)) {
        kept.push_back(p.name);
      } else {
        problems.push_back(absl::StrCat("  missing:    ", p.name, " ", p.type.ToString()));
      }
    } else if (it->second.type != p.type) {
      problems.push_back(absl::StrCat("  other type: ", p.name, " is ", it->second.type.ToString(),
                                      ", the model has ", p.type.ToString()));
    }
  }
  for (const auto& [name, entry] : file.tensors()) {
    if (!expected.count(name) && !options.subset && !Allowed(name, options.allow)) {
      problems.push_back(absl::StrCat("  unexpected: ", name, " ", entry.type.ToString()));
    }
  }
  if (!problems.empty()) {
    return graph::InvalidArgument(
        path, " does not fit the model (nothing was loaded):\n", absl::StrJoin(problems, "\n"),
        "\n--allow_missing=NAME,PREFIX* lets missing tensors keep their initial values and leaves unexpected ones out");
  }
  int64_t elements = 0;
  for (const Parameter& p : parameters) {
    const auto it = file.tensors().find(p.name);
    if (it == file.tensors().end()) continue;
    ASSIGN_OR_RETURN(const graph::Tensor tensor, workspace->Find(p.name));
    std::memcpy(tensor.data, it->second.data.data(), it->second.data.size());
    elements += p.type.elements();
  }
  return absl::StrCat(
      path, ": ", parameters.size() - kept.size(), " tensors, ", elements, " values loaded",
      kept.empty() ? "" : absl::StrCat("; kept as initialised: ", absl::StrJoin(kept, ", ")));
}

}  // namespace models
