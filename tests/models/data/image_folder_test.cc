#include "models/data/image_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "graph/base/random.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(ListPictures, WalksFoldersInOrderByName) {
  const std::string root = NewFolder("walk");
  for (const char* name : {"b/2.JPEG", "b/1.jpg", "b/3.WebP", "a/deep/er/x.PNG", "top.jpeg",
                           "notes.txt", ".hidden/z.jpg", "b/.thumb.jpg", "a/with space.png",
                           "\xC3\xA9t\xC3\xA9/\xE6\xB5\xB7.jpg"}) {
    WriteFile(root + "/" + name, "x");
  }
  const auto listing = ListPictures(root, "");
  ASSERT_TRUE(listing.ok()) << listing.status();
  EXPECT_THAT(listing->paths,
              ElementsAre("a/deep/er/x.PNG", "a/with space.png", "b/1.jpg", "b/2.JPEG", "b/3.WebP",
                          "top.jpeg", "\xC3\xA9t\xC3\xA9/\xE6\xB5\xB7.jpg"));
  EXPECT_EQ(listing->others, 1);
  const auto below = ListPictures(root, "b");
  ASSERT_TRUE(below.ok());
  EXPECT_THAT(below->paths, ElementsAre("b/1.jpg", "b/2.JPEG", "b/3.WebP"));
}

TEST(ListPictures, LinksAreFollowedOnce) {
  const std::string root = NewFolder("links");
  WriteFile(root + "/a/1.jpg", "x");
  std::filesystem::create_directory_symlink(root, root + "/a/loop");
  std::filesystem::create_directory_symlink("../a", root + "/b");
  const auto listing = ListPictures(root, "");
  ASSERT_TRUE(listing.ok()) << listing.status();
  EXPECT_EQ(listing->paths.size(), 1u);
}

TEST(ListPictures, MissingFolderIsNamed) {
  const auto listing = ListPictures("/no/such/folder", "");
  EXPECT_EQ(listing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(listing.status().message()),
              AllOf(HasSubstr("/no/such/folder"), HasSubstr("No such file")));
}

TEST(Labels, AreTheFirstFolders) {
  const std::vector<std::string> paths = {"train/cat/1.jpg", "train/cat/x/2.jpg",
                                          "train/dog/3.jpg"};
  const auto classes = CollectClasses(paths, "train/");
  EXPECT_THAT(classes, ElementsAre("cat", "dog"));
  const auto items =
      LabelByFolder({"val/dog/1.jpg", "val/emu/2.jpg", "val/3.jpg"}, "val/", classes);
  EXPECT_EQ(items[0].label, 1);
  EXPECT_EQ(items[1].label, -1);
  EXPECT_EQ(items[2].label, -1);
  EXPECT_THAT(CollectClasses({"a/1.jpg", "2.jpg"}, ""), IsEmpty());
}

TEST(ReadListFile, ReadsPathsAndLabels) {
  const std::string root = NewFolder("list");
  WriteFile(root + "/train.txt",
            "cat/1.jpg 3\r\n\nname with spaces.png 0\n\xE6\xB5\xB7/2.JPEG\t17  \nlast.jpg 5");
  const auto items = ReadListFile(root + "/train.txt", "train");
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 4u);
  EXPECT_EQ((*items)[0].path, "train/cat/1.jpg");
  EXPECT_EQ((*items)[0].label, 3);
  EXPECT_EQ((*items)[1].path, "train/name with spaces.png");
  EXPECT_EQ((*items)[2].path, "train/\xE6\xB5\xB7/2.JPEG");
  EXPECT_EQ((*items)[2].label, 17);
  EXPECT_EQ((*items)[3].path, "train/last.jpg");
}

TEST(ReadListFile, BadLinesAreNamed) {
  const std::string path = NewFolder("bad_list") + "/train.txt";
  struct Case {
    std::string text, reason;
  };
  for (const Case& c : std::vector<Case>{{"a.jpg 1\nb.jpg\n", "train.txt:2: expected 'path label'"},
                                         {"a.jpg 1\n\nb.jpg x\n", "train.txt:3: the label 'x'"},
                                         {"a.jpg -1\n", "train.txt:1: the label '-1'"},
                                         {"a.jpg 1.5\n", "train.txt:1: the label '1.5'"},
                                         {"a.jpg 99999999999\n", "train.txt:1: the label"},
                                         {"/etc/a.jpg 1\n", "train.txt:1: the path '/etc/a.jpg'"},
                                         {"x/../../a.jpg 1\n", "must stay inside"},
                                         {"", "no image is listed"},
                                         {"\n \n", "no image is listed"}}) {
    WriteFile(path, c.text);
    EXPECT_THAT(std::string(ReadListFile(path, "train").status().message()), HasSubstr(c.reason));
  }
  EXPECT_THAT(std::string(ReadListFile(path + "x", "train").status().message()),
              HasSubstr("train.txtx"));
}

TEST(ParseList, MutatedListsNeverCrash) {
  const std::string original = "cat/1.jpg 3\ndog/2 3.jpg 10\n../x 4\n\n/y.png 0\nz.jpg 12\n";
  const std::string good_original = "cat/1.jpg 3\ndog/2 3.jpg 10\nz.jpg 12\n";
  int good = 0;
  for (uint64_t i = 0; i < 3000; ++i) {
    const std::string text = Mutate(i % 2 == 0 ? original : good_original, i);
    const auto items = ParseList(text, "train.txt", "train");
    if (!items.ok()) continue;
    ++good;
    for (const auto& item : *items) {
      EXPECT_GE(item.label, 0);
      EXPECT_EQ(item.path.rfind("train/", 0), 0u);
    }
  }
  EXPECT_GT(good, 100);
  EXPECT_LT(good, 2900);
}

TEST(ImageFolderDataset, LoadsAndNamesWhatItCannotLoad) {
  const std::string root = NewFolder("dataset");
  const Image image = GradientImage(9, 7);
  WriteFile(root + "/a/good.jpg", EncodePng(image));
  WriteFile(root + "/a/bad.jpg", "no picture");
  const ImageFolderDataset data(root, {{"a/good.jpg", 0}, {"a/bad.jpg", 0}, {"a/missing.jpg", 1}},
                                2, "three");
  EXPECT_EQ(data.size(), 3);
  EXPECT_EQ(data.image_id(0), graph::HashName("a/good.jpg"));
  const auto good = data.Load(0);
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->rgb, image.rgb);
  EXPECT_THAT(std::string(data.Load(1).status().message()),
              AllOf(HasSubstr(root + "/a/bad.jpg"), HasSubstr("neither JPEG nor PNG")));
  EXPECT_THAT(std::string(data.Load(2).status().message()),
              AllOf(HasSubstr(root + "/a/missing.jpg"), HasSubstr("No such file")));
}

}  // namespace
}  // namespace models
