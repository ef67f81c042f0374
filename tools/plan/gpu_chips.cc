#include "tools/plan/gpu_chips.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"

namespace tools {
namespace {

constexpr size_t MiB(size_t n) { return n << 20; }

// Shared memory that a block may have, by compute capability (CUDA C++ Programming Guide, table of
// technical specifications).
constexpr size_t kShared80 = 163 << 10, kShared89 = 99 << 10, kShared90 = 227 << 10;

// Rates: NVIDIA's data sheets of A100, H100, H200 and L40S, SXM where there are several boards, and
// its white paper on Ada for the RTX 4090; dense, where they also print twice that for sparse
// matrices. Memory is what the runtime says, less than the sheet's: deviceQuery for the A100 40 GB,
// "total capacity" in PyTorch's messages for the H100 and the RTX 4090; low estimates for others.
const std::vector<GpuChip>& Known() {
  static const auto* const known = new std::vector<GpuChip>{
      {"a100-40",
       {"NVIDIA A100-SXM4-40GB", 8, 0, 108, MiB(40338), kShared80},
       {19.5e3, 312e3, 0, 1555}},
      {"a100",
       {"NVIDIA A100-SXM4-80GB", 8, 0, 108, MiB(81050), kShared80},
       {19.5e3, 312e3, 0, 2039}},
      {"h100", {"NVIDIA H100 80GB HBM3", 9, 0, 132, MiB(81008), kShared90}, {67e3, 989e3, 0, 3350}},
      {"h200", {"NVIDIA H200", 9, 0, 132, MiB(142336), kShared90}, {67e3, 989e3, 0, 4800}},
      {"l40s", {"NVIDIA L40S", 8, 9, 142, MiB(45363), kShared89}, {91.6e3, 362e3, 0, 864}},
      {"rtx4090",
       {"NVIDIA GeForce RTX 4090", 8, 9, 128, MiB(24207), kShared89},
       {82.6e3, 165e3, 0, 1008}},
  };
  return *known;
}

}  // namespace

std::string GpuChipNames() {
  return absl::StrJoin(Known(), ", ", [](std::string* out, const GpuChip& chip) {
    absl::StrAppend(out, chip.flag);
  });
}

absl::StatusOr<std::vector<GpuChip>> GpuChips(absl::Span<const std::string> flags) {
  std::vector<GpuChip> chips;
  for (const std::string& flag : flags) {
    const auto chip = std::find_if(Known().begin(), Known().end(),
                                   [&](const GpuChip& known) { return known.flag == flag; });
    if (chip == Known().end()) {
      return graph::InvalidArgument("there is no ", graph::Quoted(flag), "; known are ",
                                    GpuChipNames());
    }
    chips.push_back(*chip);
  }
  return chips;
}

}  // namespace tools
