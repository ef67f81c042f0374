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

}  // namespace
}  // namespace models
