#include "models/vit/layer_decay.h"

#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "graph/base/status.h"

namespace models {
namespace {

bool IsTokenOrTable(absl::string_view name) { return name == "cls_token" || name == "pos_embed"; }

int LayerOf(absl::string_view name, int depth) {
  if (IsTokenOrTable(name) || absl::StartsWith(name, "patch_embed.")) return 0;
  const std::pair<absl::string_view, absl::string_view> rest =
      absl::StrSplit(name, absl::MaxSplits('.', 1));
  if (rest.first != "blocks") return depth + 1;
  int block = -1;
  CHECK(absl::SimpleAtoi(rest.second.substr(0, rest.second.find('.')), &block));
  CHECK(block >= 0 && block < depth);
  return block + 1;
}

}  // namespace

double LayerScale(absl::string_view name, int depth, double decay) {
  return std::pow(decay, depth + 1 - LayerOf(name, depth));
}

void SetLayerDecay(int depth, double decay, std::vector<Parameter>* parameters) {
  for (Parameter& p : *parameters) {
    p.spec.lr_scale = static_cast<float>(LayerScale(p.name, depth, decay));
    if (IsTokenOrTable(p.name)) p.spec.decays = false;
  }
}

}  // namespace models
