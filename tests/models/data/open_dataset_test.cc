#include "models/data/open_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <limits>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/base/shell_word.h"
#include "tests/models/data/test_images.h"
#include "tests/models/data/test_shards.h"

namespace models {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

OpenOptions At(const std::string& path) {
  OpenOptions options;
  options.data_path = path;
  options.input_height = options.input_width = 32;
  return options;
}

std::string Failure(const OpenOptions& options) {
  return std::string(OpenDatasets(options).status().message());
}

void WritePictures(const std::string& folder, int count) {
  const std::string bytes = EncodePng(GradientImage(8, 8));
  for (int i = 0; i < count; ++i) WriteFile(absl::StrCat(folder, "/", i, ".png"), bytes);
}

std::string TarOf(const std::vector<std::string>& names) {
  std::vector<Member> members;
  for (const std::string& name : names) {
    members.push_back({name, EncodePng(GradientImage(8, 8))});
  }
  return WriteTar(members);
}

std::set<std::string> Names(const Dataset& data) {
  std::set<std::string> names;
  for (int64_t i = 0; i < data.size(); ++i) names.insert(data.name(i));
  return names;
}

TEST(OpenDatasets, NoPathIsTheEmbeddedSetAtTheModelsSize) {
  OpenOptions options = At("");
  options.input_height = 24;
  const auto data = OpenDatasets(options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_THAT(data->description, AllOf(HasSubstr("embedded"), HasSubstr("24x32")));
  EXPECT_EQ(data->train->size(), 12800);
  EXPECT_EQ(data->held_out->size(), 2000);
  EXPECT_EQ(data->held_out->Load(3)->height, 24);
  options.input_height = 0;
  EXPECT_THAT(Failure(options), HasSubstr("32x0"));
  options.input_height = 24;
  options.limits.channels = 1;
  EXPECT_TRUE(OpenDatasets(options).ok());
  options.limits.channels = 4;
  EXPECT_THAT(Failure(options), HasSubstr("--channels=4: the embedded scenes have three"));
}

TEST(OpenDatasets, MissingEmptyAndFileAreNamed) {
  const std::string root = NewFolder("empty_root");
  EXPECT_THAT(Failure(At(root)), AllOf(HasSubstr(root), HasSubstr("no picture")));
  WriteFile(root + "/notes.txt", "x");
  EXPECT_THAT(Failure(At(root)), HasSubstr("only 1 other file (1 .txt)"));
  EXPECT_THAT(Failure(At(root + "/notes.txt")), HasSubstr("is a file"));
  EXPECT_THAT(Failure(At(root + "/none")), AllOf(HasSubstr("none"), HasSubstr("does not exist")));
}

TEST(OpenDatasets, FractionIsChecked) {
  for (double bad : {-0.1, 1.0, 7.0, std::numeric_limits<double>::quiet_NaN()}) {
    OpenOptions options = At("");
    options.val_fraction = bad;
    EXPECT_THAT(Failure(options), HasSubstr("--val_fraction"));
  }
}

TEST(OpenDatasets, PlainFolderHoldsOutAShareByHash) {
  const std::string root = NewFolder("plain");
  WritePictures(root + "/cat", 30);
  WritePictures(root + "/dog", 30);
  OpenOptions options = At(root);
  options.val_fraction = 0.2;
  const auto data = OpenDatasets(options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 48);
  EXPECT_EQ(data->held_out->size(), 12);
  EXPECT_EQ(data->train->num_classes(), 2);
  std::set<std::string> all = Names(*data->train);
  for (const std::string& name : Names(*data->held_out)) EXPECT_TRUE(all.insert(name).second);
  EXPECT_EQ(all.size(), 60u);
  EXPECT_THAT(data->description, HasSubstr("2 classes"));
  // The same again: the split is a function of the paths.
  EXPECT_EQ(Names(*OpenDatasets(options)->held_out), Names(*data->held_out));
  options.val_fraction = 0.0001;
  EXPECT_EQ(OpenDatasets(options)->held_out->size(), 1);
  options.val_fraction = 0;
  EXPECT_EQ(OpenDatasets(options)->held_out, nullptr);
  EXPECT_EQ(OpenDatasets(options)->train->size(), 60);
}

TEST(OpenDatasets, AShareIsRaisedToTheLeastThatIsHeldOut) {
  const std::string root = NewFolder("few");
  WritePictures(root, 70);
  OpenOptions options = At(root);
  const auto held_out = [&options](int64_t least) {
    options.least_held_out = least;
    const auto data = OpenDatasets(options);
    EXPECT_TRUE(data.ok()) << data.status();
    return std::make_pair(data->held_out->size(), data->val_fraction.value());
  };
  EXPECT_EQ(held_out(0), std::make_pair(int64_t{1}, 0.01));
  EXPECT_EQ(held_out(9), std::make_pair(int64_t{9}, 0.1286));
  EXPECT_EQ(held_out(50), std::make_pair(int64_t{14}, 0.2));
  // The share found repeats the split.
  options.val_fraction = 0.1286;
  EXPECT_EQ(held_out(0), std::make_pair(int64_t{9}, 0.1286));
  options.val_fraction = 0.5;
  EXPECT_EQ(held_out(50), std::make_pair(int64_t{35}, 0.5));
  options.val_fraction = 0;
  EXPECT_EQ(OpenDatasets(options)->held_out, nullptr);
  WritePictures(root + "/val", 3);
  options.val_fraction = 0.01;
  EXPECT_EQ(OpenDatasets(options)->held_out->size(), 3);
  EXPECT_FALSE(OpenDatasets(options)->val_fraction.has_value());
}

TEST(OpenDatasets, ASingleImageIsTrainedOn) {
  const std::string root = NewFolder("single");
  WritePictures(root, 1);
  const auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 1);
  EXPECT_EQ(data->train->label(0), -1);
  EXPECT_EQ(data->train->num_classes(), 0);
  EXPECT_EQ(data->held_out, nullptr);
}

TEST(OpenDatasets, TrainAndValFolders) {
  const std::string root = NewFolder("split_folders");
  WritePictures(root + "/train/b", 3);
  WritePictures(root + "/train/a", 3);
  WritePictures(root + "/val/b", 2);
  WritePictures(root + "/other", 9);
  const auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 6);
  EXPECT_EQ(data->held_out->size(), 2);
  EXPECT_EQ(data->held_out->label(0), 1);
  EXPECT_EQ(data->train->name(0), "train/a/0.png");
  EXPECT_TRUE(data->held_out->Load(1).ok());
}

