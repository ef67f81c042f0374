#include "models/data/segmentation_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "models/data/label_mask.h"
#include "models/data/loader.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

SegmentationClasses Classes(const std::string& text) {
  const auto classes = ParseSegmentationClasses(text, "classes.txt");
  EXPECT_TRUE(classes.ok()) << classes.status();
  return classes.ok() ? *classes : SegmentationClasses();
}

std::string WhyNoClasses(const std::string& text) {
  return std::string(ParseSegmentationClasses(text, "classes.txt").status().message());
}

TEST(SegmentationClasses, HaveNamesAndPerhapsColours) {
  const SegmentationClasses camvid = Classes(
      "\xEF\xBB\xBF"
      "0 Sky 128 128 129\r\n1\tSign symbol 192 0 255\n\n");
  EXPECT_THAT(camvid.names, ElementsAre("Sky", "Sign symbol"));
  EXPECT_THAT(camvid.colours, ElementsAre(ElementsAre(128, 128, 129), ElementsAre(192, 0, 255)));
  const SegmentationClasses plain = Classes("0 sky\n1 lane 3 4\n2 road 256 0 0\n");
  EXPECT_THAT(plain.names, ElementsAre("sky", "lane 3 4", "road 256 0 0"));
  EXPECT_TRUE(plain.colours.empty());
}

TEST(SegmentationClasses, ErrorsNameTheLine) {
  EXPECT_EQ(WhyNoClasses("0 sky\n2 road\n"),
            "classes.txt:2: expected '1 NAME' or '1 NAME RED GREEN BLUE', found '2 road'");
  EXPECT_THAT(WhyNoClasses("sky\n"), HasSubstr("classes.txt:1: expected '0 NAME'"));
  EXPECT_THAT(WhyNoClasses("\n0\n"), HasSubstr("classes.txt:2: expected '0 NAME'"));
  EXPECT_THAT(WhyNoClasses("\n"), HasSubstr("classes.txt names 0 classes"));
  EXPECT_THAT(WhyNoClasses("0 a 1 2 3\n1 b\n"), HasSubstr("gives 1 of 2 classes a colour"));
  std::string many;
  for (int i = 0; i < 256; ++i) absl::StrAppend(&many, i, " c\n");
  EXPECT_THAT(WhyNoClasses(many), HasSubstr("names 256 classes"));
  const std::string nowhere = NewFolder("no_classes");
  EXPECT_THAT(std::string(ReadSegmentationClasses(nowhere).status().message()),
              AllOf(HasSubstr("classes.txt"), HasSubstr("NUMBER NAME")));
}

// A picture of red and blue parts, which are classes 1 and 2, and its mask; a column between them
// is not labelled.
constexpr int kWidth = 40, kHeight = 30;
void WritePair(const std::string& path, int edge, int mask_width = kWidth) {
  Image image = Image::Sized(kWidth, kHeight);
  std::string mask;
  for (int y = 0; y < kHeight; ++y) {
    for (int x = 0; x < kWidth; ++x) {
      const bool red = x < edge + y / 3;
      const uint8_t pixel[] = {static_cast<uint8_t>(red ? 255 : 0), 0,
                               static_cast<uint8_t>(red ? 0 : 255)};
      std::copy_n(pixel, 3, image.pixel(x, y));
    }
    for (int x = 0; x < mask_width; ++x) {
      mask.push_back(static_cast<char>(x == edge + y / 3 ? 255 : x < edge + y / 3 ? 1 : 2));
    }
  }
  WriteFile(path + ".jpg", EncodeJpeg(image));
  WriteFile(path + ".png", EncodePalettePng(mask, mask_width, kHeight));
}

std::string NewData(const std::string& name) {
  const std::string root = NewFolder(name);
  for (int i = 0; i < 6; ++i) WritePair(absl::StrCat(root, "/train/street/", i), 8 + 4 * i);
  return root;
}

std::unique_ptr<Dataset> MustOpen(const std::string& root, const std::string& split) {
  auto data = OpenSegmentationSplit(root, split, 3);
  EXPECT_TRUE(data.ok()) << data.status();
  return data.ok() ? *std::move(data) : nullptr;
}

std::string WhyNot(const std::string& root, const std::string& split) {
  return std::string(OpenSegmentationSplit(root, split, 3).status().message());
}

