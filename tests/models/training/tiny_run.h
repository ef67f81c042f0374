// A DropPos model small enough for many runs in a test, and images for it.
#ifndef TESTS_MODELS_TRAINING_TINY_RUN_H_
#define TESTS_MODELS_TRAINING_TINY_RUN_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "models/data/dataset.h"
#include "models/data/loader.h"
#include "models/droppos/droppos_config.h"
#include "models/training/run_observer.h"
#include "models/training/session.h"
#include "tools/plugins.h"

namespace models {

// 32 px, 4x4 patches, 2 blocks of 16 and 1 of 8: a step takes milliseconds.
ModelConfig TinyModelConfig();
DropPosConfig TinyDropPosConfig(bool attn_guide);

// Registry, backend, and the options of a session on them.
struct TinyEngine {
  explicit TinyEngine(int threads = 2);
  SessionOptions Options(int batch, int accum_iter = 1) const;
  SessionOptions Options(const StepShape& step) const;

  graph::SchemaRegistry registry;
  graph::Backend backend;
  int threads;
};

// An observer of functions; each may be empty.
struct RunHooks : RunObserver {
  std::function<void()> batch_asked, batch_came, step_done;
  std::function<absl::StatusOr<MetricList>()> evaluate;
  std::function<absl::StatusOr<Picture>(int64_t step)> draw;

  void OnBatchAsked() override {
    if (batch_asked) batch_asked();
  }
  void OnBatch() override {
    if (batch_came) batch_came();
  }
  void OnStep(const TrainMetrics&) override {
    if (step_done) step_done();
  }
  absl::StatusOr<MetricList> Evaluate() override { return evaluate ? evaluate() : MetricList(); }
  absl::StatusOr<Picture> Draw(int64_t step) override { return draw ? draw(step) : Picture(); }
};

// `n` 32x32 images with structure: a gradient whose direction and colour are the
// image's own. The i-th is a function of i alone.
class GradientImages : public Dataset {
 public:
  explicit GradientImages(int64_t n, int64_t first_bad = -1) : n_(n), first_bad_(first_bad) {}
  int64_t size() const override { return n_; }
  uint64_t image_id(int64_t i) const override;
  std::string name(int64_t i) const override;
  int label(int64_t i) const override { return static_cast<int>(i % 2); }
  int num_classes() const override { return 2; }
  absl::StatusOr<Image> Load(int64_t i) const override;
  std::string description() const override { return "gradients"; }

 private:
  int64_t n_;
  int64_t first_bad_;  // this one and all after it cannot be decoded; -1: none
};

// A batch of `size` random images with random keys, a function of `seed`.
Batch RandomBatch(const ModelConfig& model, int size, uint64_t seed);

// Copies images [begin, begin + size) of `batch`.
Batch SubBatch(const Batch& batch, int begin, int size);

// Value of a named workspace blob.
std::vector<float> BlobValues(graph::Workspace* workspace, const std::string& name);
// And what sets all of it, to one value, or one element of it.
void SetBlob(graph::Workspace* workspace, const std::string& name,
             const std::vector<float>& values);
void FillBlob(graph::Workspace* workspace, const std::string& name, float value);
void SetElement(graph::Workspace* workspace, const std::string& name, size_t at, float value);

// ‖a − b‖ / max(‖b‖, 1e-6).
double RelativeError(const std::vector<float>& a, const std::vector<float>& b);

}  // namespace models

#endif  // TESTS_MODELS_TRAINING_TINY_RUN_H_