// A bug once: one picture beside the folders, and nothing had a label.
TEST(OpenDatasets, LoosePicturesHaveNoLabelAndAreCounted) {
  const std::string root = NewFolder("loose");
  WritePictures(root + "/cat", 3);
  WritePictures(root + "/dog", 3);
  for (const std::string loose : {"", "train/"}) {
    if (!loose.empty()) {
      std::filesystem::create_directories(root + "/train");
      for (const char* name : {"cat", "dog"}) {
        std::filesystem::rename(root + "/" + name, root + "/train/" + name);
      }
      WritePictures(root + "/val/dog", 1);
      WritePictures(root + "/val/emu", 1);
      WritePictures(root + "/val", 1);
    }
    WriteFile(root + "/" + loose + "loose.png", EncodePng(GradientImage(8, 8)));
    OpenOptions options = At(root);
    options.val_fraction = 0;
    const auto data = OpenDatasets(options);
    ASSERT_TRUE(data.ok()) << data.status();
    ASSERT_EQ(data->train->size(), 7);
    EXPECT_EQ(data->train->num_classes(), 2);
    EXPECT_EQ(data->train->label(0), 0);
    EXPECT_EQ(data->train->label(5), 1);
    EXPECT_EQ(data->train->label(6), -1);
    ASSERT_EQ(data->warnings.size(), loose.empty() ? 1u : 2u);
    EXPECT_THAT(data->warnings[0], AllOf(HasSubstr("1 of 7 training images have no label"),
                                         HasSubstr("'" + loose + "loose.png'")));
    if (loose.empty()) continue;
    EXPECT_THAT(data->warnings[1],
                AllOf(HasSubstr("2 of 3 held-out images have no label"), HasSubstr("'val/0.png'")));
  }
}