TEST(SegmentationFolder, HasPicturesWithMasks) {
  const std::string root = NewData("pairs");
  const auto data = MustOpen(root, "train");
  ASSERT_NE(data, nullptr);
  EXPECT_EQ(data->size(), 6);
  EXPECT_EQ(data->name(2), "train/street/2.jpg");
  EXPECT_EQ(data->num_classes(), 3);
  EXPECT_EQ(data->label(0), -1);
  EXPECT_TRUE(data->has_masks());
  EXPECT_EQ(data->description(), "6 pictures with masks of 3 classes in " + root + "/train");
  const auto mask = data->LoadMask(1);
  ASSERT_TRUE(mask.ok()) << mask.status();
  EXPECT_EQ(mask->width, kWidth);
  EXPECT_EQ(mask->height, kHeight);
  EXPECT_THAT(std::vector<uint8_t>(mask->classes.begin() + 11, mask->classes.begin() + 14),
              ElementsAre(1, 255, 2));
}

TEST(SegmentationFolder, AListNamesPictures) {
  const std::string root = NewData("listed");
  WriteFile(root + "/val.txt", "train/street/4.jpg\r\n\n./train//street/0.jpg\n");
  const auto data = MustOpen(root, "val");
  ASSERT_NE(data, nullptr);
  EXPECT_EQ(data->size(), 2);
  EXPECT_EQ(data->name(0), "train/street/4.jpg");
  EXPECT_EQ(data->name(1), "train/street/0.jpg");
  const auto why_not = [&](const std::string& text) {
    WriteFile(root + "/val.txt", text);
    return WhyNot(root, "val");
  };
  EXPECT_THAT(why_not("train/street/0.jpg\n../a.jpg\n"),
              HasSubstr("val.txt:2: the path '../a.jpg'"));
  EXPECT_THAT(why_not("/a.jpg\n"), HasSubstr("must stay inside"));
  EXPECT_THAT(why_not("train/street/0.png\n"),
              HasSubstr("val.txt:1: 'train/street/0.png' is a PNG"));
  EXPECT_THAT(why_not("train/street/0.jpg\ntrain/street/0.jpg\n"), HasSubstr("val.txt:2: "));
  EXPECT_THAT(why_not("train/street/7.jpg\n"), HasSubstr("street/7.jpg is listed and"));
  EXPECT_THAT(why_not("\n"), HasSubstr("no picture is there"));
}

TEST(SegmentationFolder, SaysWhatIsMissing) {
  const std::string root = NewData("missing");
  EXPECT_THAT(WhyNot(root, "test"), HasSubstr("neither a folder test/ nor a list test.txt"));
  WriteFile(root + "/train/lonely.jpg", EncodeJpeg(GradientImage(8, 8)));
  EXPECT_THAT(WhyNot(root, "train"), AllOf(HasSubstr("train/lonely.jpg has no mask"),
                                           HasSubstr("train/lonely.png is not there")));
  WriteFile(root + "/train/lonely.png", EncodePalettePng(std::string(64, '\1'), 8, 8));
  EXPECT_NE(MustOpen(root, "train"), nullptr);
  WriteFile(root + "/train/lonely.webp", EncodeWebp(GradientImage(8, 8)));
  EXPECT_THAT(WhyNot(root, "train"), HasSubstr("one mask for both"));
  WriteFile(root + "/other/mask.png", EncodePalettePng("\1", 1, 1));
  EXPECT_THAT(WhyNot(root, "other"), HasSubstr("other/mask.png: no picture has that name"));
}

LoaderOptions Options(LoaderMode mode, int width, int height, int64_t batch_size) {
  LoaderOptions options;
  options.mode = mode;
  options.input_width = width;
  options.input_height = height;
  options.batch_size = batch_size;
  options.stop_at_bad_image = true;
  options.transform.mean = {0, 0, 0};
  options.transform.std = {1, 1, 1};
  return options;
}

// Labels that say what the picture shows at the pixel, in each image of a batch; how often each
// class does is added to `seen`.
void ExpectLabelsOfColours(const Batch& batch, int width, int height, std::vector<int>* seen) {
  const int64_t plane = int64_t{1} * width * height;
  for (int64_t image = 0; image < batch.valid; ++image) {
    for (int64_t i = 0; i < plane; ++i) {
      const float red = batch.images[image * 3 * plane + i];
      const int label = batch.pixel_labels[image * plane + i];
      ++(*seen)[label];
      if (label == kUnlabelled || (red > 0.25f && red < 0.75f)) continue;  // the edge
      ASSERT_EQ(label, red > 0.5f ? 1 : 2) << "image " << image << ", pixel " << i;
    }
  }
}

