// A data set without files, and loaders of it.
#ifndef TESTS_MODELS_DATA_FAKE_DATASET_H_
#define TESTS_MODELS_DATA_FAKE_DATASET_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/base/random.h"
#include "models/data/dataset.h"
#include "models/data/loader.h"

namespace models {

constexpr int kSide = 12;  // of the input, in pixels

// Images from memory, some of which cannot be decoded; loading takes an uneven time.
class FakeDataset : public Dataset {
 public:
  explicit FakeDataset(int64_t size, std::set<int64_t> bad = {}, int max_delay_us = 0)
      : size_(size), bad_(std::move(bad)), max_delay_us_(max_delay_us) {}
  int64_t size() const override { return size_; }
  uint64_t image_id(int64_t i) const override { return graph::HashName(name(i)); }
  std::string name(int64_t i) const override { return absl::StrCat("image", i, ".jpg"); }
  int label(int64_t i) const override { return static_cast<int>(i); }
  int num_classes() const override { return static_cast<int>(size_); }
  std::string description() const override { return absl::StrCat(size_, " fakes"); }
  absl::StatusOr<Image> Load(int64_t i) const override;
  mutable std::atomic<int64_t> loads{0};

 private:
  int64_t size_;
  std::set<int64_t> bad_;
  int max_delay_us_;
};

// Batches of kSide x kSide; however many images are bad.
LoaderOptions Options(LoaderMode mode, int64_t batch_size, int workers = 0);
std::unique_ptr<Loader> MustCreate(const Dataset& data, const LoaderOptions& options);
// Copies of the next `count` batches; ends of passes are skipped.
std::vector<Batch> Take(Loader* loader, int count);
void ExpectSame(const std::vector<Batch>& a, const std::vector<Batch>& b);

}  // namespace models

#endif  // TESTS_MODELS_DATA_FAKE_DATASET_H_