TEST(OpenDatasets, OtherFilesAreCountedByTheirEndings) {
  const std::string root = NewFolder("others");
  WritePictures(root, 2);
  for (const char* name : {"a.txt", "b.TXT", "c.mp4", "d.x", "e.y", "f.z", "Makefile"}) {
    WriteFile(root + "/" + name, "x");
  }
  std::filesystem::create_directory_symlink("nowhere", root + "/dangling");
  std::filesystem::create_directories(root + "/real");
  std::filesystem::create_directory_symlink("real", root + "/link");
  EXPECT_THAT(OpenDatasets(At(root))->description,
              HasSubstr("(1 folder by links; ignored: 8 other files (2 without an ending, "
                        "2 .txt, 1 .mp4, 1 .x, ...))"));
}

// A bug once: an archive beside them was trained on, without a word.
TEST(OpenDatasets, TrainIsTakenBeforeWhatLiesBesideIt) {
  const std::string root = NewFolder("beside_train");
  WritePictures(root + "/train/b", 3);
  WritePictures(root + "/val/b", 2);
  WriteFile(root + "/backup.tgz", "not even looked at");
  WriteFile(root + "/data_batch_1.bin", "not even looked at");
  OpenOptions options = At(root);
  options.val_fraction = 0;
  auto data = OpenDatasets(options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(Names(*data->train),
            (std::set<std::string>{"train/b/0.png", "train/b/1.png", "train/b/2.png"}));
  EXPECT_EQ(data->held_out->size(), 2);
  EXPECT_THAT(data->warnings,
              ElementsAre(AllOf(HasSubstr(root), HasSubstr("what is read is train/, "),
                                HasSubstr("not 1 tar shard (backup.tgz)"),
                                HasSubstr("--data_path=" + root + "/backup.tgz would take it")),
                          AllOf(HasSubstr("not CIFAR-10"), HasSubstr("folder of its own"))));
  // Shards in train/ as well as folders.
  WriteFile(root + "/train/0.tar", TarOf({"x.png", "y.png"}));
  data = OpenDatasets(options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->name(0), "train/0.tar:x.png");
  EXPECT_THAT(data->warnings, ElementsAre(HasSubstr("backup.tgz"), HasSubstr("CIFAR-10"),
                                          HasSubstr("the pictures (train/b/0.png, ...)"),
                                          HasSubstr("the pictures (val/b/0.png, ...)")));
  // An empty train/ is nothing to take.
  std::filesystem::remove_all(root + "/train/b");
  std::filesystem::remove(root + "/train/0.tar");
  EXPECT_THAT(Failure(At(root)), HasSubstr("data_batch_1.bin"));
}

TEST(OpenDatasets, PicturesBesideShardsAreNamed) {
  const std::string root = NewFolder("beside_shards");
  WriteFile(root + "/0.tar", TarOf({"x.png", "y.png"}));
  WriteFile(root + "/1.tar", TarOf({"x.png", "y.png"}));
  EXPECT_THAT(OpenDatasets(At(root))->warnings, testing::IsEmpty());
  WritePictures(root + "/cats", 2);
  OpenOptions options = At(root);
  options.val_fraction = 0;
  const auto data = OpenDatasets(options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->name(0), "0.tar:x.png");
  EXPECT_THAT(data->warnings,
              ElementsAre(AllOf(HasSubstr("is read is 2 tar shards (0.tar, ...), not"),
                                HasSubstr("the pictures (cats/0.png, ...)"))));
  // What the shards were taken for is said with their fault.
  WriteFile(root + "/0.tar", "no tar");
  EXPECT_THAT(Failure(At(root)),
              AllOf(HasSubstr("cats/0.png"), HasSubstr("0.tar is text, not a tar archive")));
}

// A bug once: its name made all the data unusable.
TEST(OpenDatasets, AFolderMayBeCalledLikeAShard) {
  const std::string root = NewFolder("called_tar");
  WritePictures(root + "/scans.tar", 3);
  const auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->num_classes(), 1);
  EXPECT_THAT(data->warnings, testing::IsEmpty());
}

