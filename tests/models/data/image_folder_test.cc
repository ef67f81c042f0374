#include "models/data/image_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "absl/strings/str_cat.h"
#include "graph/base/random.h"
#include "models/training/output_dir.h"
#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
namespace fs = std::filesystem;

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
  EXPECT_THAT(listing->others, ElementsAre(Pair(".txt", 1)));
  const auto except = ListPictures(root, "", "a/deep");
  ASSERT_TRUE(except.ok());
  EXPECT_THAT(except->paths, testing::Not(testing::Contains(HasSubstr("deep"))));
  EXPECT_EQ(except->paths.size(), 6u);
  const auto below = ListPictures(root, "b");
  ASSERT_TRUE(below.ok());
  EXPECT_THAT(below->paths, ElementsAre("b/1.jpg", "b/2.JPEG", "b/3.WebP"));
}

// A bug once: a folder with two names counted under the one that the file system had first.
TEST(ListPictures, LinksAreFoldersButForThoseThatLeadUp) {
  const std::string root = NewFolder("links");
  WriteFile(root + "/b/1.jpg", "x");
  WriteFile(root + "/b/c/2.jpg", "x");
  fs::create_directory_symlink(root, root + "/b/loop");
  fs::create_directory_symlink("..", root + "/b/c/up");
  fs::create_directory_symlink("b", root + "/a");
  fs::create_directory_symlink("a/c", root + "/z");
  fs::create_symlink("b/1.jpg", root + "/3.jpg");
  fs::create_symlink("nothing", root + "/4.jpg");
  fs::create_symlink("self", root + "/self");
  const auto listing = ListPictures(root, "");
  ASSERT_TRUE(listing.ok()) << listing.status();
  // z/up is b, which is not above z; z itself is its c.
  EXPECT_THAT(listing->paths, ElementsAre("3.jpg", "4.jpg", "a/1.jpg", "a/c/2.jpg", "b/1.jpg",
                                          "b/c/2.jpg", "z/2.jpg", "z/up/1.jpg"));
  EXPECT_EQ(listing->linked_folders, 3);
  EXPECT_THAT(listing->others, ElementsAre(Pair("", 1)));
}

// A bug once: held-out images were trained on by a link in train/.
TEST(ListPictures, ALinkAboveTheFolderThatIsAskedForLeadsUp) {
  const std::string root = NewFolder("above");
  WriteFile(root + "/train/1.jpg", "x");
  WriteFile(root + "/val/2.jpg", "x");
  fs::create_directory_symlink("..", root + "/train/all");
  fs::create_directory_symlink("/", root + "/train/everything");
  const auto listing = ListPictures(root, "train");
  ASSERT_TRUE(listing.ok()) << listing.status();
  EXPECT_THAT(listing->paths, ElementsAre("train/1.jpg"));
}

TEST(ListPictures, TheOrderInWhichATreeWasMadeDoesNotMatter) {
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) names.push_back(absl::StrCat("d", i % 7, "/", i * 37 % 41, ".jpg"));
  std::vector<std::vector<std::string>> found;
  for (const bool backwards : {false, true}) {
    const std::string root = NewFolder(backwards ? "backwards" : "forwards");
    if (backwards) fs::create_directory_symlink("d3", root + "/link");
    for (const std::string& name : names) WriteFile(root + "/" + name, "x");
    if (!backwards) fs::create_directory_symlink("d3", root + "/link");
    std::reverse(names.begin(), names.end());
    const auto listing = ListPictures(root, "");
    ASSERT_TRUE(listing.ok()) << listing.status();
    EXPECT_TRUE(std::is_sorted(listing->paths.begin(), listing->paths.end()));
    EXPECT_EQ(listing->paths.size(), 46u);
    found.push_back(listing->paths);
  }
  EXPECT_EQ(found[0], found[1]);
}

TEST(ListPictures, WhatASystemKeepsIsPassedOver) {
  const std::string root = NewFolder("system");
  for (const char* folder : {"lost+found", "$RECYCLE.BIN", "$Recycle.Bin", "a/@eaDir/1.jpg",
                             "System Volume Information", "#recycle", "#snapshot"}) {
    WriteFile(absl::StrCat(root, "/", folder, "/x.jpg"), "x");
  }
  WriteFile(root + "/a/1.jpg", "x");
  WriteFile(root + "/found/2.jpg", "x");
  fs::permissions(root + "/lost+found", fs::perms::none);  // root may read it, others not
  const auto listing = ListPictures(root, "");
  fs::permissions(root + "/lost+found", fs::perms::owner_all);
  ASSERT_TRUE(listing.ok()) << listing.status();
  EXPECT_THAT(listing->paths, ElementsAre("a/1.jpg", "found/2.jpg"));
}

