// The encoder's features of whole images: nothing hidden, every position given.
#ifndef TOOLS_EVALUATION_FEATURES_H_
#define TOOLS_EVALUATION_FEATURES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "graph/compiler/compiler.h"
#include "graph/runtime/workspace.h"
#include "models/data/dataset.h"
#include "models/data/loader.h"
#include "models/training/forward_net.h"
#include "models/zoo/config.h"
#include "tools/evaluation/image_progress.h"

namespace tools {

// The compiled forward pass. Any model of the zoo has this encoder; parameters are those of the
// workspace (models::ForwardNet).
class FeatureExtractor {
 public:
  // `inputs`: as for models::ForwardNet::Compile. Memory: the activations of one batch, in the
  // arena that all nets of the workspace share, and on the host a copy of its features.
  static absl::StatusOr<std::unique_ptr<FeatureExtractor>> Create(
      const models::ModelConfig& model, int batch_size, const graph::CompileOptions& compile,
      graph::Workspace* workspace, const std::shared_ptr<graph::InputSlot>& inputs = nullptr);

  // The net that Create compiles, for plans.
  static absl::StatusOr<graph::Net> Net(const models::ModelConfig& model, int batch_size,
                                        const graph::SchemaRegistry& registry);

  // Features (B, 1+L, D) after the final norm, the class token in row 0; valid until the next call.
  // OUT_OF_RANGE if a value of the first batch.valid images is not finite.
  absl::StatusOr<absl::Span<const float>> Run(const models::Batch& batch);

  const std::vector<models::Parameter>& parameters() const { return net_->parameters(); }
  const models::ModelConfig& model() const { return model_; }
  int batch_size() const { return batch_size_; }
  int64_t tokens() const { return 1 + model_.num_patches(); }
  int64_t dim() const { return model_.embed_dim; }

 private:
  FeatureExtractor() = default;

  models::ModelConfig model_;
  int batch_size_ = 0;
  std::unique_ptr<models::ForwardNet> net_;
  std::vector<float> features_;  // of the last batch
};

struct FeatureOptions {
  bool tokens = false;         // keep all of them
  bool images = false;         // keep the network's input
  models::LoaderOptions load;  // mode, batch size and input size are the extractor's
  OnImages on_images;          // may be empty
};

// Row-major, one row per image, in the order of the data. Undecodable images have no row
// (models/data/loader.h says when they are an error).
struct Features {
  int64_t rows = 0;
  int64_t dim = 0;
  std::vector<float> cls;           // (N, D)
  std::vector<float> patch_mean;    // (N, D): over the L patches, summed in double
  std::vector<float> tokens;        // (N, 1+L, D), or empty
  std::vector<float> images;        // (N, C, H, W), or empty
  std::vector<int32_t> labels;      // (N), -1 without a label
  std::vector<int64_t> data_index;  // (N): the image of a row is Dataset::name(data_index[row])
};

// One pass over `data` in the evaluation's geometry, without augmentation. Memory: 8 bytes * N * D;
// with tokens 4 * N * (1+L) * D more, with images 12 * N * H * W more. Errors name the data.
absl::StatusOr<Features> ExtractFeatures(const models::Dataset& data, const FeatureOptions& options,
                                         FeatureExtractor* extractor);

}  // namespace tools

#endif  // TOOLS_EVALUATION_FEATURES_H_
