#include "models/data/overfit_loader.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "graph/base/status.h"

namespace models {
namespace {

class OverfitLoader : public Loader {
 public:
  OverfitLoader(std::unique_ptr<Loader> source, LoaderPosition start, int64_t batch_size,
                int64_t window)
      : source_(std::move(source)),
        at_(start),
        batch_size_(batch_size),
        window_(window),
        batches_per_epoch_(source_->batches_per_epoch()) {}

  absl::StatusOr<const Batch*> Next() override {
    RETURN_IF_ERROR(Load());
    Batch& batch = batches_[static_cast<size_t>(at_.batch % window_)];
    batch.epoch = at_.epoch;
    batch.index = at_.batch;
    at_ = {at_.epoch, at_.batch + 1, (at_.batch + 1) * batch_size_, 0};
    if (at_.batch == batches_per_epoch_) at_ = {at_.epoch + 1};
    batch.next = at_;
    return &batch;
  }
  int64_t batches_per_epoch() const override { return batches_per_epoch_; }
  int64_t bad_images() const override { return bad_images_; }
  double data_wait_seconds() const override { return data_wait_seconds_; }

 private:
  absl::Status Load() {
    while (static_cast<int64_t>(batches_.size()) < window_) {
      ASSIGN_OR_RETURN(const Batch* batch, source_->Next());
      batches_.push_back(*batch);
      bad_images_ = source_->bad_images();
      data_wait_seconds_ = source_->data_wait_seconds();
    }
    source_ = nullptr;  // ends its threads, too
    return absl::OkStatus();
  }

  std::unique_ptr<Loader> source_;  // null once all batches are loaded
  LoaderPosition at_;
  const int64_t batch_size_, window_, batches_per_epoch_;
  std::vector<Batch> batches_;
  int64_t bad_images_ = 0;
  double data_wait_seconds_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Loader>> CreateOverfitLoader(const Dataset* dataset,
                                                            LoaderOptions options, int window) {
  CHECK(options.mode == LoaderMode::kTrain && window >= 1);
  const LoaderPosition start = options.start;
  const int64_t batch_size = options.batch_size;
  options.start = LoaderPosition();
  ASSIGN_OR_RETURN(std::unique_ptr<Loader> source, Loader::Create(dataset, std::move(options)));
  const int64_t kept = std::min<int64_t>(window, source->batches_per_epoch());
  if (start.epoch < 0 || start.batch < 0 || start.batch >= source->batches_per_epoch()) {
    return graph::InvalidArgument("cannot start at epoch ", start.epoch, ", batch ", start.batch,
                                  ": an epoch has ", source->batches_per_epoch(), " batches");
  }
  return std::make_unique<OverfitLoader>(std::move(source), start, batch_size, kept);
}

}  // namespace models