// A bug once: a run in the data folder drew pictures that were data when it was resumed.
TEST(ListPictures, PicturesThatARunDrewArePassedOver) {
  const std::string root = NewFolder("run_inside");
  WriteFile(root + "/a/1.jpg", "x");
  WriteFile(root + "/vis/2.jpg", "x");  // of no run
  for (const std::string& run : {root + "/runs/x", root + "/a"}) {
    WriteFile(absl::StrCat(run, "/", kFlagsFile), "--seed=1\n");
    WriteFile(absl::StrCat(run, "/", kVisFolder, "/step_0000001.png"), "x");
  }
  fs::create_directory_symlink("runs/x", root + "/newest");
  const auto listing = ListPictures(root, "");
  ASSERT_TRUE(listing.ok()) << listing.status();
  EXPECT_THAT(listing->paths, ElementsAre("a/1.jpg", "vis/2.jpg"));
}

TEST(ListPictures, FilesWithoutAnEndingAreLookedInto) {
  const std::string root = NewFolder("no_ending");
  WriteFile(root + "/0001", EncodePng(GradientImage(4, 4)));
  WriteFile(root + "/0002", EncodeJpeg(GradientImage(4, 4)));
  WriteFile(root + "/README", "pictures");
  WriteFile(root + "/empty", "");
  WriteFile(root + "/3.dat", EncodePng(GradientImage(4, 4)));
  ASSERT_EQ(::mkfifo((root + "/pipe").c_str(), 0600), 0);
  const auto listing = ListPictures(root, "");
  ASSERT_TRUE(listing.ok()) << listing.status();
  EXPECT_THAT(listing->paths, ElementsAre("0001", "0002"));
  EXPECT_THAT(listing->others, ElementsAre(Pair("", 3), Pair(".dat", 1)));
}

// A bug once: what is deeper than a path can say was not there, without a word.
TEST(ListPictures, AFolderThatCannotBeReadIsNamed) {
  const std::string root = NewFolder("deep");
  const std::string name(200, 'd');
  std::vector<int> folders = {::open(root.c_str(), O_RDONLY | O_DIRECTORY)};
  for (int depth = 0; depth < 25; ++depth) {
    ASSERT_EQ(::mkdirat(folders.back(), name.c_str(), 0700), 0);
    folders.push_back(::openat(folders.back(), name.c_str(), O_RDONLY | O_DIRECTORY));
    ASSERT_GE(folders.back(), 0);
  }
  EXPECT_THAT(std::string(ListPictures(root, "").status().message()),
              AllOf(HasSubstr("cannot read the folder " + root), HasSubstr("File name too long"),
                    HasSubstr("shorten")));
  for (; folders.size() > 1; folders.pop_back()) {
    ::close(folders.back());
    EXPECT_EQ(::unlinkat(folders[folders.size() - 2], name.c_str(), AT_REMOVEDIR), 0);
  }
  ::close(folders.back());
  if (::geteuid() == 0) return;  // may do everything
  WriteFile(root + "/x/a.jpg", "x");
  fs::permissions(root + "/x", fs::perms::owner_read);  // names, but no file can be opened
  EXPECT_THAT(std::string(ListPictures(root, "").status().message()),
              AllOf(HasSubstr(root + "/x: Permission denied"), HasSubstr("chmod u+rx")));
  fs::permissions(root + "/x", fs::perms::owner_all);
}