TEST(OpenDatasets, AnArchiveThatIsNotReadIsNamed) {
  const std::string root = NewFolder("packed");
  WriteFile(root + "/photos.tar.xz", std::string("\xFD\x37zXZ\0", 6) + "more");
  const std::string unpack = "unpack it (plain and gzip tar shards are read)";
  EXPECT_THAT(
      Failure(At(root + "/photos.tar.xz")),
      AllOf(HasSubstr("is a file (xz data), but no tar shard by its name"), HasSubstr(unpack)));
  EXPECT_THAT(Failure(At(root)),
              AllOf(HasSubstr("only 1 other file (1 .xz); photos.tar.xz: " + unpack)));
  EXPECT_THAT(Failure(At(root + "/*.tar.xz")),
              AllOf(HasSubstr("is a pattern, but of no tar shards"), HasSubstr(unpack)));
  EXPECT_THAT(Failure(At(root + "/*")), AllOf(HasSubstr("is a pattern, but of no tar shards"),
                                              HasSubstr("(.tar, .tar.gz, .tgz); give a folder")));
  // Beside shards that are read.
  WriteFile(root + "/0.tar", TarOf({"x.png", "y.png"}));
  EXPECT_THAT(OpenDatasets(At(root))->warnings,
              ElementsAre(HasSubstr(root + " holds 1 archive (photos.tar.xz) of a kind that is ")));
}

TEST(OpenDatasets, ShardsThatAreNotReadAreNamedWithTheirPattern) {
  const std::string root = NewFolder("deep_shards");
  WriteFile(root + "/b/0.tar", TarOf({"x.png", "y.png"}));
  const std::string pattern = "--data_path='" + root + "/*/*.tar'";
  EXPECT_THAT(Failure(At(root)), AllOf(HasSubstr("as b/0.tar,"), HasSubstr(pattern)));
  WriteFile(root + "/1.tar", TarOf({"x.png", "y.png"}));
  EXPECT_THAT(OpenDatasets(At(root))->warnings,
              ElementsAre(AllOf(HasSubstr("what is read is 1 tar shard (1.tar)"),
                                HasSubstr("(b/0.tar, ...)"), HasSubstr(pattern))));
  std::filesystem::remove_all(root + "/b");
  WriteFile(root + "/test-0.tar", TarOf({"x.png"}));
  auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size() + data->held_out->size(), 2);
  EXPECT_THAT(data->warnings, ElementsAre(AllOf(HasSubstr("1 tar shard (test-0.tar)"),
                                                HasSubstr("not read, because of another split"),
                                                HasSubstr("'" + root + "/*.tar' trains on all"))));
  data = OpenDatasets(At(root + "/*.tar"));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size() + data->held_out->size(), 3);
  EXPECT_THAT(data->warnings, ElementsAre(HasSubstr("trains on 1 tar shard (test-0.tar) of")));
  EXPECT_THAT(OpenDatasets(At(root + "/test-0.tar"))->warnings, testing::IsEmpty());
}

