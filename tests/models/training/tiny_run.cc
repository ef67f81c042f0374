#include "tests/models/training/tiny_run.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "graph/base/random.h"
#include "graph/base/status.h"
#include "tests/harness/guard_device.h"

namespace models {

ModelConfig TinyModelConfig() {
  ModelConfig model;
  model.input_h = model.input_w = 32;
  model.patch_size = 8;
  model.embed_dim = 16;
  model.depth = 2;
  model.num_heads = 2;
  model.decoder_embed_dim = 8;
  model.decoder_depth = 1;
  model.decoder_num_heads = 2;
  return model;
}

DropPosConfig TinyDropPosConfig(bool attn_guide) {
  DropPosConfig config;
  config.mask_ratio = 0.5;
  config.attn_guide = attn_guide;
  return config;
}

TinyEngine::TinyEngine(int thread_count)
    : registry(tools::MakeRegistry()),
      backend(harness::OnTestDevice(*tools::MakeBackend("cpu", thread_count))),
      threads(thread_count) {}

SessionOptions TinyEngine::Options(int batch, int accum_iter) const {
  SessionOptions options;
  options.compile.registry = &registry;
  options.compile.backend = &backend;
  options.recipe.batch_size = batch;
  options.accum_iter = accum_iter;
  options.seed = 1;
  return options;
}

uint64_t GradientImages::image_id(int64_t i) const { return graph::HashName(name(i)); }

std::string GradientImages::name(int64_t i) const { return absl::StrCat("gradient/", i); }

absl::StatusOr<Image> GradientImages::Load(int64_t i) const {
  if (first_bad_ >= 0 && i >= first_bad_) {
    return graph::InvalidArgument(name(i), ": broken on purpose");
  }
  graph::RandomStream random(image_id(i), graph::Purpose::kNoise);
  double slope[3][3];
  for (auto& channel : slope) {
    for (double& v : channel) v = random.Uniform(-60, 60);
  }
  Image image;
  image.width = image.height = 32;
  image.rgb.resize(32 * 32 * 3);
  for (int y = 0; y < 32; ++y) {
    for (int x = 0; x < 32; ++x) {
      for (int c = 0; c < 3; ++c) {
        const double v = 128 + slope[c][0] + (slope[c][1] * (x - 16) + slope[c][2] * (y - 16)) / 16;
        image.rgb[(y * 32 + x) * 3 + c] = static_cast<uint8_t>(std::clamp(v, 0.0, 255.0));
      }
    }
  }
  return image;
}

Batch RandomBatch(const ModelConfig& model, int size, uint64_t seed) {
  graph::RandomStream random(seed, graph::Purpose::kNoise);
  Batch batch;
  batch.images.resize(static_cast<size_t>(size) * 3 * model.input_h * model.input_w);
  for (float& v : batch.images) v = static_cast<float>(random.Normal());
  for (int i = 0; i < size; ++i) {
    batch.keys.push_back(static_cast<int64_t>(random.Next()));
    batch.labels.push_back(static_cast<int32_t>(random.Below(2)));
    batch.image_ids.push_back(random.Next());
  }
  batch.valid = size;
  return batch;
}

Batch SubBatch(const Batch& batch, int begin, int size) {
  const size_t pixels = batch.images.size() / batch.keys.size();
  Batch sub;
  sub.images.assign(batch.images.begin() + begin * pixels,
                    batch.images.begin() + (begin + size) * pixels);
  sub.keys.assign(batch.keys.begin() + begin, batch.keys.begin() + begin + size);
  sub.labels.assign(batch.labels.begin() + begin, batch.labels.begin() + begin + size);
  sub.image_ids.assign(batch.image_ids.begin() + begin, batch.image_ids.begin() + begin + size);
  sub.valid = size;
  return sub;
}

std::vector<float> BlobValues(graph::Workspace* workspace, const std::string& name) {
  auto values = workspace->Read<float>(name);
  CHECK(values.ok());
  return *std::move(values);
}

void SetBlob(graph::Workspace* workspace, const std::string& name,
             const std::vector<float>& values) {
  CHECK(workspace->Write(name, absl::MakeConstSpan(values)).ok());
}

void FillBlob(graph::Workspace* workspace, const std::string& name, float value) {
  SetBlob(workspace, name, std::vector<float>(BlobValues(workspace, name).size(), value));
}

void SetElement(graph::Workspace* workspace, const std::string& name, size_t at, float value) {
  std::vector<float> values = BlobValues(workspace, name);
  values.at(at) = value;
  SetBlob(workspace, name, values);
}

double RelativeError(const std::vector<float>& a, const std::vector<float>& b) {
  CHECK(a.size() == b.size());
  double difference = 0, norm = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    difference += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    norm += double{b[i]} * b[i];
  }
  return std::sqrt(difference) / std::max(std::sqrt(norm), 1e-6);
}

}  // namespace models
