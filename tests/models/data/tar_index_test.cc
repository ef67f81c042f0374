#include "models/data/tar_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/data/file_util.h"
#include "models/data/spool_file.h"
#include "tests/models/data/test_images.h"
#include "tests/models/data/test_shards.h"

namespace models {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(TarIndex, OffsetsAreThoseThatPythonReads) {
  std::ifstream file(absl::StrCat(kMade, "/offsets.txt"));
  std::map<std::string, std::vector<std::string>> expected;
  for (std::string line; std::getline(file, line);) {
    const size_t space = line.find(' ');
    expected[line.substr(0, space)].push_back(line.substr(space + 1));
  }
  ASSERT_EQ(expected.size(), 7u);
  auto spool = SpoolFile::Create();
  ASSERT_TRUE(spool.ok()) << spool.status();
  for (const auto& [name, lines] : expected) {
    const OpenFile file(absl::StrCat(kMade, "/", name));
    ASSERT_GE(file.get(), 0);
    const bool packed = absl::EndsWith(name, "gz");
    SpoolFile::Piece piece;
    piece.size = static_cast<int64_t>(Made(name).size());
    if (packed) piece = *(*spool)->Unpack(absl::StrCat(kMade, "/", name));
    EXPECT_EQ(piece.broken, "");
    const auto index =
        IndexTar(packed ? (*spool)->file() : file.get(), piece.base, piece.size,
                 [](absl::string_view p) { return absl::EndsWith(p, ".cls") ? 2 : 0; });
    ASSERT_TRUE(index.ok()) << name << ": " << index.status();
    EXPECT_EQ(index->broken, "");
    EXPECT_TRUE(index->end_mark);
    std::vector<std::string> found;
    for (const TarMember& m : index->members) {
      found.push_back(absl::StrCat(m.offset, " ", m.size, " ", m.path));
      EXPECT_EQ(m.head.size(), absl::EndsWith(m.path, ".cls") ? 1u : 0u);
    }
    EXPECT_EQ(found, lines) << name;
  }
}

// make_shards.py: as tar writes a file that it meets under a second name.
TEST(Shards, HardLinksAreTheirFiles) {
  const Opened opened = MustOpen(kMade, {"links.tar", "utf8_links.tar"});
  ASSERT_NE(opened.data, nullptr);
  auto at = ByName(*opened.data);
  ASSERT_EQ(opened.data->size(), 8);
  for (const std::string shard : {"links.tar", "utf8_links.tar"}) {
    const std::string folder = shard + (shard[0] == 'l' ? ":" : ":\xE6\xB5\xB7/");
    const std::string file = folder + "000018.png";
    // A link, and a link's link.
    for (const std::string link : {"linked.png", "twice.png"}) {
      const auto image = opened.data->Load(at.at(folder + link));
      ASSERT_TRUE(image.ok()) << image.status();
      EXPECT_EQ(image->rgb[5], 180);
      EXPECT_NE(opened.data->image_id(at.at(folder + link)), opened.data->image_id(at.at(file)));
    }
    EXPECT_EQ(opened.data->label(at.at(folder + "linked.png")), 0);  // 000018.cls
    EXPECT_EQ(opened.data->label(at.at(folder + "twice.png")), -1);
    EXPECT_EQ(opened.data->Load(at.at(folder + "000019.png"))->rgb[5], 190);
  }
  // "README" is a symbolic link, too, but of no sample.
  EXPECT_THAT(
      opened.report.warnings,
      ElementsAre(AllOf(HasSubstr("links.tar: 2 symbolic links ignored, the first 'symbolic.png'"),
                        HasSubstr("--dereference")),
                  AllOf(HasSubstr("links.tar: 1 hard link to a file that does not come before it"),
                        HasSubstr("'early.png'"), HasSubstr("--hard-dereference")),
                  HasSubstr("utf8_links.tar: 2 symbolic links"),
                  HasSubstr("utf8_links.tar: 1 hard link")));
}

TEST(Shards, HardLinksToWhatIsBadOrHasItsOwnBytes) {
  const std::string root = NewFolder("links");
  // libarchive gives a pax link that has a size its own bytes.
  const std::string png = EncodePng(GradientImage(7, 4));
  std::string own = TarHeader("own.png", static_cast<int64_t>(png.size()), '1');
  own += png + std::string((512 - png.size() % 512) % 512, '\0');
  std::string bytes = WriteTar({{"a.png", std::string(9000, '\0'), 's'},
                                {"b.png", "a.png", 'l'},
                                {"c.png", EncodePng(GradientImage(5, 4))},
                                {"self.png", "self.png", 'l'}});
  bytes.resize(bytes.size() - 1024);
  WriteFile(root + "/l.tar", bytes + own + std::string(1024, '\0'));
  const Opened opened = MustOpen(root, {"l.tar"});
  ASSERT_NE(opened.data, nullptr);
  auto at = ByName(*opened.data);
  ASSERT_EQ(opened.data->size(), 4);
  EXPECT_THAT(std::string(opened.data->Load(at.at("l.tar:b.png")).status().message()),
              AllOf(HasSubstr("l.tar:b.png"), HasSubstr("sparse")));
  EXPECT_EQ(opened.data->Load(at.at("l.tar:c.png"))->width, 5);
  EXPECT_EQ(opened.data->Load(at.at("l.tar:own.png"))->width, 7);
  EXPECT_THAT(opened.report.warnings, ElementsAre(HasSubstr("'self.png'")));
}

TEST(Shards, SparseMembersAreBadImages) {
  const std::string root = NewFolder("sparse");
  WriteFile(root + "/s.tar", WriteTar({{"a.png", EncodePng(GradientImage(5, 4))},
                                       {"b.png", std::string(9000, '\0'), 's'},
                                       {"c.png", EncodePng(GradientImage(6, 4))}}));
  const Opened opened = MustOpen(root, {"s.tar"});
  ASSERT_NE(opened.data, nullptr);
  ASSERT_EQ(opened.data->size(), 3);
  EXPECT_EQ(opened.data->Load(0)->width, 5);
  EXPECT_THAT(std::string(opened.data->Load(1).status().message()),
              AllOf(HasSubstr("s.tar:b.png: is stored as a sparse file; write the shard"),
                    HasSubstr("without tar's --sparse"), Not(HasSubstr("download"))));
  EXPECT_EQ(opened.data->Load(2)->width, 6);
}

// As cat puts them together. A bug once: what came behind the first end mark was not there.
TEST(Shards, ArchivesThatWerePutTogetherAreReadToTheEnd) {
  const std::string root = NewFolder("concatenated");
  const std::string tars[] = {
      WriteTar({{"a.png", EncodePng(GradientImage(5, 4))}, {"a.cls", "1"}}),
      WriteTar({{"b.png", EncodePng(GradientImage(6, 4))}, {"l.png", "a.png", 'l'}}),
      WriteTar(
          {{"c.png", EncodePng(GradientImage(7, 4))}, {"s.png", std::string(9000, '\0'), 's'}})};
  const std::string all = tars[2] + std::string(10240, '\0') + tars[0] + tars[1];
  WriteFile(root + "/0.tar", all);
  WriteFile(root + "/1.tar.gz", Gzip(all));
  WriteFile(root + "/2.tar.gz", Gzip(tars[2]) + Gzip(tars[0]) + Gzip(tars[1]));
  const Opened opened = MustOpen(root, {"0.tar", "1.tar.gz", "2.tar.gz"});
  ASSERT_NE(opened.data, nullptr);
  EXPECT_THAT(opened.report.warnings, IsEmpty());
  ASSERT_EQ(opened.data->size(), 15);
  auto at = ByName(*opened.data);
  for (const std::string shard : {"0.tar:", "1.tar.gz:", "2.tar.gz:"}) {
    EXPECT_EQ(opened.data->Load(at.at(shard + "a.png"))->width, 5);
    EXPECT_EQ(opened.data->label(at.at(shard + "a.png")), 1);
    EXPECT_EQ(opened.data->Load(at.at(shard + "b.png"))->width, 6);
    EXPECT_EQ(opened.data->Load(at.at(shard + "c.png"))->width, 7);
    EXPECT_EQ(opened.data->Load(at.at(shard + "l.png"))->width, 5);
  }
}

TEST(Shards, WhatComesAfterTheEndAndIsNoArchiveIsCounted) {
  const std::string root = NewFolder("after_the_end");
  const std::string tar = WriteTar({{"a.png", EncodePng(GradientImage(5, 4))}});
  WriteFile(root + "/0.tar", tar + std::string(1024, '\0') + std::string(1000, 'x'));
  WriteFile(root + "/1.tar.gz", Gzip(tar) + "junk");
  WriteFile(root + "/2.tar.gz", Gzip(tar) + std::string(100, '\0'));
  WriteFile(root + "/3.tar.gz", Gzip(tar + "junk"));
  WriteFile(root + "/4.tar.gz", Gzip(tar + "no tar.") + "junk");
  std::string wrong_sum = Gzip(tar + "junk");
  wrong_sum[wrong_sum.size() - 8] ^= 1;
  WriteFile(root + "/5.tar.gz", wrong_sum);
  const Opened opened =
      MustOpen(root, {"0.tar", "1.tar.gz", "2.tar.gz", "3.tar.gz", "4.tar.gz", "5.tar.gz"});
  ASSERT_NE(opened.data, nullptr);
  EXPECT_EQ(opened.data->size(), 6);
  for (int64_t i = 0; i < opened.data->size(); ++i) EXPECT_TRUE(opened.data->Load(i).ok());
  EXPECT_THAT(opened.report.warnings,
              ElementsAre(HasSubstr("0.tar: the 1000 bytes after its end are no tar archive"),
                          HasSubstr("1.tar.gz: the 4 bytes after its end are no gzip data"),
                          HasSubstr("3.tar.gz: the 4 bytes after its end are no tar archive"),
                          HasSubstr("4.tar.gz: the 7 bytes after its end are no tar archive"),
                          HasSubstr("4.tar.gz: the 4 bytes after its end are no gzip data"),
                          HasSubstr("5.tar.gz: has 1 member, but damaged gzip data: incorrect"),
                          HasSubstr("5.tar.gz: the 4 bytes after its end are no tar archive")));
}

// Bug once: a size below zero was taken for that of a short text and ended the program, and
// one near the largest number overflowed.
TEST(Shards, SizesThatCannotBeAreNamed) {
  const std::string root = NewFolder("sizes");
  const std::string negative(12, '\xff');
  const std::string largest = "\x80" + std::string(3, '\0') + "\x7f" + std::string(7, '\xff');
  for (const std::string& size : {negative, largest}) {
    // Of GNU's headers, of which every second one is a long name: image, label, image.
    for (const size_t header : {1024, 3072, 5120}) {
      std::string bytes = Made("gnu_long.tar");
      bytes.replace(header + 483, 12, size);  // "real size", which overrules the other
      bytes.replace(header + 148, 8, "        ");
      unsigned sum = 0;
      for (size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(bytes[header + i]);
      char text[8];
      std::snprintf(text, sizeof text, "%06o", sum);
      bytes.replace(header + 148, 7, text, 7);
      WriteFile(root + "/x.tar", bytes);
      ShardDataset::Report report;
      ASSERT_TRUE(ShardDataset::Open(root, {"x.tar"}, &report).ok());
      EXPECT_THAT(report.warnings,
                  Contains(AllOf(HasSubstr("x.tar"), HasSubstr("a header is damaged"))));
    }
  }
}

// The same by a pax header, which may say any number in decimal.
TEST(Shards, PaxSizesThatCannotBeAreNamed) {
  const std::string root = NewFolder("pax_sizes");
  for (const std::string size :
       {"9223372036854775807", "9223372036854775300", "4611686018427387904", "99999999999999",
        "9223372036854775808", "99999999999999999999999", "-1"}) {
    const auto with_length = [&](size_t length) {
      return absl::StrCat(length, " size=", size, "\n");
    };
    std::string record = with_length(10);  // its own length counts
    record = with_length(record.size());
    const auto length = static_cast<int64_t>(record.size());
    record.resize(512);
    WriteFile(root + "/x.tar", TarHeader("good.png", 0) + TarHeader("pax", length, 'x') + record +
                                   TarHeader("a.png", 0) + std::string(1024, '\0'));
    ShardDataset::Report report;
    const auto data = ShardDataset::Open(root, {"x.tar"}, &report);
    ASSERT_TRUE(data.ok()) << data.status();
    ASSERT_EQ((*data)->size(), 2) << size;
    EXPECT_THAT(std::string((*data)->Load(1).status().message()),
                AllOf(HasSubstr("x.tar:"), HasSubstr("again"),
                      AnyOf(HasSubstr("claims " + size + " bytes"),
                            HasSubstr("1024 of its " + size + " bytes"),
                            // libarchive's own words, as versions differ
                            HasSubstr("verflow"), HasSubstr("negative"), HasSubstr("damaged"))));
    EXPECT_THAT(report.warnings, ElementsAre(AllOf(HasSubstr("x.tar"), HasSubstr("breaks off"))));
  }
}

TEST(Shards, MutatedShardsNeverCrash) {
  const std::string root = NewFolder("mutated");
  const std::string originals[] = {Made("plain.tar"), Made("gnu_long.tar"), Made("pax_long.tar"),
                                   Made("packed.tar.gz")};
  int good = 0, bad = 0;
  for (uint64_t i = 0; i < 1200; ++i) {
    // Most changes would hit padding: they go to the first two members.
    std::string bytes = originals[i % 4];
    const size_t head = std::min<size_t>(bytes.size(), 4096);
    bytes = Mutate(bytes.substr(0, head), i) + bytes.substr(head);
    WriteFile(root + "/x.tar", bytes);
    ShardDataset::Report report;
    const auto data = ShardDataset::Open(root, {"x.tar"}, &report);
    if (!data.ok()) {
      ++bad;
      continue;
    }
    ++good;
    for (int64_t k = 0; k < (*data)->size(); ++k) {
      (void)(*data)->name(k);
      (void)(*data)->Load(k);
    }
  }
  EXPECT_GT(good, 100);
  EXPECT_GT(bad, 100);
}

}  // namespace
}  // namespace models
