#include "models/data/cifar10.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/base/random.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// `n` records; record i has label i % 10 and plane c filled with i + 50 * c, but
// for its first pixel, which is 255.
std::string Records(int n) {
  std::string bytes;
  for (int i = 0; i < n; ++i) {
    bytes += static_cast<char>(i % 10);
    for (int c = 0; c < 3; ++c) {
      std::string plane(1024, static_cast<char>(i + 50 * c));
      plane[0] = '\xFF';
      bytes += plane;
    }
  }
  return bytes;
}

TEST(Cifar10, ReadsLabelsAndPlanes) {
  const std::string folder = NewFolder("cifar");
  WriteFile(folder + "/data_batch_1.bin", Records(3));
  WriteFile(folder + "/data_batch_2.bin", Records(12));
  const std::vector<std::string> batches = FindCifar10Batches(folder);
  ASSERT_EQ(batches.size(), 2u);
  const auto opened = Cifar10Dataset::Open(batches);
  ASSERT_TRUE(opened.ok()) << opened.status();
  const Cifar10Dataset& data = **opened;
  EXPECT_EQ(data.size(), 15);
  EXPECT_EQ(data.num_classes(), 10);
  EXPECT_EQ(data.name(4), "data_batch_2.bin:1");
  EXPECT_EQ(data.image_id(4), graph::HashName("data_batch_2.bin:1"));
  EXPECT_EQ(data.label(14), 1);
  const auto image = data.Load(5);
  ASSERT_TRUE(image.ok());
  EXPECT_EQ(image->width, 32);
  EXPECT_EQ(image->height, 32);
  EXPECT_EQ(image->pixel(0, 0)[1], 255);
  EXPECT_EQ(image->pixel(31, 31)[0], 2);
  EXPECT_EQ(image->pixel(31, 31)[1], 52);
  EXPECT_EQ(image->pixel(31, 31)[2], 102);
}

TEST(Cifar10, TakeSplitsOffImages) {
  const std::string folder = NewFolder("take");
  WriteFile(folder + "/data_batch_1.bin", Records(6));
  auto data = Cifar10Dataset::Open(FindCifar10Batches(folder));
  ASSERT_TRUE(data.ok());
  const auto taken = (*data)->Take({1, 4});
  ASSERT_EQ(taken->size(), 2);
  ASSERT_EQ((*data)->size(), 4);
  EXPECT_EQ(taken->label(1), 4);
  EXPECT_EQ((*data)->label(3), 5);
  EXPECT_TRUE(taken->Load(0).ok());
}

TEST(Cifar10, BadFilesAreNamed) {
  const std::string folder = NewFolder("bad_cifar");
  const auto message = [&](const std::string& bytes) {
    WriteFile(folder + "/data_batch_9.bin", bytes);
    return std::string(Cifar10Dataset::Open({folder + "/data_batch_9.bin"}).status().message());
  };
  EXPECT_THAT(message(""), AllOf(HasSubstr("data_batch_9.bin"), HasSubstr("0 bytes")));
  EXPECT_THAT(message(Records(2).substr(1)),
              AllOf(HasSubstr("data_batch_9.bin"), HasSubstr("6145"), HasSubstr("3073")));
  std::string label = Records(3);
  label[3073] = 10;
  EXPECT_THAT(message(label), AllOf(HasSubstr("record 1"), HasSubstr("label 10")));
  EXPECT_THAT(std::string(Cifar10Dataset::Open({folder + "/none.bin"}).status().message()),
              AllOf(HasSubstr("none.bin"), HasSubstr("No such file")));
  EXPECT_FALSE(Cifar10Dataset::Open({}).ok());
}

TEST(Cifar10, MutatedFilesNeverCrash) {
  const std::string folder = NewFolder("mutated_cifar");
  const std::string original = Records(2);
  int good = 0;
  for (uint64_t i = 0; i < 400; ++i) {
    WriteFile(folder + "/data_batch_1.bin", Mutate(original, i));
    const auto data = Cifar10Dataset::Open({folder + "/data_batch_1.bin"});
    if (!data.ok()) continue;
    ++good;
    for (int64_t k = 0; k < (*data)->size(); ++k) {
      EXPECT_TRUE((*data)->Load(k).ok());
      EXPECT_LT((*data)->label(k), 10);
    }
  }
  EXPECT_GT(good, 10);
  EXPECT_LT(good, 390);
}

}  // namespace
}  // namespace models
