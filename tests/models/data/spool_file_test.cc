#include "models/data/spool_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "models/data/tar_index.h"
#include "tests/models/data/test_images.h"
#include "tests/models/data/test_shards.h"

namespace models {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
namespace fs = std::filesystem;

std::unique_ptr<SpoolFile> MustCreate(const SpoolFile::Limits& limits = SpoolFile::Limits()) {
  auto spool = SpoolFile::Create(limits);
  EXPECT_TRUE(spool.ok()) << spool.status();
  return spool.ok() ? *std::move(spool) : nullptr;
}

std::string Bytes(const SpoolFile& spool, const SpoolFile::Piece& piece) {
  const auto bytes = ReadAt(spool.file(), piece.base, piece.size, "spool");
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.ok() ? *bytes : "";
}

// Hardly to be packed, of more than one buffer.
std::string Noise(size_t size) {
  std::string bytes(size, '\0');
  uint32_t state = 1;
  for (char& c : bytes) c = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
  return bytes;
}

TEST(Spool, MembersFollowOneAnother) {
  const std::string root = NewFolder("members");
  const std::string noise = Noise(600'000), zeros(1'000'000, '\0');
  const auto spool = MustCreate();
  // Several members, an empty one among them; then what tapes are filled up with.
  WriteFile(root + "/a.gz",
            Gzip(noise) + Gzip("") + Gzip(zeros) + Gzip("end") + std::string(777, '\0'));
  WriteFile(root + "/b.gz", Gzip("b"));
  for (const std::string& expected : {noise + zeros + "end", std::string("b")}) {
    const auto piece = spool->Unpack(root + (expected == "b" ? "/b.gz" : "/a.gz"));
    ASSERT_TRUE(piece.ok()) << piece.status();
    EXPECT_EQ(piece->broken, "");
    EXPECT_EQ(piece->base, expected == "b" ? 1'600'003 : 0);
    EXPECT_TRUE(Bytes(*spool, *piece) == expected);
  }
  // The last member's size says nothing about all: that is no reason to refuse the file, as
  // it was once, when 2^32 were added to it.
  const auto room = CheckSpoolRoom(*spool, {root + "/a.gz", root + "/b.gz"});
  EXPECT_TRUE(room.ok()) << room;
}

TEST(Spool, EveryByteBeforeTheDamageComes) {
  const std::string root = NewFolder("damage");
  const std::string noise = Noise(600'000);
  const std::string whole = Gzip(noise);
  struct Case {
    std::string bytes, reason;
    size_t least, most;
  };
  std::string wrong_sum = whole, wrong_length = whole, wrong_header = whole + Gzip("more");
  wrong_sum[whole.size() - 8] ^= 1;
  wrong_length[whole.size() - 4] ^= 1;
  wrong_header[whole.size() + 1] = 'x';
  const size_t all = noise.size();
  for (const Case& c : {Case{wrong_sum, "incorrect data check", all, all},
                        Case{wrong_length, "incorrect length check", all, all},
                        Case{wrong_header, "incorrect header check", all, all},
                        Case{whole.substr(0, whole.size() - 3), "end too early", all, all},
                        Case{whole.substr(0, whole.size() - 8), "end too early", all, all},
                        Case{whole.substr(0, 300'000), "end too early", 290'000, 300'000},
                        Case{whole.substr(0, 10), "end too early", 0, 0},
                        Case{whole + Gzip("more").substr(0, 5), "end too early", all, all}}) {
    WriteFile(root + "/x.gz", c.bytes);
    const auto spool = MustCreate();
    const auto piece = spool->Unpack(root + "/x.gz");
    ASSERT_TRUE(piece.ok()) << piece.status();
    EXPECT_THAT(piece->broken, HasSubstr(c.reason));
    const std::string got = Bytes(*spool, *piece);
    EXPECT_GE(got.size(), c.least) << c.reason;
    EXPECT_LE(got.size(), c.most) << c.reason;
    EXPECT_TRUE(noise.compare(0, got.size(), got) == 0);
  }
}

TEST(Spool, ABombIsStoppedAndNamed) {
  const std::string path = NewFolder("bomb") + "/bomb.tar.gz";
  // Its end says one byte.
  const std::string packed = Gzip(std::string(8 << 20, '\0')) + Gzip("x");
  WriteFile(path, packed);
  SpoolFile::Limits limits;
  limits.always_bytes = 1 << 20;
  auto spool = MustCreate(limits);
  EXPECT_THAT(std::string(spool->Unpack(path).status().message()),
              AllOf(HasSubstr(path), HasSubstr(absl::StrCat("its ", packed.size(), " bytes")),
                    HasSubstr("become more than 1048576"), HasSubstr("itself says 1)"),
                    HasSubstr("gunzip")));
  EXPECT_LE(spool->size(), 1 << 20);
  // What is not packed by so much, or is not large, is none.
  limits.ratio = 2000;
  for (const SpoolFile::Limits& enough : {limits, SpoolFile::Limits()}) {
    spool = MustCreate(enough);
    const auto piece = spool->Unpack(path);
    ASSERT_TRUE(piece.ok()) << piece.status();
    EXPECT_EQ(piece->size, (8 << 20) + 1);
  }
}

TEST(Spool, SomeRoomStaysFree) {
  const std::string path = absl::StrCat(kMade, "/packed.tar.gz");
  SpoolFile::Limits limits;
  limits.keep_free = int64_t{1} << 60;
  const auto spool = MustCreate(limits);
  EXPECT_LT(spool->Room(), 0);
  const auto piece = spool->Unpack(path);
  EXPECT_EQ(piece.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(piece.status().message()),
              AllOf(HasSubstr(path), HasSubstr(spool->folder()), HasSubstr("GiB"),
                    HasSubstr("set TMPDIR")));
  EXPECT_EQ(spool->size(), 0);
  EXPECT_FALSE(CheckSpoolRoom(*spool, {path}).ok());
}

TEST(Shards, AWrongChecksumIsNamedAndTheRestUsed) {
  const std::string root = NewFolder("checksum");
  for (const size_t from_end : {8, 4}) {
    std::string bytes = Made("packed.tar.gz");
    bytes[bytes.size() - from_end] ^= 1;
    WriteFile(root + "/x.tar.gz", bytes);
    const Opened opened = MustOpen(root, {"x.tar.gz"});
    ASSERT_NE(opened.data, nullptr);
    EXPECT_EQ(opened.data->size(), 5);
    for (int64_t i = 0; i < 5; ++i) EXPECT_TRUE(opened.data->Load(i).ok());
    EXPECT_THAT(opened.report.warnings,
                ElementsAre(AllOf(
                    HasSubstr(root + "/x.tar.gz: "), HasSubstr("15 members"),
                    HasSubstr(from_end == 8 ? "incorrect data check" : "incorrect length check"),
                    HasSubstr("again"), Not(HasSubstr("breaks off")))));
  }
}

TEST(Shards, GzipShardsNeedRoomAndLeaveNothingBehind) {
  const std::string folder = NewFolder("spool");
  ASSERT_EQ(::setenv("TMPDIR", folder.c_str(), 1), 0);
  {
    const Opened opened = MustOpen(kMade, {"packed.tar.gz"});
    EXPECT_EQ(opened.report.spool_folder, folder);
    EXPECT_TRUE(opened.data->Load(0).ok());
    EXPECT_TRUE(fs::is_empty(folder));
    auto spool = SpoolFile::Create();
    ASSERT_TRUE(spool.ok());
    const std::vector<std::string> few = {absl::StrCat(kMade, "/packed.tar.gz")};
    EXPECT_TRUE(CheckSpoolRoom(**spool, few).ok());
    // A sparse file says of itself that it is large.
    const std::string large = NewFolder("large") + "/large.tar.gz";
    WriteFile(large, Made("packed.tar.gz"));
    fs::resize_file(large, uintmax_t{1} << 43);
    EXPECT_THAT(std::string(CheckSpoolRoom(**spool, {large}).message()),
                AllOf(HasSubstr(folder), HasSubstr("GiB"), HasSubstr("TMPDIR")));
  }
  ASSERT_EQ(::setenv("TMPDIR", (folder + "/none").c_str(), 1), 0);
  EXPECT_THAT(OpenError(kMade, {"packed.tar.gz"}),
              AllOf(HasSubstr(folder + "/none"), HasSubstr("set TMPDIR")));
  ::unsetenv("TMPDIR");
}

}  // namespace
}  // namespace models