TEST(OpenDatasets, FoldersThatAreNearlyCalledTrainAndValAreNamed) {
  const std::string root = NewFolder("spelling");
  const auto warnings = [&root] { return OpenDatasets(At(root))->warnings; };
  WritePictures(root + "/Train/a", 3);
  WritePictures(root + "/valid/a", 3);
  WriteFile(root + "/test", "a file");
  EXPECT_THAT(warnings(), ElementsAre(AllOf(HasSubstr(root + " holds Train/, valid/, trained on"),
                                            HasSubstr("have to be called train/ and val/"))));
  std::filesystem::create_directory_symlink("Train", root + "/train");
  EXPECT_THAT(warnings(), ElementsAre(AllOf(HasSubstr("holds valid/, of which nothing is read"),
                                            HasSubstr("a link called so will do"))));
  std::filesystem::create_directory_symlink("valid", root + "/val");
  std::filesystem::remove(root + "/test");
  WritePictures(root + "/test/a", 1);
  EXPECT_THAT(warnings(), testing::IsEmpty());
  EXPECT_EQ(OpenDatasets(At(root))->held_out->size(), 3);
  std::filesystem::remove(root + "/train");  // val/ is held out, but under its other name ...
  EXPECT_THAT(warnings(), testing::Contains(HasSubstr("Train/, test/, valid/, trained on")));
}

TEST(OpenDatasets, AListMayLieBesideItsPictures) {
  const std::string root = NewFolder("beside_list");
  WritePictures(root + "/b", 3);
  WriteFile(root + "/train.txt", "b/2.png -1\nb/0.png 4\n");
  OpenOptions options = At(root);
  options.val_fraction = 0;
  auto data = OpenDatasets(options);
  ASSERT_TRUE(data.ok()) << data.status();
  ASSERT_EQ(data->train->size(), 2);
  EXPECT_EQ(data->train->name(0), "b/2.png");
  EXPECT_EQ(data->train->label(0), -1);
  EXPECT_EQ(data->train->label(1), 4);
  EXPECT_TRUE(data->train->Load(1).ok());
  WriteFile(root + "/train.txt", "c/0.png 1\n");
  EXPECT_THAT(Failure(options), HasSubstr("the path as it is below " + root + "/, "));
  std::filesystem::create_directories(root + "/train");  // then they are in it
  EXPECT_THAT(Failure(options), AllOf(HasSubstr(root + "/train/c/0.png"),
                                      HasSubstr("the path as it is below train/, ")));
}

// A bug once: as many lines about files that are not there as the list had, and none about it.
TEST(OpenDatasets, AListOfAnotherFormatIsNamedOnce) {
  const std::string root = NewFolder("other_list");
  WritePictures(root + "/train/n01", 3);
  for (const char* line : {"\"n01/0.png\" 1\n", "n01\\0.png 1\n", "n01/0.png, 1\n", "n01/0.png; 1",
                           "train/n01/0.png 1\n", "0.png 1\n"}) {
    WriteFile(root + "/train.txt", line);
    const std::string path(line, std::string(line).rfind(' '));
    EXPECT_THAT(Failure(At(root)),
                AllOf(HasSubstr(root + "/train.txt: none of its pictures is there; the first, "),
                      HasSubstr(root + "/train/" + path + ", does not exist; a line is "),
                      HasSubstr("the path as it is below train/, without quotes")));
  }
  WriteFile(root + "/train.txt", "n01 1\n");
  EXPECT_THAT(Failure(At(root)), HasSubstr(root + "/train/n01, is a folder; a line is"));
  // Some may be missing, and a folder is a bad image like others.
  std::string list = "gone/0.png 1\nn01 1\n";
  for (int i = 0; i < 40; ++i) absl::StrAppend(&list, i == 21 ? "n01/2" : "gone/1", ".png 0\n");
  WriteFile(root + "/train.txt", list);
  OpenOptions options = At(root);
  options.val_fraction = 0;
  const auto data = OpenDatasets(options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 42);
  EXPECT_THAT(std::string(data->train->Load(1).status().message()),
              AllOf(HasSubstr("n01: Is a directory; a list names pictures")));
  WriteFile(root + "/val.txt", "val/0.png 1\n");
  WritePictures(root + "/val", 1);
  EXPECT_THAT(Failure(options), HasSubstr("val.txt: none of its pictures is there"));
}

