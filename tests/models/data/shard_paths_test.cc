#include "models/data/shard_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/models/data/test_images.h"

namespace models {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> Expand(const std::string& pattern) {
  const auto names = ExpandBraces(pattern);
  EXPECT_TRUE(names.ok()) << names.status();
  return names.ok() ? *names : std::vector<std::string>();
}

TEST(ExpandBraces, RangesListsAndBoth) {
  EXPECT_THAT(Expand("a/b.tar"), ElementsAre("a/b.tar"));
  EXPECT_THAT(Expand("a/{008..011}.tar"),
              ElementsAre("a/008.tar", "a/009.tar", "a/010.tar", "a/011.tar"));
  EXPECT_THAT(Expand("{8..11}"), ElementsAre("8", "9", "10", "11"));
  EXPECT_THAT(Expand("{2..0}.tar"), ElementsAre("2.tar", "1.tar", "0.tar"));
  EXPECT_THAT(Expand("{x,y z,}-{0..1}"), ElementsAre("x-0", "x-1", "y z-0", "y z-1", "-0", "-1"));
}

TEST(ExpandBraces, WhatIsNoPatternIsNamed) {
  for (const auto& [pattern, reason] : {std::pair{"a{0..1.tar", "without its '}'"},
                                        {"a{b}.tar", "neither a range"},
                                        {"a{0..x}.tar", "not a range"},
                                        {"{0..1000000}", "more than 1000000"},
                                        {"{-1..3}", "not a range"},
                                        {"{0..999}{0..999}{0..9}", "more than 1000000"},
                                        {"{0..99999999999999999999}", "not a range"},
                                        {"{}", "neither a range"}}) {
    EXPECT_THAT(std::string(ExpandBraces(pattern).status().message()),
                AllOf(HasSubstr(pattern), HasSubstr(reason)));
  }
}

TEST(FindShards, FoldersFilesAndPatterns) {
  const std::string root = NewFolder("find_shards");
  for (const char* name : {"b.tar", "a-0.TAR.gz", "c.tgz", "val-0.tar", "val_1.tar",
                           "Validation_2.tar", ".hidden.tar", "validate.tar", "x.txt"}) {
    WriteFile(root + "/" + name, "x");
  }
  WriteFile(root + "/val/0.tar", "x");
  std::filesystem::create_directories(root + "/folder.tar");  // for its pictures
  auto found = FindShardsIn(root);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->root, root);
  EXPECT_THAT(found->train, ElementsAre("a-0.TAR.gz", "b.tar", "c.tgz", "validate.tar"));
  EXPECT_THAT(found->val, ElementsAre("Validation_2.tar", "val-0.tar", "val_1.tar", "val/0.tar"));

  found = FindShardsOf(root + "/b.tar");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->root, root + "/");
  EXPECT_THAT(found->train, ElementsAre("b.tar"));

  found = FindShardsOf(root + "/{b,val-0}.tar");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->root, root + "/");
  EXPECT_THAT(found->train, ElementsAre("b.tar"));
  EXPECT_THAT(found->val, ElementsAre("val-0.tar"));

  EXPECT_THAT(std::string(FindShardsOf(root + "/{b,q}.tar").status().message()),
              AllOf(HasSubstr(root + "/q.tar"), HasSubstr("does not exist")));
  EXPECT_THAT(std::string(FindShardsOf(root + "/val-{0..0}.tar").status().message()),
              HasSubstr("held-out shards"));
  EXPECT_THAT(FindShardsOf(root + "/x.txt")->train, IsEmpty());
  EXPECT_THAT(FindShardsOf(root + "/none.tar")->train, IsEmpty());
}

TEST(FindShards, TrainAndValFolders) {
  const std::string root = NewFolder("find_shards_split");
  WriteFile(root + "/train/1.tar", "x");
  WriteFile(root + "/train/0.tar", "x");
  WriteFile(root + "/val/0.tar", "x");
  auto found = FindShardsIn(root);
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(found->train, ElementsAre("train/0.tar", "train/1.tar"));
  EXPECT_THAT(found->val, ElementsAre("val/0.tar"));
  EXPECT_THAT(found->unused, IsEmpty());
  WriteFile(root + "/archive.tar", "x");
  WriteFile(root + "/val-1.tar", "x");
  found = FindShardsIn(root);
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(found->train, ElementsAre("train/0.tar", "train/1.tar"));
  EXPECT_THAT(found->val, ElementsAre("val-1.tar", "val/0.tar"));
  EXPECT_THAT(found->unused, ElementsAre("archive.tar"));
}

