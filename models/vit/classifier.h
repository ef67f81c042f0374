// A plain ViT classifier on the class token, which the engine trains without any plugin.
#ifndef MODELS_VIT_CLASSIFIER_H_
#define MODELS_VIT_CLASSIFIER_H_

#include <string>
#include <vector>

#include "models/layers/model.h"
#include "models/zoo/config.h"

namespace models {

// Encoder, then `head` (num_classes, D) on the class token, mean cross-entropy.
// Logs `acc1`; evaluates `heldout_acc1`.
class VitClassifier : public Model {
 public:
  VitClassifier(const ModelConfig& config, int num_classes)
      : config_(config), num_classes_(num_classes) {}

  ForwardOutputs BuildTraining(ModelBuilder* b, int batch) const override;
  std::vector<Evaluation> Evaluations() const override;
  EvaluationOutputs BuildEvaluation(ModelBuilder* b, int batch, int evaluation) const override;
  OfficialNet OfficialStep() const override;
  int input_h() const override { return config_.input_h; }
  int input_w() const override { return config_.input_w; }
  int channels() const override { return config_.channels; }
  std::string description() const override;

 private:
  // loss {1} and correct i32 (B).
  std::vector<graph::BlobId> Build(ModelBuilder* b, int batch) const;

  ModelConfig config_;
  int num_classes_;
};

}  // namespace models

#endif  // MODELS_VIT_CLASSIFIER_H_
