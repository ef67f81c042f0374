#include "models/vit/vit_config.h"

#include "graph/base/status.h"

namespace models {

std::vector<ModelFlag> VitConfig::Flags() {
  constexpr FlagRule kAny = FlagRule::kAny, kRatio = FlagRule::kRatio, kShare = FlagRule::kShare,
                     kFraction = FlagRule::kFraction, kNotNegative = FlagRule::kNotNegative;
  constexpr ModelFlag::Place kFamily = ModelFlag::Place::kFamily;
  constexpr FlagScope kStep = FlagScope::kStep;
  const absl::string_view unmixed = mixes() ? "" : "--mixup=0 and --cutmix=0 mix nothing";
  const absl::string_view no_switch =
      !mixes() ? unmixed : mixup > 0 && cutmix > 0 ? "" : "there is one kind of mixing to draw";
  // clang-format off
  return {
      {"cls_token", &cls_token, kAny, "",
       "classify by the class token behind norm; else by the mean of the patches, and then fc_norm"},
      {"from_scratch", &from_scratch, kAny, "",
       "begin with random parameters, drawn as the official code draws them for learning from labels",
       "", "false", kFamily, kStep},
      {"train_pos_embed", &train_pos_embed, kAny, "",
       "train the positions, as MAE's fine-tuning does; the official one keeps them as they come",
       "", kOfTheModel, kFamily, kStep},
      {"layer_decay", &layer_decay, kShare, "X",
       "learning rate of each layer, as a multiple of the next one's", "", kOfTheModel, kFamily,
       kStep},
      {"drop_path", &drop_path, kFraction, "X",
       "share of the images that skip the last block's branches; falls to 0 at the first", "",
       kOfTheModel, kFamily, kStep},
      {"smoothing", &smoothing, kFraction, "X", "share of a label that all classes get", "",
       kOfTheModel, kFamily, kStep},
      {"mixup", &mixup, kNotNegative, "X",
       "mix pairs of images by a share from Beta(X, X); 0: do not", "", kOfTheModel, kFamily,
       kStep},
      {"cutmix", &cutmix, kNotNegative, "X",
       "cut a box into an image from another, by a share from Beta(X, X); 0: do not", "",
       kOfTheModel, kFamily, kStep},
      {"mixup_prob", &mixup_prob, kRatio, "X", "share of the groups that are mixed", unmixed,
       kOfTheModel, kFamily, kStep},
      {"mixup_switch_prob", &mixup_switch_prob, kRatio, "X",
       "share of the mixed groups that get cutmix, where both are on", no_switch, kOfTheModel,
       kFamily, kStep},
      {"mix_group", &mix_group, FlagRule::kPositive, "N",
       "images that share a draw of mixing, as those of one GPU do in the official code; even",
       unmixed, kOfTheModel, kFamily, kStep},
  };
  // clang-format on
}

absl::Status VitConfig::Resolve(const ModelConfig&, const std::set<std::string>&) {
  for (const ModelFlag& flag : Flags()) RETURN_IF_ERROR(flag.Set(flag.Text()));
  if (mixes() && mix_group % 2 != 0) {
    return graph::InvalidArgument("--mix_group=", mix_group,
                                  ": images are mixed in pairs; make it even");
  }
  return absl::OkStatus();
}

absl::Status VitConfig::CheckBatch(int64_t batch_size) const {
  if (!mixes() || GroupOf(batch_size) > 0) return absl::OkStatus();
  if (batch_size % 2 != 0) {
    return graph::InvalidArgument("--batch_size=", batch_size,
                                  " is odd, and images are mixed in pairs; make it even, or mix "
                                  "none with --mixup=0 --cutmix=0");
  }
  return graph::InvalidArgument("--batch_size=", batch_size, " is not a multiple of --mix_group=",
                                mix_group, ", the images that share a draw of mixing; the nearest "
                                "batches are ", batch_size / mix_group * mix_group, " and ",
                                (batch_size / mix_group + 1) * mix_group);
}

const VitConfig* FindVit(const ZooEntry& entry) {
  return dynamic_cast<const VitConfig*>(entry.options.get());
}

}  // namespace models