TEST(OpenDatasets, ValFolderWithoutTrainIsNotTrainedOn) {
  const std::string root = NewFolder("val_only");
  WritePictures(root + "/stuff", 4);
  WritePictures(root + "/val", 2);
  WriteFile(root + "/val/readme.txt", "x");
  const auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 4);
  EXPECT_EQ(data->held_out->size(), 2);
  EXPECT_THAT(data->description, AllOf(HasSubstr("4 images, 1 class from the folder; held out"),
                                       HasSubstr("the folder val/ (ignored: 1 other file")));
}

TEST(OpenDatasets, OfficialListFiles) {
  const std::string root = NewFolder("lists");
  WritePictures(root + "/train/x", 5);
  WritePictures(root + "/val", 2);
  WriteFile(root + "/train.txt", "x/0.png 4\nx/1.png 0\nx/2.png 2\n");
  WriteFile(root + "/val.txt", "1.png 6\n");
  const auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 3);  // the list says which, not the folder
  EXPECT_EQ(data->train->label(0), 4);
  EXPECT_TRUE(data->train->Load(2).ok());
  EXPECT_EQ(data->held_out->size(), 1);
  EXPECT_EQ(data->held_out->name(0), "val/1.png");
  EXPECT_EQ(data->train->num_classes(), 7);
  EXPECT_EQ(data->held_out->num_classes(), 7);
  EXPECT_THAT(data->description, AllOf(HasSubstr("train.txt"), HasSubstr("val.txt")));
  WriteFile(root + "/val.txt", "broken\n");
  EXPECT_THAT(Failure(At(root)), HasSubstr("val.txt:1"));
}

TEST(OpenDatasets, PicturesThatCameAfterTheListAreCounted) {
  for (const std::string below : {"train/", ""}) {
    const std::string root = NewFolder(below.empty() ? "not listed" : "not listed_train");
    WritePictures(root + "/" + below + "x", 5);
    WritePictures(root + "/val/x", 2);
    const std::string list = root + "/train.txt";
    WriteFile(list, "x/0.png 4\nx/1.png 0\nx/2.png 2\n");
    const auto now = std::filesystem::last_write_time(list);
    // Older than the list: left out on purpose, as bad pictures are.
    std::filesystem::last_write_time(list, now + std::chrono::hours(1));
    EXPECT_THAT(OpenDatasets(At(root))->warnings, testing::IsEmpty());
    // A list whose time was kept by a copy came after the pictures all the same.
    std::filesystem::last_write_time(list, now - std::chrono::hours(1));
    EXPECT_THAT(OpenDatasets(At(root))->warnings, testing::IsEmpty());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));  // the clock of files ticks
    for (const char* name : {"3.png", "4.png"}) {
      std::filesystem::last_write_time(root + "/" + below + "x/" + name, now);
    }
    EXPECT_THAT(OpenDatasets(At(root))->warnings,
                ElementsAre(AllOf(HasSubstr("2 picture files under " + root),
                                  HasSubstr(" may have come after train.txt"),
                                  HasSubstr("; the first is " + below + "x/3.png; "),
                                  HasSubstr("check_data --write_list='" + list + "'"))));
    // Where a scan takes too long, nothing is said.
    OpenOptions options = At(root);
    options.list_scan = absl::ZeroDuration();
    EXPECT_THAT(OpenDatasets(options)->warnings, testing::IsEmpty());
  }
}

