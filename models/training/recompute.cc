#include "models/training/recompute.h"

#include "graph/base/status.h"
#include "graph/ir/part.h"

namespace models {
namespace {

// "mlp.fc1" of "decoder_blocks.1.mlp.fc1"; empty outside blocks.
absl::string_view InBlock(absl::string_view part) {
  const absl::string_view block = graph::BlockOf(part);
  if (block.empty() || block.size() == part.size()) return "";
  return part.substr(block.size() + 1);
}

// Whether this is the sum that leaves the block.
bool EndsBlock(absl::string_view in_block) { return graph::IsWithin(in_block, "mlp.residual"); }

std::string MlpSegment(absl::string_view part) {
  const absl::string_view in_block = InBlock(part);
  const bool inside = graph::IsWithin(in_block, "norm2") || graph::IsWithin(in_block, "mlp");
  return inside && !EndsBlock(in_block) ? absl::StrCat(graph::BlockOf(part), ".mlp") : "";
}

std::string BlockSegment(absl::string_view part) {
  const absl::string_view in_block = InBlock(part);
  return in_block.empty() || EndsBlock(in_block) ? "" : std::string(graph::BlockOf(part));
}

}  // namespace

absl::StatusOr<std::function<std::string(absl::string_view)>> RecomputeSegments(
    absl::string_view mode) {
  using SegmentOf = std::function<std::string(absl::string_view)>;
  if (mode == "none") return SegmentOf();
  if (mode == "mlp") return SegmentOf(MlpSegment);
  if (mode == "block") return SegmentOf(BlockSegment);
  return graph::InvalidArgument("--recompute=", mode, " is unknown; it is none, mlp or block");
}

}  // namespace models
