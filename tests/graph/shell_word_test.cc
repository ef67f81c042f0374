#include "graph/base/shell_word.h"

#include "gtest/gtest.h"

namespace graph {
namespace {

TEST(ShellWord, IsOneWord) {
  EXPECT_EQ(ShellWord("/runs/a-1.b"), "/runs/a-1.b");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("my cats; rm"), "'my cats; rm'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
}

}  // namespace
}  // namespace graph
