#include "tools/evaluation/knn_protocol.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "tools/evaluation/spread_dataset.h"

namespace tools {
namespace {

constexpr char kWayOut[] = "; put the images of each class into a folder of its own";

// Removes the rows without a label; returns how many.
int64_t DropUnlabelled(Features* features) {
  const int64_t dim = features->dim;
  int64_t kept = 0;
  for (int64_t i = 0; i < features->rows; ++i) {
    if (features->labels[i] < 0) continue;
    features->labels[kept] = features->labels[i];
    for (std::vector<float>* rows : {&features->cls, &features->patch_mean}) {
      std::copy_n(rows->begin() + i * dim, dim, rows->begin() + kept * dim);
    }
    ++kept;
  }
  const int64_t dropped = features->rows - kept;
  features->rows = kept;
  features->labels.resize(kept);
  features->cls.resize(kept * dim);
  features->patch_mean.resize(kept * dim);
  return dropped;
}

double CommonestShare(const std::vector<int32_t>& labels, int classes) {
  std::vector<int64_t> counts(static_cast<size_t>(classes));
  for (const int32_t label : labels) ++counts[label];
  return static_cast<double>(*std::max_element(counts.begin(), counts.end())) /
         static_cast<double>(labels.size());
}

}  // namespace

models::MetricList KnnReport::Metrics() const {
  models::MetricList metrics;
  for (const KnnResult& result : results) {
    metrics.push_back({result.feature == "cls" ? "knn_acc1" : "knn_acc1_mean", result.accuracy,
                       models::Unit::kShare, chance});
  }
  return metrics;
}

std::string KnnText(const KnnReport& report) {
  std::string text = absl::StrFormat(
      "images %d held out by their %d nearest of %d training images,\n       temperature %g\n",
      report.held_out_images, report.k, report.train_images, report.temperature);
  if (report.unlabelled > 0) {
    absl::StrAppend(&text, "       ", report.unlabelled, " images without a label passed over\n");
  }
  absl::StrAppendFormat(&text, "\n%-22s%s\n", "feature", "top-1 (chance)");
  for (const KnnResult& result : report.results) {
    absl::StrAppendFormat(&text, "%-22s%.2f%% (%.2f%%)\n",
                          result.feature == "cls" ? "class token" : "mean of the patches",
                          100 * result.accuracy, 100 * report.chance);
  }
  return text;
}

nlohmann::ordered_json KnnJson(const KnnReport& report) {
  nlohmann::ordered_json json;
  json["k"] = report.k;
  json["temperature"] = report.temperature;
  json["classes"] = report.classes;
  json["train_images"] = report.train_images;
  json["held_out_images"] = report.held_out_images;
  json["unlabelled_images"] = report.unlabelled;
  json["chance"] = report.chance;
  for (const KnnResult& result : report.results) json["top1"][result.feature] = result.accuracy;
  return json;
}

absl::Status CheckLabels(const models::Dataset& train, const models::Dataset* held_out) {
  if (held_out == nullptr) {
    return graph::InvalidArgument("no images are held out to classify (", train.description(),
                                  "); --val_fraction holds some out");
  }
  for (const models::Dataset* data : {&train, held_out}) {
    if (data->num_classes() > 0) continue;
    return graph::InvalidArgument("nearest neighbours need labels, but the data has none (",
                                  data->description(), ")", kWayOut);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<KnnProtocol>> KnnProtocol::Create(
    const models::ModelConfig& model, const KnnProtocolOptions& options,
    const graph::CompileOptions& compile, int batch_size, graph::Workspace* workspace,
    const std::shared_ptr<graph::InputSlot>& inputs) {
  std::unique_ptr<KnnProtocol> protocol(new KnnProtocol());
  protocol->options_ = options;
  ASSIGN_OR_RETURN(protocol->extractor_,
                   FeatureExtractor::Create(model, batch_size, compile, workspace, inputs));
  return protocol;
}

absl::StatusOr<KnnReport> KnnProtocol::Run(const models::Dataset& train,
                                           const models::Dataset& held_out) {
  RETURN_IF_ERROR(CheckLabels(train, &held_out));
  const SpreadDataset neighbours(&train, options_.max_train_images);
  FeatureOptions extract;
  extract.load = options_.load;
  extract.on_images = options_.on_images;
  ASSIGN_OR_RETURN(Features known, ExtractFeatures(neighbours, extract, extractor_.get()));
  ASSIGN_OR_RETURN(Features asked, ExtractFeatures(held_out, extract, extractor_.get()));

  KnnReport report;
  report.unlabelled = DropUnlabelled(&known) + DropUnlabelled(&asked);
  report.classes = std::max(train.num_classes(), held_out.num_classes());
  report.train_images = known.rows;
  report.held_out_images = asked.rows;
  report.k = static_cast<int>(std::min<int64_t>(options_.knn.k, known.rows));
  report.temperature = options_.knn.temperature;
  if (known.rows == 0 || asked.rows == 0) {
    return graph::InvalidArgument("none of the ", known.rows == 0 ? "training" : "held-out",
                                  " images has a label", kWayOut);
  }
  report.chance = CommonestShare(asked.labels, report.classes);
  const auto classify = [&](const std::string& feature, const std::vector<float>& train_rows,
                            const std::vector<float>& queries) {
    const std::vector<int32_t> answers =
        ClassifyKnn({train_rows, known.labels}, queries, known.dim, report.classes, options_.knn);
    int64_t right = 0;
    for (int64_t i = 0; i < asked.rows; ++i) right += answers[i] == asked.labels[i];
    report.results.push_back(
        {feature, static_cast<double>(right) / static_cast<double>(asked.rows)});
  };
  if (options_.cls) classify("cls", known.cls, asked.cls);
  if (options_.mean) classify("mean", known.patch_mean, asked.patch_mean);
  return report;
}

}  // namespace tools
