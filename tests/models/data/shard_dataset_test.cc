#include "models/data/shard_dataset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "graph/base/random.h"
#include "models/data/open_dataset.h"
#include "tests/models/data/test_images.h"
#include "tests/models/data/test_shards.h"

namespace models {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

TEST(SampleKey, IsThePathUpToTheFirstDotOfTheName) {
  const auto split = [](absl::string_view path) {
    const auto [key, field] = SampleKeyAndField(path);
    return absl::StrCat(key, "|", field);
  };
  EXPECT_EQ(split("a.b/c.seg.PNG"), "a.b/c|seg.png");
  EXPECT_EQ(split("c.jpg"), "c|jpg");
  EXPECT_EQ(split("./x/c.cls"), "./x/c|cls");
  EXPECT_EQ(split("none"), "none|");
  EXPECT_EQ(split("a/.hidden.jpg"), "a/.hidden.jpg|");
}

TEST(Shards, WhatPythonWroteIsRead) {
  const std::vector<std::string> names = {"plain.tar", "second.tar", "gnu_long.tar", "pax_long.tar",
                                          "packed.tar.gz"};
  const Opened opened = MustOpen(kMade, names);
  ASSERT_NE(opened.data, nullptr);
  const ShardDataset& data = *opened.data;
  EXPECT_THAT(opened.report.warnings, IsEmpty());
  EXPECT_EQ(opened.report.gzip_shards, 1);
  EXPECT_GT(opened.report.spooled_bytes, 5 * 1024);
  ASSERT_EQ(data.size(), 18);
  EXPECT_EQ(data.num_classes(), 3);
  EXPECT_EQ(data.name(0), "plain.tar:000000.png");
  EXPECT_EQ(data.image_id(0), graph::HashName("plain.tar:000000.png"));
  EXPECT_THAT(data.name(11), AllOf(HasSubstr("pax_long.tar:"), HasSubstr("\xE6\xB5\xB7 \xC3\xA9"),
                                   HasSubstr("000011.png")));
  std::vector<std::thread> threads;  // in any order from any thread
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&data, t] {
      for (int64_t k = 0; k < data.size(); ++k) {
        const int64_t i = (k * 7 + t) % data.size();
        const auto image = data.Load(i);
        ASSERT_TRUE(image.ok()) << image.status();
        EXPECT_EQ(image->width, 8);
        EXPECT_EQ(image->rgb[5], 10 * i);
        EXPECT_EQ(data.label(i), i % 3);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Shards, NamesSurviveAMoveOfTheWhole) {
  std::vector<uint64_t> ids[2];
  for (int round = 0; round < 2; ++round) {
    const std::string root = NewFolder(absl::StrCat("moved", round));
    WriteFile(root + "/x/plain.tar", Made("plain.tar"));
    const Opened opened = MustOpen(root, {"x/plain.tar"});
    for (int64_t i = 0; i < opened.data->size(); ++i) {
      ids[round].push_back(opened.data->image_id(i));
    }
  }
  EXPECT_EQ(ids[0], ids[1]);
}

TEST(Shards, TheSameKeyInTwoShardsAreTwoImages) {
  const std::string root = NewFolder("same_key");
  WriteFile(root + "/a.tar", Made("plain.tar"));
  WriteFile(root + "/b.tar", Made("plain.tar"));
  const Opened opened = MustOpen(root, {"a.tar", "b.tar"});
  ASSERT_EQ(opened.data->size(), 10);
  std::set<uint64_t> ids;
  for (int64_t i = 0; i < 10; ++i) ids.insert(opened.data->image_id(i));
  EXPECT_EQ(ids.size(), 10u);
  EXPECT_THAT(opened.report.warnings, IsEmpty());
}

TEST(Shards, OddMembers) {
  const std::string root = NewFolder("odd");
  const std::string png = EncodePng(GradientImage(5, 4));
  const std::string other = EncodePng(GradientImage(6, 4));
  WriteFile(root + "/odd.tar", WriteTar({{"d", "", 'd'},
                                         {"d/a.png", png},
                                         {"d/b.txt", "no image here"},
                                         {"d/a.cls", "\xEF\xBB\xBF 7\n"},
                                         {"d/a.png", other},  // twice
                                         {"c.cls", "many"},
                                         {"c.seg.png", other},
                                         {"c.webp", EncodeWebp(GradientImage(7, 4))},
                                         {"e.cam0.jpg", EncodeJpeg(GradientImage(9, 4))},
                                         {"f.png", "d/a.png", 'l'},  // a hard link: that picture
                                         {"README", "nothing"},
                                         {".x.png", png},
                                         {"g.png", ""},
                                         {"g.cls", "-3"},
                                         {"h h\n\xC3\xA9.png", png}}));
  const Opened opened = MustOpen(root, {"odd.tar"});
  ASSERT_NE(opened.data, nullptr);
  const ShardDataset& data = *opened.data;
  auto at = ByName(data);
  ASSERT_EQ(data.size(), 6);
  EXPECT_EQ(data.Load(at.at("odd.tar:d/a.png"))->width, 5);
  EXPECT_EQ(data.Load(at.at("odd.tar:f.png"))->width, 6);  // the later one, as tar unpacks it
  EXPECT_EQ(data.label(at.at("odd.tar:d/a.png")), 7);
  EXPECT_EQ(data.Load(at.at("odd.tar:c.webp"))->width, 7);
  EXPECT_EQ(data.label(at.at("odd.tar:c.webp")), -1);
  EXPECT_EQ(data.Load(at.at("odd.tar:e.cam0.jpg"))->width, 9);
  EXPECT_TRUE(data.Load(at.at("odd.tar:h h\n\xC3\xA9.png")).ok());
  EXPECT_THAT(std::string(data.Load(at.at("odd.tar:g.png")).status().message()),
              AllOf(HasSubstr(root + "/odd.tar:g.png"), HasSubstr("empty")));
  EXPECT_EQ(opened.report.without_image, 1);
  const std::string prefix = root + "/odd.tar:";
  EXPECT_THAT(opened.report.warnings,
              ElementsAre(AllOf(HasSubstr(prefix + "d/a.png"), HasSubstr("comes twice")),
                          AllOf(HasSubstr(root + "/odd.tar: 2 labels cannot be read"),
                                HasSubstr("the first 'c.cls': 'many' is not a number"))));
}

TEST(Shards, OfATruncatedShardWhatIsWholeIsUsed) {
  const std::string root = NewFolder("truncated");
  const std::string whole = Made("plain.tar");  // 5 samples of 3 members of 1 KiB
  for (size_t size : {size_t{1200}, size_t{3 * 1024 + 700}, size_t{6 * 1024 + 512 + 40},
                      size_t{4 * 1024 + 100}, size_t{9 * 1024}}) {
    for (const bool packed : {false, true}) {
      const std::string name = packed ? "cut.tar.gz" : "cut.tar";
      std::string bytes = whole.substr(0, size);
      if (packed) {
        // gzip data without an end: what comes out is cut somewhere.
        bytes = Made("packed.tar.gz");
        bytes.resize(bytes.size() * size / (12 * 1024));
      }
      WriteFile(root + "/" + name, bytes);
      ShardDataset::Report report;
      const auto data = ShardDataset::Open(root, {name}, &report);
      if (!data.ok()) {
        EXPECT_TRUE(packed) << data.status();
        EXPECT_THAT(std::string(data.status().message()),
                    AllOf(HasSubstr(root + "/" + name), HasSubstr("again")));
        continue;
      }
      EXPECT_THAT(report.warnings, Contains(HasSubstr(root + "/" + name))) << size;
      int64_t bad = 0;
      for (int64_t i = 0; i < (*data)->size(); ++i) {
        const auto image = (*data)->Load(i);
        if (image.ok()) continue;
        ++bad;
        EXPECT_EQ(i, (*data)->size() - 1);
        EXPECT_THAT(std::string(image.status().message()),
                    AllOf(HasSubstr(root + "/" + name + ":"), HasSubstr("again")));
      }
      // Cut between two members nothing is known to be missing but the end mark.
      EXPECT_EQ(bad, !packed && size == 9 * 1024 ? 0 : 1) << size << packed;
      if (!packed) {
        EXPECT_EQ((*data)->size() - bad, static_cast<int64_t>((size - 581) / 3072 + 1));
      }
    }
  }
}

TEST(Shards, WhatIsNoShardIsNamed) {
  const std::string root = NewFolder("no_shards");
  WriteFile(root + "/empty.tar", "");
  WriteFile(root + "/text.tar", std::string(3000, 'x'));
  WriteFile(root + "/short.tar", "hello");
  WriteFile(root + "/text.tgz", "\x1F\x8B this is no gzip");
  fs::create_directories(root + "/folder.tar");
  for (const auto& [name, reason] : {std::pair{"empty.tar", "is empty"},
                                     {"text.tar", "is text, not a tar archive"},
                                     {"short.tar", "is text, not a tar archive"},
                                     {"text.tgz", "text.tgz"},
                                     {"none.tar", "No such file"},
                                     {"folder.tar", "folder.tar"}}) {
    EXPECT_THAT(OpenError(root, {name}), AllOf(HasSubstr(root + "/" + name), HasSubstr(reason)));
  }
}

TEST(Shards, OtherPackersAreNamed) {
  const std::string root = NewFolder("packers");
  for (const auto& [name, head] : {std::pair{"xz data", std::string("\xFD\x37zXZ\0", 6)},
                                   {"bzip2 data", "BZh9"},
                                   {"zstd data", "\x28\xB5\x2F\xFD"},
                                   {"a zip archive", "PK\x03\x04"}}) {
    for (const bool gzip : {false, true}) {
      const std::string bytes = head + std::string(2000, '\x55');
      WriteFile(root + "/x.tar", gzip ? Gzip(bytes) : bytes);
      EXPECT_EQ(OpenError(root, {"x.tar"}),
                absl::StrCat(root, "/x.tar is ", name,
                             ", not a tar archive; unpack it (plain and "
                             "gzip tar shards are read), or take it out of the data"));
    }
  }
}

// Picture files' endings are those of folders, and so is that one without is looked into.
TEST(Shards, EndingsAreThoseOfFolders) {
  const std::string root = NewFolder("endings");
  const std::string png = EncodePng(GradientImage(5, 4));
  WriteFile(root + "/0.tar", WriteTar({{"a.jpe", png},
                                       {"b.JFIF", png},
                                       {"n01/0001", png},
                                       {"n01/0001.cls", "3"},
                                       {"n01/0002", png},
                                       {"n01/0002.png", EncodePng(GradientImage(6, 4))},
                                       {"n01/README", "no picture"},
                                       {"n01/short", "\xFF"},
                                       {"n01/.hidden", png}}));
  const Opened opened = MustOpen(root, {"0.tar"});
  ASSERT_NE(opened.data, nullptr);
  auto at = ByName(*opened.data);
  ASSERT_EQ(opened.data->size(), 4);
  EXPECT_TRUE(opened.data->Load(at.at("0.tar:a.jpe")).ok());
  EXPECT_TRUE(opened.data->Load(at.at("0.tar:b.JFIF")).ok());
  EXPECT_TRUE(opened.data->Load(at.at("0.tar:n01/0001")).ok());
  EXPECT_EQ(opened.data->label(at.at("0.tar:n01/0001")), 3);
  EXPECT_EQ(opened.data->Load(at.at("0.tar:n01/0002.png"))->width, 6);
  EXPECT_EQ(opened.report.without_image, 0);
  EXPECT_THAT(opened.report.warnings, IsEmpty());
}

TEST(Shards, AShardThatChangesOrGoesGivesBadImages) {
  const std::string root = NewFolder("changing");
  const std::string path = root + "/a.tar";
  WriteFile(path, Made("plain.tar"));
  const Opened opened = MustOpen(root, {"a.tar"});
  ASSERT_TRUE(opened.data->Load(2).ok());
  fs::rename(path, root + "/elsewhere");
  EXPECT_THAT(
      std::string(opened.data->Load(2).status().message()),
      AllOf(HasSubstr(path + ":000002.png"), HasSubstr("No such file"), HasSubstr("put it back")));
  WriteFile(path, Made("second.tar"));
  EXPECT_THAT(std::string(opened.data->Load(2).status().message()),
              AllOf(HasSubstr(path + ":000002.png"), HasSubstr("changed")));
  fs::rename(root + "/elsewhere", path);
  EXPECT_TRUE(opened.data->Load(2).ok());
}

TEST(OpenShards, FolderHoldsOutAShareByHash) {
  const std::string root = NewFolder("open_shards");
  WriteFile(root + "/0.tar", Made("plain.tar"));
  WriteFile(root + "/1.tar.gz", Made("packed.tar.gz"));
  OpenOptions options;
  options.data_path = root;
  options.val_fraction = 0.3;
  const auto data = OpenDatasets(options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train->size(), 7);
  EXPECT_EQ(data->held_out->size(), 3);
  EXPECT_THAT(data->description,
              AllOf(HasSubstr("10 images in 2 tar shards"), HasSubstr("3 classes"),
                    HasSubstr("2 tar shards in the folder, 3 classes"),
                    HasSubstr("1 gzip shard unpacked"), HasSubstr("held out: 3, 30%")));
  for (int64_t i = 0; i < 3; ++i) EXPECT_TRUE(data->held_out->Load(i).ok());
  for (int64_t i = 0; i < 7; ++i) EXPECT_TRUE(data->train->Load(i).ok());
}

TEST(OpenShards, OneShardIsCalledOne) {
  OpenOptions options;
  options.data_path = absl::StrCat(kMade, "/plain.tar");
  const auto data = OpenDatasets(options);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_THAT(data->description, HasSubstr(": 5 images in 1 tar shard, 3 classes; held out"));
}

TEST(OpenShards, ValShardsPatternsAndWarnings) {
  const std::string root = NewFolder("open_val");
  WriteFile(root + "/train-0.tar", Made("plain.tar").substr(0, 3 * 1024 + 700));
  WriteFile(root + "/val-0.tar", Made("second.tar"));
  for (const std::string& path : {root, root + "/{train,val}-0.tar"}) {
    OpenOptions options;
    options.data_path = path;
    const auto data = OpenDatasets(options);
    ASSERT_TRUE(data.ok()) << data.status();
    EXPECT_EQ(data->train->size(), 3);  // two and what stands for the rest
    EXPECT_EQ(data->held_out->size(), 4);
    EXPECT_EQ(data->train->num_classes(), 3);
    EXPECT_THAT(data->description,
                AllOf(HasSubstr(path == root ? "1 tar shard in the folder, 3 classes"
                                             : "1 tar shard of the pattern, 3 classes"),
                      HasSubstr("held out: 4 from 1 shard (val)")));
    EXPECT_EQ(data->held_out->name(0), "val-0.tar:000005.png");
    EXPECT_THAT(data->warnings,
                ElementsAre(AllOf(HasSubstr("train-0.tar"), HasSubstr("breaks off"))));
  }
  WriteFile(root + "/train-0.tar", WriteTar({{"a.txt", "no picture"}}));
  OpenOptions options;
  options.data_path = root;
  EXPECT_THAT(std::string(OpenDatasets(options).status().message()),
              AllOf(HasSubstr(root), HasSubstr("no picture")));
}

// A bug once: all but one were lost without a word.
TEST(Shards, ImagesThatShareAKeyAreCounted) {
  const std::string root = NewFolder("shared_key");
  const std::string png = EncodePng(GradientImage(5, 4));
  std::vector<Member> frames;
  for (int i = 0; i < 64; ++i) {
    frames.push_back({absl::StrCat("d/frame.", 100 + i, ".png"), png});
  }
  WriteFile(root + "/frames.tar", WriteTar(frames));
  WriteFile(root + "/cams.tar", WriteTar({{"a.cam0.png", png},
                                          {"a.cam1.png", png},
                                          {"b.png", png},
                                          {"b.jpg", png},
                                          {"c.png", png},
                                          {"c.2.png", png}}));
  // What is no image to use, however it ends.
  WriteFile(root + "/masks.tar",
            WriteTar({{"a.seg.png", png}, {"a.png", png}, {"a.depth.png", png}, {"b.jpg", png}}));
  const Opened opened = MustOpen(root, {"frames.tar", "cams.tar", "masks.tar"});
  ASSERT_NE(opened.data, nullptr);
  EXPECT_EQ(opened.data->size(), 1 + 3 + 2);
  EXPECT_THAT(
      opened.report.warnings,
      ElementsAre(
          AllOf(HasSubstr(root + "/frames.tar: 63 images ignored"),
                HasSubstr("the first 'd/frame';"), HasSubstr("before the first dot")),
          AllOf(HasSubstr(root + "/cams.tar: 3 images ignored"), HasSubstr("the first 'a';"))));
}

// A bug once: a line of each such member, however many.
TEST(Shards, WhatIsWrongWithManyMembersIsOneLineOfAShard) {
  const std::string root = NewFolder("many_alike");
  const std::string png = EncodePng(GradientImage(5, 4));
  std::vector<Member> members;
  for (int i = 0; i < 300; ++i) {
    members.push_back({absl::StrCat("a\n", i % 20, ".png"), png});
    members.push_back({absl::StrCat("a\n", i % 20, ".cls"), "cat\n"});
  }
  WriteFile(root + "/0.tar", WriteTar(members));
  WriteFile(root + "/1.tar", WriteTar({{"a.png", png}, {"a.png", png}, {"a.cls", "x"}}));
  const Opened opened = MustOpen(root, {"0.tar", "1.tar"});
  ASSERT_NE(opened.data, nullptr);
  EXPECT_EQ(opened.data->size(), 21);
  EXPECT_THAT(opened.report.warnings,
              ElementsAre(AllOf(HasSubstr(root + "/0.tar: 560 members have the name of one before"),
                                HasSubstr("the first 'a\\x0A0.png'; give every sample a key")),
                          AllOf(HasSubstr(root + "/0.tar: 20 labels cannot be read"),
                                HasSubstr("'a\\x0A0.cls': 'cat\\x0A' is not a number")),
                          HasSubstr(root + "/1.tar:a.png: comes twice"),
                          HasSubstr(root + "/1.tar:a.cls: 'x' is not a number")));
}

TEST(OpenShards, WarningsOfManyShardsAreLimited) {
  const std::string root = NewFolder("many_shards");
  const std::string png = EncodePng(GradientImage(5, 4));
  const std::string bytes = WriteTar({{"a.png", png}, {"a.png", png}});
  for (int i = 0; i < 9; ++i) WriteFile(absl::StrCat(root, "/", i, ".tar"), bytes);
  OpenOptions options;
  options.data_path = root;
  for (const int most : {0, 8, 9}) {
    options.max_warnings = most;
    const auto data = OpenDatasets(options);
    ASSERT_TRUE(data.ok()) << data.status();
    ASSERT_EQ(data->warnings.size(), 9u);
    EXPECT_THAT(data->warnings[8], HasSubstr(most == 8 ? "... and 1" : "8.tar:a.png: comes twice"));
  }
  options.max_warnings = 8;
  EXPECT_EQ(OpenDatasets(options)->warnings.back(),
            "... and 1 more about the data; check_data --json=FILE has them all");
}

}  // namespace
}  // namespace models
