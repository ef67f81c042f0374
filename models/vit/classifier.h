// A ViT classifier, as the official code fine-tunes it (models_vit.py, main_finetune.py). The engine
// trains it without any plugin.
#ifndef MODELS_VIT_CLASSIFIER_H_
#define MODELS_VIT_CLASSIFIER_H_

#include <string>
#include <vector>

#include "models/layers/model.h"
#include "models/layers/transformer.h"
#include "models/vit/vit_config.h"
#include "models/zoo/config.h"

namespace models {

// Encoder, then `head` (num_classes, D) on the mean of the patches behind `fc_norm`, or on the class
// token behind `norm`. The loss is the mean cross-entropy, with smoothed labels and of mixed images
// where the options say so. Logs `acc1` where images are not mixed; evaluates `heldout_acc1`.
class VitClassifier : public Model {
 public:
  VitClassifier(const ModelConfig& config, int num_classes, const VitConfig& options = {})
      : config_(config), options_(options), num_classes_(num_classes) {}

  ForwardOutputs BuildTraining(ModelBuilder* b, int batch) const override;
  // The same with these scales of drop path, which are drawn there.
  ForwardOutputs BuildTraining(ModelBuilder* b, int batch, const DropPath& drop_path) const;
  std::vector<Evaluation> Evaluations() const override;
  EvaluationOutputs BuildEvaluation(ModelBuilder* b, int batch, int evaluation) const override;
  OfficialNet OfficialStep() const override;
  int input_h() const override { return config_.input_h; }
  int input_w() const override { return config_.input_w; }
  int channels() const override { return config_.channels; }
  std::string description() const override;

  // Logits (B, num_classes) of images (B, C, H, W), the same as those of the evaluation.
  graph::BlobId Logits(ModelBuilder* b, graph::BlobId images) const {
    return Logits(b, images, {});
  }

 private:
  graph::BlobId Logits(ModelBuilder* b, graph::BlobId images, const DropPath& drop_path) const;

  const ModelConfig config_;
  const VitConfig options_;
  const int num_classes_;
};

}  // namespace models

#endif  // MODELS_VIT_CLASSIFIER_H_
