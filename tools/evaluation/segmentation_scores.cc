#include "tools/evaluation/segmentation_scores.h"

#include <cmath>
#include <numeric>

#include "graph/base/status.h"

namespace tools {
namespace {

constexpr uint8_t kUnlabelled = 255;

// NaN for 0 / 0.
double Share(int64_t part, int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

PixelConfusion::PixelConfusion(int classes)
    : classes_(classes), counts_(static_cast<size_t>(classes) * classes) {
  CHECK(classes >= 1 && classes <= kUnlabelled);
}

void PixelConfusion::Add(absl::Span<const uint8_t> labels, absl::Span<const uint8_t> answers) {
  CHECK(labels.size() == answers.size());
  for (size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == kUnlabelled) continue;
    CHECK(labels[i] < classes_ && answers[i] < classes_);
    ++counts_[labels[i] * classes_ + answers[i]];
  }
}

int64_t PixelConfusion::labelled() const {
  return std::accumulate(counts_.begin(), counts_.end(), int64_t{0});
}

int64_t PixelConfusion::labelled(int label) const {
  int64_t sum = 0;
  for (int answer = 0; answer < classes_; ++answer) sum += count(label, answer);
  return sum;
}

int64_t PixelConfusion::answered(int answer) const {
  int64_t sum = 0;
  for (int label = 0; label < classes_; ++label) sum += count(label, answer);
  return sum;
}

double PixelConfusion::PixelAccuracy() const {
  int64_t right = 0;
  for (int cls = 0; cls < classes_; ++cls) right += count(cls, cls);
  return Share(right, labelled());
}

double PixelConfusion::Iou(int cls) const {
  const int64_t right = count(cls, cls);
  return Share(right, labelled(cls) + answered(cls) - right);
}

double PixelConfusion::MeanIou() const {
  double sum = 0;
  int64_t have_one = 0;
  for (int cls = 0; cls < classes_; ++cls) {
    const double iou = Iou(cls);
    if (std::isnan(iou)) continue;
    sum += iou;
    ++have_one;
  }
  return sum / static_cast<double>(have_one);
}

}  // namespace tools
