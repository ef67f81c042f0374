// The options of the classifiers, with their flags: names and values of the official fine-tuning
// (main_finetune.py).
#ifndef MODELS_VIT_VIT_CONFIG_H_
#define MODELS_VIT_VIT_CONFIG_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "models/zoo/config.h"

namespace models {

// By default nothing is drawn and all layers have one rate; zoo_entries.cc has the official recipe.
struct VitConfig : public ModelOptions {
  // What the head reads: the class token behind `norm`, or else the mean of the patches, and then
  // `fc_norm`.
  bool cls_token = true;
  bool train_pos_embed = false;
  // Initial values as the official code draws them for a net that learns from labels alone; else
  // those of pretraining, and a head that is nearly zero.
  bool from_scratch = false;
  double head_deviation = 0;  // of the head's initial values; 0: they are drawn as other matrices'
  double layer_decay = 1;     // models/vit/layer_decay.h
  double drop_path = 0;       // of the last block; falls linearly to 0 at the first
  double smoothing = 0;       // of the labels
  // Mixing of images in pairs (models/data/mixing.h), drawn once for `mix_group` images.
  double mixup = 0;
  double cutmix = 0;
  double mixup_prob = 1;
  double mixup_switch_prob = 0.5;
  int64_t mix_group = 32;

  bool mixes() const { return (mixup > 0 || cutmix > 0) && mixup_prob > 0; }
  // Images that share a draw in a batch of so many, which is one group if it is smaller; 0: none
  // are mixed, nor is a batch that CheckBatch refuses.
  int64_t GroupOf(int64_t batch_size) const {
    const int64_t group = std::min(mix_group, batch_size);
    return mixes() && group % 2 == 0 && batch_size % group == 0 ? group : 0;
  }

  std::unique_ptr<ModelOptions> Clone() const override {
    return std::make_unique<VitConfig>(*this);
  }
  absl::string_view family() const override { return "ViT"; }
  std::vector<ModelFlag> Flags() override;
  absl::Status Resolve(const ModelConfig& model, const std::set<std::string>& given) override;
  absl::Status CheckBatch(int64_t batch_size) const override;
  int64_t batch_multiple() const override { return mixes() ? mix_group : 1; }
  std::string final_norm() const override { return cls_token ? "norm" : "fc_norm"; }
};

// Null where `entry` is of another family.
const VitConfig* FindVit(const ZooEntry& entry);

}  // namespace models

#endif  // MODELS_VIT_VIT_CONFIG_H_
