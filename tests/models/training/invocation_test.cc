#include "models/training/invocation.h"

#include <cstdlib>

#include "gtest/gtest.h"

namespace models {
namespace {

TEST(Invocation, NamesTheLauncherThatRunsUs) {
  ::unsetenv("DROPPOS_LAUNCHER");
  EXPECT_EQ(Invocation("replay"), "bazel run //tools:replay --");
  ::setenv("DROPPOS_LAUNCHER", "./droppos", 1);
  EXPECT_EQ(Invocation("replay"), "./droppos replay");
}

TEST(ShellWord, IsOneWord) {
  EXPECT_EQ(ShellWord("/runs/a-1.b"), "/runs/a-1.b");
  EXPECT_EQ(ShellWord(""), "''");
  EXPECT_EQ(ShellWord("my cats; rm"), "'my cats; rm'");
  EXPECT_EQ(ShellWord("it's"), "'it'\\''s'");
}

}  // namespace
}  // namespace models