TEST(OpenDatasets, PicturesOfCamerasThatAreNotReadAreNamedWithTheWayOut) {
  const std::string root = NewFolder("it's heic");
  for (const char* name : {"a.HEIC", "b.heic", "sub/c.avif", "notes.txt"}) {
    WriteFile(root + "/" + name, "x");
  }
  const std::string command = "find " + graph::ShellWord(root) +
                              " \\( -iname '*.avif' -o -iname '*.heic' \\) -exec mogrify "
                              "-format jpg -quality 95 {} +";
  EXPECT_THAT(Failure(At(root)), AllOf(HasSubstr("no picture ("), HasSubstr(command)));
  WritePictures(root, 2);
  EXPECT_THAT(OpenDatasets(At(root))->warnings,
              ElementsAre("3 pictures of kinds that are not read (1 .avif, 2 .heic) passed over; "
                          "ImageMagick makes JPEGs of them: " +
                          command));
}

TEST(OpenDatasets, AListsNameMeansItsFolder) {
  const std::string root = NewFolder("named_list");
  WriteFile(root + "/train.txt", "x/0.png 4\nx/1.png 0\n");
  WritePictures(root + "/train/x", 2);
  WriteFile(root + "/data_batch_1.bin", "");
  const auto data = OpenDatasets(At(root + "/train.txt"));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->held_out->size() + data->train->size(), 2);
  EXPECT_EQ(Names(*data->train), Names(*OpenDatasets(At(root))->train));
}

// A bug once: some lines of an image were held out, and the others trained on.
TEST(OpenDatasets, LinesOfOneImageStayOnOneSide) {
  const std::string root = NewFolder("repeated");
  std::string list;
  for (int i = 0; i < 16; ++i) absl::StrAppend(&list, i % 4, ".png 0\n");
  WritePictures(root + "/train", 4);
  WriteFile(root + "/train.txt", list);
  std::set<std::string> before;
  for (const double share : {0.01, 0.3, 0.6, 0.99}) {
    OpenOptions options = At(root);
    options.val_fraction = share;
    const auto data = OpenDatasets(options);
    ASSERT_TRUE(data.ok()) << data.status();
    // Whole images as far as the share goes, but one at least.
    EXPECT_EQ(data->held_out->size(), share < 0.5 ? 4 : share < 0.9 ? 8 : 12) << share;
    const std::set<std::string> train = Names(*data->train), held_out = Names(*data->held_out);
    EXPECT_EQ(train.size() + held_out.size(), 4u);
    for (const std::string& name : before) EXPECT_EQ(held_out.count(name), 1u);
    before = held_out;
  }
  WriteFile(root + "/train.txt", "0.png 0\n0.png 0\n0.png 0\n");
  const auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->held_out, nullptr);  // nothing would be left
  EXPECT_EQ(data->train->size(), 3);
}

TEST(OpenDatasets, NoMoreThan2000AreHeldOut) {
  const std::string root = NewFolder("many");
  std::string list;
  for (int i = 0; i < 2500; ++i) absl::StrAppend(&list, i, ".png 0\n");
  WritePictures(root + "/train", 1);
  WriteFile(root + "/train.txt", list);
  OpenOptions options = At(root);
  options.val_fraction = 0.9;
  EXPECT_EQ(OpenDatasets(options)->held_out->size(), 2000);
}

TEST(OpenDatasets, Cifar10) {
  const std::string root = NewFolder("cifar_root");
  WriteFile(root + "/data_batch_1.bin", std::string(3073 * 10, '\1'));
  auto data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 9);
  EXPECT_EQ(data->held_out->size(), 1);
  WriteFile(root + "/test_batch.bin", std::string(3073 * 2, '\1'));
  data = OpenDatasets(At(root));
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 10);
  EXPECT_EQ(data->held_out->size(), 2);
  EXPECT_THAT(data->description, HasSubstr("CIFAR-10"));
  OpenOptions of_four = At(root);
  of_four.limits.channels = 4;
  EXPECT_THAT(Failure(of_four), HasSubstr("--channels=4: CIFAR-10's pictures have three"));
  WriteFile(root + "/test_batch.bin", "short");
  EXPECT_THAT(Failure(At(root)), HasSubstr("test_batch.bin"));
}

}  // namespace
}  // namespace models
