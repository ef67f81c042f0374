// How well a segmentation's answers fit the labels, counted over pixels. Pure host code, no nets.
#ifndef TOOLS_EVALUATION_SEGMENTATION_SCORES_H_
#define TOOLS_EVALUATION_SEGMENTATION_SCORES_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace tools {

// How often pixels of one class were taken for another, and what is said of that. The scores are
// those of the whole data set, whatever the pictures' sizes. Not thread-safe.
class PixelConfusion {
 public:
  // From 1 to 255 classes.
  explicit PixelConfusion(int classes);

  // As many of both: labels below classes(), or 255 for pixels that do not count, and answers below
  // classes().
  void Add(absl::Span<const uint8_t> labels, absl::Span<const uint8_t> answers);

  int classes() const { return classes_; }
  // Pixels of class `label` for which the answer was `answer`.
  int64_t count(int label, int answer) const { return counts_[label * classes_ + answer]; }
  int64_t labelled() const;            // all pixels that count
  int64_t labelled(int label) const;   // those of one class
  int64_t answered(int answer) const;  // those that were taken for it

  // Share of right answers; NaN if no pixel counts.
  double PixelAccuracy() const;
  // Intersection over union of a class: right answers by the pixels that are of the class or were
  // taken for it. NaN if there are none.
  double Iou(int cls) const;
  // mIoU: the mean of the classes that have one; NaN if none has.
  double MeanIou() const;

 private:
  int classes_;
  std::vector<int64_t> counts_;  // (label, answer)
};

}  // namespace tools

#endif  // TOOLS_EVALUATION_SEGMENTATION_SCORES_H_
