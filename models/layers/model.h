// What the trainer needs to know of a model, and nothing about which it is.
#ifndef MODELS_LAYERS_MODEL_H_
#define MODELS_LAYERS_MODEL_H_

#include <string>
#include <utility>
#include <vector>

#include "models/layers/model_builder.h"
#include "models/layers/official_step.h"

namespace models {

enum class Unit {
  kNumber,
  kShare,  // in [0, 1], shown in percent
  kCells,  // of the grid of patches
};

// A number to log with each step, under `name` in metrics.jsonl.
struct MetricSpec {
  std::string name;
  graph::BlobId blob = graph::kNone;  // a float scalar {1}, or i32 (B), of which the mean is logged
  Unit unit = Unit::kNumber;
};

// Inputs the trainer feeds where a net has them: `images` (B, C, H, W), C the model's channels,
// `keys` i64 (B), one random key an image, `labels` i32 (B), and in training what is drawn for each
// of G groups of images that are mixed (models/data/mixing.h): `mix_mode` i32 (G), `mix_lam` (G) and
// `mix_box` i32 (G, 4).
struct ForwardOutputs {
  graph::BlobId loss = graph::kNone;  // {1}, mean over the batch
  std::vector<MetricSpec> metrics;
};

// A held-out measurement, counted by image so that a padded last batch counts each
// image once: right answers out of those asked, or the mean of a number.
struct Evaluation {
  static constexpr double kNoChance = 0;  // not an accuracy

  std::string net_name;  // "eval"
  std::string metric;    // "heldout_pos_acc1"
  Unit unit = Unit::kNumber;
  double chance = kNoChance;  // accuracy of guessing
};
struct EvaluationOutputs {
  graph::BlobId correct = graph::kNone;  // i32 (B)
  graph::BlobId scored = graph::kNone;   // i32 (B); kNone: one question an image
  // Instead of the two: a number for each image, float (B), of which the mean is
  // reported.
  graph::BlobId value = graph::kNone;
};

// Scalar inputs {1} by name.
using Scheduled = std::vector<std::pair<std::string, float>>;

// Immutable, thread-safe.
class Model {
 public:
  virtual ~Model() = default;

  // Appends the forward pass of a training batch of `batch` images.
  virtual ForwardOutputs BuildTraining(ModelBuilder* b, int batch) const = 0;

  // The first is the one a run is judged by.
  virtual std::vector<Evaluation> Evaluations() const = 0;
  virtual EvaluationOutputs BuildEvaluation(ModelBuilder* b, int batch, int evaluation) const = 0;

  // Further scalar inputs {1} of the training net that follow the epoch, such as
  // the smoothing width.
  virtual Scheduled ScheduledInputs(int /*epoch*/, int /*epochs*/) const { return {}; }

  // What the published code computes; without linears where none is published, and //tools:bench
  // then has nothing to measure a step by.
  virtual OfficialNet OfficialStep() const { return {}; }

  virtual int input_h() const = 0;
  virtual int input_w() const = 0;
  virtual int channels() const = 0;  // of the images
  // One line for the banner: "12 blocks of 768, 12 heads, ...".
  virtual std::string description() const = 0;
};

}  // namespace models

#endif  // MODELS_LAYERS_MODEL_H_
