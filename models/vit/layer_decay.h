// What fine-tuning does with each parameter of a ViT: rates that fall from the head to the patches
// (layer decay; Clark et al., arXiv:2003.10555, and BEiT), and no weight decay of tokens and
// positions. As param_groups_lrd in util/lr_decay.py of the official code.
#ifndef MODELS_VIT_LAYER_DECAY_H_
#define MODELS_VIT_LAYER_DECAY_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "models/layers/model_builder.h"

namespace models {

// The rate of the parameter with this official name, as a share of the run's: decay^(N - layer)
// with N = depth + 1. cls_token, pos_embed and patch_embed.* are layer 0, blocks.k.* are layer
// k + 1, and all others, which stand behind the blocks, layer N. Aborts for a block beyond `depth`.
double LayerScale(absl::string_view name, int depth, double decay);

// Sets the rate of each parameter of a ViT of `depth` blocks, and takes the weight decay from the
// class token, which has it in pretraining, and from the positions. 1-D parameters have none
// anyway. For the end of a model's forward pass (ModelBuilder::mutable_parameters).
void SetLayerDecay(int depth, double decay, std::vector<Parameter>* parameters);

}  // namespace models

#endif  // MODELS_VIT_LAYER_DECAY_H_
