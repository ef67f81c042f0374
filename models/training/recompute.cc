#include "models/training/recompute.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "graph/base/status.h"

namespace models {
namespace {

// "decoder_blocks.1.mlp.fc1" -> {"decoder_blocks.1", "mlp.fc1"}; both empty when the
// operator belongs to no block.
struct BlockName {
  absl::string_view block;
  absl::string_view part;
};

BlockName SplitBlock(absl::string_view name) {
  constexpr absl::string_view kBlocks = "blocks.";
  if (absl::StartsWith(name, "guide/")) return {};
  const size_t at = name.find(kBlocks);
  if (at == absl::string_view::npos) return {};
  const size_t digits = at + kBlocks.size();
  size_t end = digits;
  while (end < name.size() && absl::ascii_isdigit(static_cast<unsigned char>(name[end]))) ++end;
  if (end == digits || end + 1 >= name.size() || name[end] != '.') return {};
  return {name.substr(0, end), name.substr(end + 1)};
}

// The sum that leaves the block, and what hangs on its name.
bool EndsBlock(absl::string_view part) { return absl::StartsWith(part, "mlp.residual"); }

std::string MlpSegment(absl::string_view op_name) {
  const BlockName name = SplitBlock(op_name);
  const bool inside = name.part == "norm2" || absl::StartsWith(name.part, "norm2.") ||
                      absl::StartsWith(name.part, "mlp.");
  return inside && !EndsBlock(name.part) ? absl::StrCat(name.block, ".mlp") : "";
}

std::string BlockSegment(absl::string_view op_name) {
  const BlockName name = SplitBlock(op_name);
  return EndsBlock(name.part) ? "" : std::string(name.block);
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