// Crop, flip and resizing of a mask are its picture's.
TEST(SegmentationFolder, TrainingLabelsGoWithThePixels) {
  const auto data = MustOpen(NewData("training"), "train");
  ASSERT_NE(data, nullptr);
  for (bool crop : {true, false}) {
    for (int workers : {0, 2}) {
      LoaderOptions options = Options(LoaderMode::kTrain, 24, 16, 3);
      options.random_crop = crop;
      options.num_workers = workers;
      auto loader = Loader::Create(data.get(), options);
      ASSERT_TRUE(loader.ok()) << loader.status();
      std::vector<int> seen(256);
      std::set<bool> red_is_left;
      for (int i = 0; i < 8; ++i) {
        const absl::StatusOr<const Batch*> batch = (*loader)->Next();
        ASSERT_TRUE(batch.ok()) << batch.status();
        ASSERT_EQ((*batch)->pixel_labels.size(), 3u * 24 * 16);
        ExpectLabelsOfColours(**batch, 24, 16, &seen);
        const uint8_t* row = (*batch)->pixel_labels.data();
        if (row[0] != row[23]) red_is_left.insert(row[0] == 1);
      }
      EXPECT_GT(seen[1], 500);
      EXPECT_GT(seen[2], 500);
      EXPECT_GT(seen[kUnlabelled], 50);
      EXPECT_EQ(red_is_left.size(), 2u) << "flipped and not";
    }
  }
}

TEST(SegmentationFolder, WhatWouldMoveThePictureAloneIsRefused) {
  const auto data = MustOpen(NewData("moved"), "train");
  ASSERT_NE(data, nullptr);
  LoaderOptions options = Options(LoaderMode::kTrain, 24, 16, 3);
  options.transform.rand_augment.operations = 2;
  EXPECT_THAT(std::string(Loader::Create(data.get(), options).status().message()),
              ::testing::HasSubstr("--aa would move in the picture alone"));
}

TEST(SegmentationFolder, EvaluationShowsWholePictures) {
  const auto data = MustOpen(NewData("evaluation"), "train");
  ASSERT_NE(data, nullptr);
  auto loader = Loader::Create(data.get(), Options(LoaderMode::kEvaluate, 44, 36, 4));
  ASSERT_TRUE(loader.ok()) << loader.status();
  ASSERT_TRUE((*loader)->Next().ok());
  const absl::StatusOr<const Batch*> batch = (*loader)->Next();
  ASSERT_TRUE(batch.ok()) << batch.status();
  ASSERT_EQ((*batch)->valid, 2);
  const std::vector<uint8_t>& labels = (*batch)->pixel_labels;
  ASSERT_EQ(labels.size(), 4u * 44 * 36);
  for (int i = 0; i < 2; ++i) {
    const auto mask = data->LoadMask(4 + i);
    ASSERT_TRUE(mask.ok());
    for (int y = 0; y < 36; ++y) {
      for (int x = 0; x < 44; ++x) {
        ASSERT_EQ(labels[(i * 36 + y) * 44 + x],
                  x < kWidth && y < kHeight ? mask->classes[y * kWidth + x] : kUnlabelled);
      }
    }
  }
  for (size_t i = 2 * 44 * 36; i < labels.size(); ++i) ASSERT_EQ(labels[i], kUnlabelled);
}

std::string LoadingFailsWith(const std::string& root) {
  const auto data = MustOpen(root, "train");
  auto loader = Loader::Create(data.get(), Options(LoaderMode::kEvaluate, 40, 32, 8));
  return std::string((*loader)->Next().status().message());
}

TEST(SegmentationFolder, AMaskOfAnotherSizeIsAnError) {
  const std::string root = NewData("size");
  WritePair(root + "/train/street/3", 8, kWidth - 1);
  EXPECT_THAT(LoadingFailsWith(root),
              HasSubstr("train/street/3.jpg has 40x30 pixels and its mask 39x30; make the mask"));
}

TEST(SegmentationFolder, AClassBeyondTheListIsAnError) {
  const std::string root = NewData("class");
  std::string mask(kWidth * kHeight, '\2');
  mask[2 * kWidth + 5] = '\3';
  WriteFile(root + "/train/street/3.png", EncodePalettePng(mask, kWidth, kHeight));
  EXPECT_THAT(
      LoadingFailsWith(root),
      AllOf(HasSubstr("train/street/3.png: the class 3 at column 5, row 2 is none of the 3"),
            HasSubstr("255")));
}

}  // namespace
}  // namespace models
