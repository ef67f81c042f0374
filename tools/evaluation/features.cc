#include "tools/evaluation/features.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <new>
#include <utility>

#include "graph/base/status.h"
#include "models/vit/encoder.h"

namespace tools {
namespace {

constexpr char kNet[] = "features";
constexpr char kOutput[] = "features";

std::function<models::ForwardNet::Outputs(models::ModelBuilder*)> Encoder(
    const models::ModelConfig& model, int batch_size) {
  return [model, batch_size](models::ModelBuilder* b) -> models::ForwardNet::Outputs {
    const graph::BlobId images = b->net()->Input("images", b->Type(model.images(batch_size)));
    return {{kOutput, models::EncodeImages(b, model, images)}};
  };
}

bool AllFinite(absl::Span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

absl::Status Reserve(const models::Dataset& data, const FeatureOptions& options,
                     const FeatureExtractor& extractor, Features* out) {
  const auto n = static_cast<size_t>(data.size());
  const auto dim = static_cast<size_t>(extractor.dim());
  const auto tokens = static_cast<size_t>(extractor.tokens());
  const models::ModelConfig& model = extractor.model();
  try {
    out->cls.reserve(n * dim);
    out->patch_mean.reserve(n * dim);
    if (options.tokens) out->tokens.reserve(n * tokens * dim);
    if (options.images) out->images.reserve(n * model.channels * model.input_h * model.input_w);
    out->labels.reserve(n);
    out->data_index.reserve(n);
  } catch (const std::exception&) {  // bad_alloc, length_error
    return absl::ResourceExhaustedError(absl::StrCat("no memory for the features of ", n,
                                                     " images (", data.description(),
                                                     "); take fewer images"));
  }
  return absl::OkStatus();
}

// Writes the means of the patch rows of `features` (B, tokens, D), without the class token.
void PatchMeans(absl::Span<const float> features, int64_t images, int64_t tokens, int64_t dim,
                float* out) {
  std::vector<double> sum(static_cast<size_t>(dim));
  for (int64_t i = 0; i < images; ++i) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (int64_t t = 1; t < tokens; ++t) {
      const float* row = features.data() + (i * tokens + t) * dim;
      for (int64_t d = 0; d < dim; ++d) sum[d] += row[d];
    }
    for (int64_t d = 0; d < dim; ++d) {
      out[i * dim + d] = static_cast<float>(sum[d] / static_cast<double>(tokens - 1));
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<FeatureExtractor>> FeatureExtractor::Create(
    const models::ModelConfig& model, int batch_size, const graph::CompileOptions& compile,
    graph::Workspace* workspace, const std::shared_ptr<graph::InputSlot>& inputs) {
  std::unique_ptr<FeatureExtractor> result(new FeatureExtractor());
  result->model_ = model;
  result->batch_size_ = batch_size;
  ASSIGN_OR_RETURN(result->net_, models::ForwardNet::Compile(
                                     kNet, compile, Encoder(model, batch_size), workspace, inputs));
  return result;
}

absl::StatusOr<graph::Net> FeatureExtractor::Net(const models::ModelConfig& model, int batch_size,
                                                 const graph::SchemaRegistry& registry) {
  return models::ForwardNet::Build(kNet, registry, Encoder(model, batch_size));
}

absl::StatusOr<absl::Span<const float>> FeatureExtractor::Run(const models::Batch& batch) {
  RETURN_IF_ERROR(net_->Feed(batch));
  RETURN_IF_ERROR(net_->Run());
  ASSIGN_OR_RETURN(const graph::ConstTensor output, net_->Output(kOutput));
  features_.resize(static_cast<size_t>(output.type.elements()));
  RETURN_IF_ERROR(output.Read(absl::MakeSpan(features_)));
  const absl::Span<const float> features = features_;
  if (!AllFinite(features.first(static_cast<size_t>(batch.valid * tokens() * dim())))) {
    return absl::OutOfRangeError("the features are not finite: the parameters hold NaN or inf");
  }
  return features;
}

absl::StatusOr<Features> ExtractFeatures(const models::Dataset& data, const FeatureOptions& options,
                                         FeatureExtractor* extractor) {
  models::LoaderOptions load = options.load;
  load.mode = models::LoaderMode::kEvaluate;
  load.batch_size = extractor->batch_size();
  load.input_height = extractor->model().input_h;
  load.input_width = extractor->model().input_w;
  ASSIGN_OR_RETURN(const std::unique_ptr<models::Loader> loader,
                   models::Loader::Create(&data, std::move(load)));
  Features out;
  out.dim = extractor->dim();
  RETURN_IF_ERROR(Reserve(data, options, *extractor, &out));
  const int64_t tokens = extractor->tokens(), dim = extractor->dim();
  int64_t at = 0;  // in the data
  while (true) {
    ASSIGN_OR_RETURN(const models::Batch* batch, loader->Next());
    if (batch == nullptr) return out;
    ASSIGN_OR_RETURN(const absl::Span<const float> features, extractor->Run(*batch));
    for (int64_t i = 0; i < batch->valid; ++i) {
      const float* cls = features.data() + i * tokens * dim;
      out.cls.insert(out.cls.end(), cls, cls + dim);
      out.labels.push_back(batch->labels[i]);
      // The loader skips undecodable images and keeps the order.
      while (data.image_id(at) != batch->image_ids[i]) ++at;
      out.data_index.push_back(at++);
    }
    out.patch_mean.resize(out.cls.size());
    PatchMeans(features, batch->valid, tokens, dim, out.patch_mean.data() + out.rows * dim);
    if (options.tokens) {
      out.tokens.insert(out.tokens.end(), features.begin(),
                        features.begin() + batch->valid * tokens * dim);
    }
    if (options.images) {
      const auto per_image = static_cast<int64_t>(batch->images.size()) / extractor->batch_size();
      out.images.insert(out.images.end(), batch->images.begin(),
                        batch->images.begin() + batch->valid * per_image);
    }
    out.rows += batch->valid;
    if (options.on_images) options.on_images(batch->valid);
  }
}

}  // namespace tools
