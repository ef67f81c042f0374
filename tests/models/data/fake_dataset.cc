#include "tests/models/data/fake_dataset.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/models/data/test_images.h"

namespace models {

absl::StatusOr<Image> FakeDataset::Load(int64_t i) const {
  ++loads;
  if (max_delay_us_ > 0) {
    std::this_thread::sleep_for(
        std::chrono::microseconds(graph::MixKeys(i, loads) % max_delay_us_));
  }
  if (bad_.count(i) > 0) return absl::InvalidArgumentError("cannot decode " + name(i));
  return GradientImage(kSide + static_cast<int>(i % 3), kSide, static_cast<int>(i));
}
LoaderOptions Options(LoaderMode mode, int64_t batch_size, int workers) {
  LoaderOptions options;
  options.mode = mode;
  options.batch_size = batch_size;
  options.input_height = options.input_width = kSide;
  options.seed = 7;
  options.num_workers = workers;
  options.max_bad_share = 1;
  return options;
}

std::unique_ptr<Loader> MustCreate(const Dataset& data, const LoaderOptions& options) {
  auto loader = Loader::Create(&data, options);
  EXPECT_TRUE(loader.ok()) << loader.status();
  return std::move(*loader);
}

std::vector<Batch> Take(Loader* loader, int count) {
  std::vector<Batch> batches;
  while (static_cast<int>(batches.size()) < count) {
    const auto batch = loader->Next();
    EXPECT_TRUE(batch.ok()) << batch.status();
    if (!batch.ok()) break;
    if (*batch != nullptr) batches.push_back(**batch);
  }
  return batches;
}

void ExpectSame(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].images, b[i].images) << "batch " << i;
    EXPECT_EQ(a[i].keys, b[i].keys);
    EXPECT_EQ(a[i].labels, b[i].labels);
    EXPECT_EQ(a[i].image_ids, b[i].image_ids);
    EXPECT_EQ(a[i].valid, b[i].valid);
    EXPECT_EQ(a[i].epoch, b[i].epoch);
    EXPECT_EQ(a[i].index, b[i].index);
    EXPECT_EQ(a[i].seen, b[i].seen);
    EXPECT_EQ(a[i].bad, b[i].bad);
    EXPECT_EQ(a[i].next.position, b[i].next.position);
    EXPECT_EQ(a[i].next.bad, b[i].next.bad);
  }
}

}  // namespace models