TEST(ListPictures, AScanMayBeGivenAnEnd) {
  const std::string root = NewFolder("ended");
  WriteFile(root + "/a.png", "x");
  EXPECT_EQ(ListPictures(root, "", "", nullptr, ScanDeadline::min()).status().code(),
            absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE(ListPictures(root, "").ok());
}

TEST(FindPicture, IsOneOfThemOrNone) {
  const std::string root = NewFolder("find_picture");
  EXPECT_EQ(FindPicture(root, ""), "");
  EXPECT_EQ(FindPicture(root, "none"), "");
  WriteFile(root + "/a/notes.txt", "x");
  WriteFile(root + "/b/c/2.jpg", "x");
  WriteFile(root + "/d/1.jpg", "x");
  EXPECT_EQ(FindPicture(root, ""), "b/c/2.jpg");
  EXPECT_EQ(FindPicture(root, "d"), "d/1.jpg");
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
  EXPECT_THAT(CollectClasses({"a/1.jpg", "2.jpg"}, ""), ElementsAre("a"));
  EXPECT_EQ(LabelByFolder({"2.jpg"}, "", {"a"})[0].label, -1);
  EXPECT_THAT(CollectClasses({"1.jpg", "2.jpg"}, ""), IsEmpty());
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

TEST(ReadListFile, ByteOrderMarksArePassedOver) {
  const std::string mark = "\xEF\xBB\xBF";
  const auto items = ParseList(mark + "a.jpg 1\n" + mark + "b.jpg 2\r\n" + mark, "l", "train");
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 2u);
  EXPECT_EQ((*items)[0].path, "train/a.jpg");
  EXPECT_EQ((*items)[1].path, "train/b.jpg");
}

TEST(ReadListFile, LinesMayEndAsOldMacsEndedThem) {
  const auto items = ParseList("a.jpg 1\rb.jpg 2\r", "l", "train");
  ASSERT_TRUE(items.ok()) << items.status();
  ASSERT_EQ(items->size(), 2u);
  EXPECT_EQ((*items)[1].path, "train/b.jpg");
  EXPECT_THAT(std::string(ParseList("a.jpg 1\rb.jpg\r", "l", "train").status().message()),
              HasSubstr("l:2: expected 'path label'"));
}

TEST(ReadListFile, Utf16IsNamed) {
  std::string little;
  for (const char c : std::string("a.jpg 1\n")) little += std::string{c, '\0'};
  std::string big = '\0' + little;
  big.pop_back();
  for (const std::string& text : {"\xFF\xFE" + little, "\xFE\xFF" + big, little, big}) {
    EXPECT_EQ(ParseList(text, "x/train.txt", "train").status().message(),
              "x/train.txt is text in UTF-16; save it as UTF-8");
  }
}

// Another line is another draw of the picture; the first is what it was when it stood alone.
TEST(ReadListFile, LinesThatComeAgainHaveIdsOfTheirOwn) {
  auto items = ParseList("a.jpg 1\nb.jpg 2\na.jpg 1\n./a.jpg 1\na.jpg 3\n", "l", "train");
  ASSERT_TRUE(items.ok()) << items.status();
  const ImageFolderDataset data("", *std::move(items), 4, "five");
  std::set<uint64_t> ids;
  for (int64_t i = 0; i < data.size(); ++i) ids.insert(data.image_id(i));
  EXPECT_EQ(ids.size(), 5u);
  const uint64_t id = graph::HashName("train/a.jpg");
  EXPECT_EQ(data.image_id(0), id);
  EXPECT_EQ(data.image_id(1), graph::HashName("train/b.jpg"));
  EXPECT_EQ(data.image_id(2), graph::MixKeys(id, 1));
  EXPECT_EQ(data.image_id(3), graph::MixKeys(id, 2));  // ./a.jpg is the same image
  EXPECT_EQ(data.image_id(4), graph::MixKeys(id, 3));
  EXPECT_EQ(data.name(2), data.name(0));
}

TEST(ReadListFile, BadLinesAreNamed) {
  const std::string path = NewFolder("bad_list") + "/train.txt";
  struct Case {
    std::string text, reason;
  };
  for (const Case& c :
       std::vector<Case>{{"a.jpg 1\nb.jpg\n", "train.txt:2: expected 'path label'"},
                         {"a.jpg 1\n\nb.jpg x\n", "train.txt:3: the label 'x'"},
                         {"a.jpg -2\n",
                          "train.txt:1: the label '-2' is not a number from 0 to "
                          "1000000, nor -1 for none"},
                         {"a.jpg 1.5\n", "train.txt:1: the label '1.5'"},
                         {"a.jpg 99999999999\n", "train.txt:1: the label"},
                         {"/etc/a.jpg 1\n", "train.txt:1: the path '/etc/a.jpg'"},
                         {"x/../../a.jpg 1\n", "must stay inside"},
                         {{"abc\0d.jpg 1\n", 12}, "train.txt:1: the path 'abc\\x00d"},
                         {"a.jpg \x1B[1m\n", "the label '\\x1B[1m'"},
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
      EXPECT_GE(item.label, -1);
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
