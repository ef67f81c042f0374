#include "tools/data_check/image_lists.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/data/test_images.h"
#include "tools/data_check/data_check.h"

namespace tools {
namespace {

using models::WriteFile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

models::Datasets Open(const std::string& path, double val_fraction = 0.2) {
  models::OpenOptions options;
  options.data_path = path;
  options.input_height = options.input_width = 32;
  options.val_fraction = val_fraction;
  auto data = models::OpenDatasets(options);
  EXPECT_TRUE(data.ok()) << path << ": " << data.status();
  return *std::move(data);
}

// "NAME LABEL ID" of each image.
std::set<std::string> Images(const models::Dataset& data) {
  std::set<std::string> images;
  for (int64_t i = 0; i < data.size(); ++i) {
    images.insert(absl::StrCat(data.name(i), " ", data.label(i), " ", data.image_id(i)));
  }
  return images;
}

std::set<std::string> Without(std::set<std::string> images, const std::string& name) {
  for (auto it = images.begin(); it != images.end();) {
    it = it->rfind(name + " ", 0) == 0 ? images.erase(it) : std::next(it);
  }
  return images;
}

void WritePictures(const std::string& folder, int count) {
  for (int i = 0; i < count; ++i) {
    WriteFile(absl::StrCat(folder, "/a picture ", i, ".png"),
              models::EncodePng(models::PhotographLike(40, 40, i)));
  }
}

absl::Status WriteLists(const std::string& root, const std::string& list, bool overwrite = false) {
  const models::Datasets split = Open(root), unsplit = Open(root, 0);
  auto lists = ImageLists::Choose(list, overwrite, unsplit);
  if (!lists.ok()) return lists.status();
  return lists->Write(CheckData(split, {}, [](int64_t, int64_t) {})).status();
}

std::string Error(const std::string& root, const std::string& list) {
  return std::string(WriteLists(root, list).message());
}

std::vector<std::string> FilesOf(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_directory()) names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// In each layout, the list is read as the folder without the bad image.
TEST(ImageLists, AreReadAsTheFolderWithoutTheBadImages) {
  for (const std::string layout : {"", "train/"}) {
    for (const bool val : {false, true}) {
      const std::string root = models::NewFolder(absl::StrCat("lists", layout.size(), val));
      for (const char* folder : {"ape", "bee"}) {
        WritePictures(absl::StrCat(root, "/", layout, folder), 10);
      }
      if (val) WritePictures(root + "/val/bee", 3);
      if (val) WriteFile(root + "/val/bee/bad.png", "");
      WriteFile(root + "/" + layout + "loose.png",
                models::EncodePng(models::PhotographLike(40, 40, 99)));
      const models::Datasets before = Open(root);
      std::string bad = "val/bee/bad.png";
      if (!val) bad = before.held_out->name(0);
      WriteFile(root + "/" + bad, "<html>");
      const std::string bad_train = layout + "ape/bad.png";
      WriteFile(root + "/" + bad_train, "");

      ASSERT_TRUE(WriteLists(root, root + "/train.txt").ok());
      const models::Datasets after = Open(root);
      EXPECT_THAT(after.description, HasSubstr("from the list train.txt"));
      EXPECT_EQ(after.train->num_classes(), 2);
      EXPECT_THAT(after.warnings, ElementsAre());
      if (val) {
        EXPECT_EQ(Images(*after.train), Images(*before.train));
        EXPECT_EQ(Images(*after.held_out), Without(Images(*before.held_out), bad));
      } else {
        std::set<std::string> all = Images(*before.train), read = Images(*after.train);
        all.merge(Images(*before.held_out));
        read.merge(Images(*after.held_out));
        EXPECT_EQ(read, Without(all, bad));
      }
      std::vector<std::string> files = {"train.txt"};
      if (val) files.push_back("val.txt");
      if (layout.empty()) files.insert(files.begin(), "loose.png");
      EXPECT_EQ(FilesOf(root), files);
    }
  }
}

TEST(ImageLists, DataWithoutLabelsStayWithout) {
  const std::string root = models::NewFolder("unlabelled");
  WritePictures(root, 4);
  ASSERT_TRUE(WriteLists(root, root + "/train.txt").ok());
  EXPECT_EQ(Open(root).train->num_classes(), 0);
}

TEST(ImageLists, LinesKeepTheirOrder) {
  const std::string root = models::NewFolder("order");
  WritePictures(root + "/train", 4);
  WriteFile(root + "/train/bad.png", "");
  const std::string good = "a picture 3.png 7\na picture 1.png 2\na picture 3.png 7\n";
  WriteFile(root + "/train.txt", good + "bad.png 1\na picture 0.png 5\n");
  EXPECT_THAT(Error(root, root + "/train.txt"),
              AllOf(HasSubstr("train.txt exists"), HasSubstr("--overwrite")));
  ASSERT_TRUE(WriteLists(root, root + "/train.txt", /*overwrite=*/true).ok());
  const models::Datasets data = Open(root, 0);
  std::vector<std::string> lines;
  for (int64_t i = 0; i < data.train->size(); ++i) {
    lines.push_back(absl::StrCat(data.train->name(i), " ", data.train->label(i)));
  }
  EXPECT_THAT(lines, ElementsAre("train/a picture 3.png 7", "train/a picture 1.png 2",
                                 "train/a picture 3.png 7", "train/a picture 0.png 5"));
}

// The data may be on a disk that nobody may write to.
TEST(ImageLists, MayLieBesideALinkToTheImages) {
  const std::string root = models::NewFolder("read_only"), other = models::NewFolder("beside");
  WritePictures(root, 4);
  EXPECT_THAT(Error(root, other + "/train.txt"),
              AllOf(HasSubstr("give --write_list=" + root + "/train.txt"),
                    HasSubstr("ln -s " + root + "/ " + other + "/train")));
  fs::create_directory_symlink(root, other + "/train");
  ASSERT_TRUE(WriteLists(root, other + "/train.txt").ok());
  EXPECT_EQ(Open(other, 0).train->size(), 4);
  EXPECT_EQ(Open(other, 0).train->name(0), "train/a picture 0.png");
}

TEST(ImageLists, WhatCouldNotBeReadIsNotWritten) {
  const std::string root = models::NewFolder("unreadable");
  WritePictures(root + "/train/a", 2);
  for (const std::string list : {"/good.txt", "/elsewhere/train.txt"}) {
    EXPECT_THAT(Error(root, root + list),
                AllOf(HasSubstr("--write_list=" + root + list),
                      HasSubstr("give --write_list=" + root + "/train.txt")));
  }
  for (const std::string name : {"b\nc.png", " b.png",
                                 "\xEF\xBB\xBF"
                                 "b.png"}) {
    const std::string path = root + "/train/" + name;
    WriteFile(path, models::EncodePng(models::PhotographLike(40, 40, 1)));
    EXPECT_THAT(Error(root, root + "/train.txt"), HasSubstr("rename the picture")) << name;
    fs::remove(path);
  }
  EXPECT_EQ(FilesOf(root), std::vector<std::string>());
  // val.txt is there: neither is written.
  WritePictures(root + "/val/a", 2);
  WriteFile(root + "/val.txt", "a/a picture 0.png 0\n");
  EXPECT_THAT(Error(root, root + "/train.txt"), HasSubstr("val.txt exists"));
  EXPECT_THAT(FilesOf(root), ElementsAre("val.txt"));
  fs::remove(root + "/val.txt");
  // No held-out image is good.
  for (const char* name : {"0", "1"}) WriteFile(root + "/val/a/a picture " + name + ".png", "");
  EXPECT_THAT(Error(root, root + "/train.txt"),
              AllOf(HasSubstr("no image is good"), HasSubstr("val.txt")));
  EXPECT_EQ(FilesOf(root), std::vector<std::string>());
}

TEST(ImageLists, OnlyPicturesInFoldersCanBeListed) {
  const models::Datasets scenes = Open("");
  EXPECT_THAT(std::string(ImageLists::Choose("x/train.txt", false, scenes).status().message()),
              AllOf(HasSubstr("only pictures in a folder"), HasSubstr("scenes")));
}

}  // namespace
}  // namespace tools
