// Some images of a data set.
#ifndef MODELS_DATA_SUBSET_H_
#define MODELS_DATA_SUBSET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "models/data/dataset.h"

namespace models {

// The images at `indices`. They keep their names, ids and labels.
class Subset : public Dataset {
 public:
  // `data` must outlive it.
  Subset(const Dataset* data, std::vector<int64_t> indices)
      : data_(data), indices_(std::move(indices)) {}
  Subset(std::unique_ptr<const Dataset> data, std::vector<int64_t> indices)
      : owned_(std::move(data)), data_(owned_.get()), indices_(std::move(indices)) {}

  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  uint64_t image_id(int64_t i) const override { return data_->image_id(indices_[i]); }
  std::string name(int64_t i) const override { return data_->name(indices_[i]); }
  int label(int64_t i) const override { return data_->label(indices_[i]); }
  int num_classes() const override { return data_->num_classes(); }
  absl::StatusOr<Image> Load(int64_t i) const override { return data_->Load(indices_[i]); }
  absl::Status LoadPart(int64_t i, const PartPlan& plan, PicturePart* part) const override {
    return data_->LoadPart(indices_[i], plan, part);
  }
  bool has_masks() const override { return data_->has_masks(); }
  absl::StatusOr<LabelMask> LoadMask(int64_t i) const override {
    return data_->LoadMask(indices_[i]);
  }
  absl::StatusOr<std::string> LoadBytes(int64_t i) const override {
    return data_->LoadBytes(indices_[i]);
  }
  // "2000 of 10000 images of 32x32".
  std::string description() const override;

 private:
  const std::unique_ptr<const Dataset> owned_;
  const Dataset* const data_;
  const std::vector<int64_t> indices_;
};

// Which images keep their labels, as semi-supervised work counts: a share of each class, at least
// one image, or a number of each class.
struct LabelBudget {
  double fraction = 1;                     // in (0, 1]
  absl::optional<int64_t> per_class = {};  // instead of the fraction
  uint64_t seed = 0;
};

// Their indices, ascending: of each class those whose hash of seed and image is smallest, so the
// same images whatever else is in the data, and a smaller budget takes some of a larger one's.
// InvalidArgument, naming flags: no labels, a class without an image, or with fewer than asked.
absl::StatusOr<std::vector<int64_t>> ChooseLabelled(const Dataset& data, const LabelBudget& budget);

}  // namespace models

#endif  // MODELS_DATA_SUBSET_H_
