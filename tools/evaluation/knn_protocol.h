// Measures whether features tell what is in an image: held-out images get the class of the training
// images that they resemble.
#ifndef TOOLS_EVALUATION_KNN_PROTOCOL_H_
#define TOOLS_EVALUATION_KNN_PROTOCOL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/data/dataset.h"
#include "models/training/metrics.h"
#include "models/zoo/config.h"
#include "nlohmann/json.hpp"
#include "tools/evaluation/features.h"
#include "tools/evaluation/knn.h"

namespace tools {

struct KnnProtocolOptions {
  KnnOptions knn;
  bool cls = true;   // the class token
  bool mean = true;  // the mean of the patches
  // Training images, spread over the data (SpreadIndices). Bounds the memory, which is 8 bytes per
  // image and dimension, and half as much again while one feature is classified: 0.5 GB for 50,000
  // images at 768. 0: all of them.
  int64_t max_train_images = 50'000;
  models::LoaderOptions load;  // FeatureOptions'
  OnImages on_images;          // the same: of training images and of held-out ones
};

struct KnnResult {
  std::string feature;  // "cls" or "mean"
  double accuracy = 0;  // top-1
};

struct KnnReport {
  int k = 0;  // actually used: at most the number of training images
  double temperature = 0;
  int classes = 0;
  int64_t train_images = 0, held_out_images = 0;  // with a label
  int64_t unlabelled = 0;                         // skipped
  double chance = 0;  // share of the commonest class of the held-out images
  std::vector<KnnResult> results;

  models::MetricList Metrics() const;  // knn_acc1 (class token), knn_acc1_mean
};

// A line for each feature, with chance beside it.
std::string KnnText(const KnnReport& report);
// docs/evaluation.md lists the fields.
nlohmann::ordered_json KnnJson(const KnnReport& report);

// OK if both have labels; else an error says what is missing and what to do. `held_out` may be
// null.
absl::Status CheckLabels(const models::Dataset& train, const models::Dataset* held_out);

class KnnProtocol {
 public:
  // Compiles the encoder of `model`. `workspace` and `batch_size` are as for PositionProtocol.
  static absl::StatusOr<std::unique_ptr<KnnProtocol>> Create(
      const models::ModelConfig& model, const KnnProtocolOptions& options,
      const graph::CompileOptions& compile, int batch_size, graph::Workspace* workspace,
      const std::shared_ptr<graph::InputSlot>& inputs = nullptr);

  // One pass over both, in the evaluation's geometry, without augmentation or masking.
  absl::StatusOr<KnnReport> Run(const models::Dataset& train, const models::Dataset& held_out);

  const std::vector<models::Parameter>& parameters() const { return extractor_->parameters(); }

 private:
  KnnProtocol() = default;

  KnnProtocolOptions options_;
  std::unique_ptr<FeatureExtractor> extractor_;
};

}  // namespace tools

#endif  // TOOLS_EVALUATION_KNN_PROTOCOL_H_
