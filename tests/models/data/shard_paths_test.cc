#include "models/data/shard_paths.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
  for (const char* name : {"b.tar", "a-0.TAR.gz", "c.tgz", "val-0.tar", "val_1.tar", ".hidden.tar",
                           "validate.tar", "x.txt"}) {
    WriteFile(root + "/" + name, "x");
  }
  WriteFile(root + "/val/0.tar", "x");
  auto found = FindShards(root);
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->root, root);
  EXPECT_THAT(found->train, ElementsAre("a-0.TAR.gz", "b.tar", "c.tgz", "validate.tar"));
  EXPECT_THAT(found->val, ElementsAre("val-0.tar", "val_1.tar", "val/0.tar"));

  found = FindShards(root + "/b.tar");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->root, root + "/");
  EXPECT_THAT(found->train, ElementsAre("b.tar"));

  found = FindShards(root + "/{b,val-0}.tar");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->root, root + "/");
  EXPECT_THAT(found->train, ElementsAre("b.tar"));
  EXPECT_THAT(found->val, ElementsAre("val-0.tar"));

  EXPECT_THAT(std::string(FindShards(root + "/{b,q}.tar").status().message()),
              AllOf(HasSubstr(root + "/q.tar"), HasSubstr("does not exist")));
  EXPECT_THAT(std::string(FindShards(root + "/val-{0..0}.tar").status().message()),
              HasSubstr("held-out shards"));
  EXPECT_THAT(FindShards(root + "/x.txt")->train, IsEmpty());
  EXPECT_THAT(FindShards(root + "/none.tar")->train, IsEmpty());
}

TEST(FindShards, TrainAndValFolders) {
  const std::string root = NewFolder("find_shards_split");
  WriteFile(root + "/train/1.tar", "x");
  WriteFile(root + "/train/0.tar", "x");
  WriteFile(root + "/val/0.tar", "x");
  const auto found = FindShards(root);
  ASSERT_TRUE(found.ok());
  EXPECT_THAT(found->train, ElementsAre("train/0.tar", "train/1.tar"));
  EXPECT_THAT(found->val, ElementsAre("val/0.tar"));
}

}  // namespace
}  // namespace models
