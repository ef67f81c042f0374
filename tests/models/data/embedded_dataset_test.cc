#include "models/data/embedded_dataset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "models/data/scene.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

Image MustLoad(const EmbeddedDataset& data, int64_t i) {
  auto image = data.Load(i);
  EXPECT_TRUE(image.ok()) << image.status();
  return *std::move(image);
}

TEST(EmbeddedDataset, IsTheSameEveryTime) {
  const EmbeddedDataset a(SceneSplit::kTrain, 32, 24), b(SceneSplit::kTrain, 32, 24);
  MustLoad(b, 40000);  // leaves nothing behind
  for (int64_t i : {0, 1, 13, 49999}) {
    const Image image = MustLoad(a, i);
    EXPECT_EQ(image.width, 32);
    EXPECT_EQ(image.height, 24);
    EXPECT_EQ(image.rgb, MustLoad(b, i).rgb);
  }
}

TEST(EmbeddedDataset, ImagesAndSplitsDiffer) {
  const EmbeddedDataset train(SceneSplit::kTrain, 16, 16), held_out(SceneSplit::kHeldOut, 16, 16);
  std::set<std::vector<uint8_t>> seen;
  std::set<uint64_t> ids;
  for (int64_t i = 0; i < 100; ++i) {
    EXPECT_TRUE(seen.insert(MustLoad(train, i).rgb).second);
    EXPECT_TRUE(seen.insert(MustLoad(held_out, i).rgb).second);
    EXPECT_TRUE(ids.insert(train.image_id(i)).second);
    EXPECT_TRUE(ids.insert(held_out.image_id(i)).second);
  }
}

TEST(EmbeddedDataset, AllClassesOccurEquallyOften) {
  const EmbeddedDataset data(SceneSplit::kHeldOut, 8, 8);
  EXPECT_EQ(data.num_classes(), 10);
  std::vector<int> count(10);
  for (int64_t i = 0; i < data.size(); ++i) ++count[data.label(i)];
  for (int c : count) EXPECT_EQ(c, 200);
}

TEST(EmbeddedDataset, EveryShapeIsDrawn) {
  for (const auto& [w, h] : {std::pair{1, 1}, {1, 50}, {50, 1}, {7, 13}, {160, 40}, {224, 224}}) {
    const EmbeddedDataset data(SceneSplit::kTrain, w, h);
    for (int64_t i = 0; i < 10; ++i) {
      const Image image = MustLoad(data, i);
      EXPECT_EQ(image.width, w);
      EXPECT_EQ(image.height, h);
      EXPECT_EQ(image.rgb.size(), size_t{3} * w * h);
    }
  }
}

// Pearson's correlation of two images of one size.
double Correlation(const Image& a, const Image& b) {
  double sa = 0, sb = 0, saa = 0, sbb = 0, sab = 0;
  const double n = static_cast<double>(a.rgb.size());
  for (size_t i = 0; i < a.rgb.size(); ++i) {
    const double x = a.rgb[i], y = b.rgb[i];
    sa += x;
    sb += y;
    saa += x * x;
    sbb += y * y;
    sab += x * y;
  }
  return (sab - sa * sb / n) / std::sqrt((saa - sa * sa / n) * (sbb - sb * sb / n) + 1e-9);
}

Image Halve(const Image& image) {
  Image half = Image::Sized(image.width / 2, image.height / 2);
  for (int y = 0; y < half.height; ++y) {
    for (int x = 0; x < half.width; ++x) {
      for (int c = 0; c < 3; ++c) {
        half.pixel(x, y)[c] = static_cast<uint8_t>(
            (image.pixel(2 * x, 2 * y)[c] + image.pixel(2 * x + 1, 2 * y)[c] +
             image.pixel(2 * x, 2 * y + 1)[c] + image.pixel(2 * x + 1, 2 * y + 1)[c] + 2) /
            4);
      }
    }
  }
  return half;
}

TEST(EmbeddedDataset, ResolutionsShowTheSameScene) {
  const EmbeddedDataset small(SceneSplit::kTrain, 64, 64), large(SceneSplit::kTrain, 128, 128);
  double sum = 0, unrelated = 0;
  constexpr int kScenes = 60;
  for (int64_t i = 0; i < kScenes; ++i) {
    const Image image = MustLoad(small, i);
    const double same = Correlation(image, Halve(MustLoad(large, i)));
    EXPECT_GT(same, 0.6) << "scene " << i;
    sum += same;
    unrelated += Correlation(image, Halve(MustLoad(large, i + 1)));
  }
  EXPECT_GT(sum / kScenes, 0.9);
  EXPECT_LT(unrelated / kScenes, 0.5);
}

TEST(EmbeddedDataset, LightVariesFromSceneToScene) {
  const EmbeddedDataset data(SceneSplit::kTrain, 32, 32);
  double sum = 0, squares = 0;
  constexpr int kScenes = 300;
  for (int64_t i = 0; i < kScenes; ++i) {
    double mean = 0;
    const Image image = MustLoad(data, i);
    for (uint8_t v : image.rgb) mean += v;
    mean /= static_cast<double>(image.rgb.size());
    sum += mean;
    squares += mean * mean;
  }
  const double mean = sum / kScenes;
  EXPECT_GT(mean, 70);
  EXPECT_LT(mean, 180);
  EXPECT_GT(std::sqrt(squares / kScenes - mean * mean), 20);
}

}  // namespace
}  // namespace models
