// Some images of a data set, spread over all of it.
#ifndef TOOLS_EVALUATION_SPREAD_DATASET_H_
#define TOOLS_EVALUATION_SPREAD_DATASET_H_

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "models/data/dataset.h"

namespace tools {

// `count` of [0, size), ascending: one from each of `count` equal stretches, at a place drawn from
// a fixed stream. (A fixed stride would meet only one class if classes repeat in step with it.) All
// of them if count >= size.
std::vector<int64_t> SpreadIndices(int64_t size, int64_t count);

// Images keep their names, ids and labels. `data` must outlive it. A `count` of 0: all of them.
class SpreadDataset : public models::Dataset {
 public:
  SpreadDataset(const models::Dataset* data, int64_t count)
      : data_(data), indices_(SpreadIndices(data->size(), count > 0 ? count : data->size())) {}

  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  uint64_t image_id(int64_t i) const override { return data_->image_id(indices_[i]); }
  std::string name(int64_t i) const override { return data_->name(indices_[i]); }
  int label(int64_t i) const override { return data_->label(indices_[i]); }
  int num_classes() const override { return data_->num_classes(); }
  absl::StatusOr<models::Image> Load(int64_t i) const override { return data_->Load(indices_[i]); }
  absl::Status LoadPart(int64_t i, const models::PartPlan& plan,
                        models::PicturePart* part) const override {
    return data_->LoadPart(indices_[i], plan, part);
  }
  // "2000 of 10000 images of 32x32".
  std::string description() const override;

 private:
  const models::Dataset* data_;
  std::vector<int64_t> indices_;
};

}  // namespace tools

#endif  // TOOLS_EVALUATION_SPREAD_DATASET_H_
