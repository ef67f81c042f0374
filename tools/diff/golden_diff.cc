#include "tools/diff/golden_diff.h"

#include <algorithm>
#include <utility>

#include "graph/base/status.h"
#include "tools/parity/replay.h"
#include "tools/parity/values.h"

namespace tools {

absl::StatusOr<DiffReport> DiffGolden(const GoldenCase& golden,
                                      const graph::CompileOptions& compile, bool low_precision,
                                      const Bounds& bounds) {
  ASSIGN_OR_RETURN(const ReplayResult replay, Replay(golden, compile));
  std::vector<std::pair<int, std::string>> order;
  for (const auto& [tensor, origin] : replay.origins) order.emplace_back(origin.order, tensor);
  std::sort(order.begin(), order.end());
  DiffReport report;
  for (const auto& [place, tensor] : order) {
    const auto entry = golden.file.tensors().find(tensor);
    if (entry == golden.file.tensors().end()) {
      report.only_b.push_back(tensor);
      continue;
    }
    const Origin& origin = replay.origins.at(tensor);
    const Values& ours = replay.tensors.at(tensor);
    const std::vector<double> theirs = ValuesOf(entry->second.type.dtype, entry->second.data).data;
    if (theirs.size() != ours.data.size()) {
      report.reshaped.push_back(tensor);
      continue;
    }
    BlobDiff diff;
    diff.blob = tensor;
    diff.op = origin.op;
    diff.type_a = entry->second.type;
    diff.type_b = origin.type;
    diff.integer = ours.integer;
    Judge(theirs, ours.data, bounds, /*of_floats=*/false, low_precision, &diff);
    report.blobs.push_back(std::move(diff));
  }
  if (report.blobs.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(golden.file.name(), " has no tensor that the net makes"));
  }
  return report;
}

}  // namespace tools