TEST(FindShards, Wildcards) {
  const std::string root = NewFolder("wild");
  for (const char* name : {"b-1.tar", "b-0.tar", "a-0.tar.gz", "val-0.tar", ".b-2.tar", "b-3.txt",
                           "[b]-{0,1}.tar", "sub/b-9.tar"}) {
    WriteFile(root + "/" + name, "x");
  }
  std::filesystem::create_directories(root + "/b-7.tar");
  auto found = FindShardsOf(root + "/*.tar");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->root, root + "/");
  EXPECT_THAT(found->train, ElementsAre("[b]-{0,1}.tar", "b-0.tar", "b-1.tar"));
  EXPECT_THAT(found->val, ElementsAre("val-0.tar"));
  found = FindShardsOf(root + "/{b,a}-[0-4].tar.gz");
  EXPECT_THAT(std::string(found.status().message()),
              AllOf(HasSubstr("no shard matches " + root + "/b-[0-4].tar.gz")));
  found = FindShardsOf(root + "/{a-?.tar.gz,sub/b*.tar,b-0.tar}");
  EXPECT_THAT(found->train, IsEmpty());  // no shard's name
  found = FindShardsOf(root + "/{sub/b*,b-0}.tar");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->root, root + "/");
  EXPECT_THAT(found->train, ElementsAre("sub/b-9.tar", "b-0.tar"));
  // A file's own name comes before what it might match.
  found = FindShardsOf(root + "/[b]-{0,1}.tar");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(found->train, ElementsAre("[b]-{0,1}.tar"));
  EXPECT_THAT(std::string(FindShardsOf(root + "/{b-*,b-0}.tar").status().message()),
              AllOf(HasSubstr("names " + root + "/b-0.tar twice")));
}

// Bugs once: a test set was trained on without a word, and packed shards were not there.
TEST(FindShards, WhatIsOfAnotherSplitOrUnreadIsSetAside) {
  const std::string root = NewFolder("set_aside");
  const std::vector<std::string> others = {"imagenet1k-validation-00.tar", "test-0.tar",
                                           "valid_1.tar"};
  for (const std::string& name : others) WriteFile(root + "/" + name, "x");
  auto found = FindShardsIn(root);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->train, others);  // all there is
  EXPECT_THAT(found->aside, IsEmpty());
  for (const char* name : {"imagenet1k-train-00.tar", "contest.tar", "val-0.tar", "b.tar.xz",
                           "c.TZST", "labels.zip", "x.txt", "train/d.tar.bz2", "val/e.tar.lz4"}) {
    WriteFile(root + "/" + name, "x");
  }
  found = FindShardsIn(root);
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(found->train, ElementsAre("contest.tar", "imagenet1k-train-00.tar"));
  EXPECT_THAT(found->val, ElementsAre("val-0.tar"));
  EXPECT_EQ(found->aside, others);
  EXPECT_THAT(found->unread, ElementsAre("b.tar.xz", "c.TZST", "labels.zip", "val/e.tar.lz4"));
  // In train/ they are meant.
  WriteFile(root + "/train/test-0.tar", "x");
  found = FindShardsIn(root);
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(found->train, ElementsAre("train/test-0.tar"));
  EXPECT_THAT(found->aside, IsEmpty());
  EXPECT_THAT(found->unread, ElementsAre("train/d.tar.bz2", "val/e.tar.lz4"));
}

TEST(PatternLike, IsOfAllShardsAsDeep) {
  EXPECT_EQ(PatternLike("0.tar"), "*.tar");
  EXPECT_EQ(PatternLike("a/b.c/0.x.tar.gz"), "*/*/*.tar.gz");
  EXPECT_EQ(PatternLike("train/a/0.TGZ"), "train/*/*.TGZ");
}

// Names count from the folder before the first brace, as they did before there were wildcards:
// they are what images are known by.
TEST(FindShards, BracketsOfAFoldersNameAreNoWildcards) {
  const std::string root = NewFolder("bracketed") + "/[2020]";
  WriteFile(root + "/0.tar", "x");
  WriteFile(root + "/1.tar", "x");
  const auto found = FindShardsOf(root + "/{0..1}.tar");
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->root, root + "/");
  EXPECT_THAT(found->train, ElementsAre("0.tar", "1.tar"));
}

}  // namespace
}  // namespace models
