// Runs with OMP_STACKSIZE=16k.
#include <string>

#include "backends/cpu/openmp.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace backends::cpu {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// A bug once: the first product ended the process by a signal.
TEST(StartTeam, NamesTheVariableThatMakesStacksTooSmall) {
  EXPECT_TRUE(StartTeam(1).ok());  // on the stack that the system gave
  const absl::Status status = StartTeam(2);
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("has a stack of 16 KiB and needs "),
                                                   HasSubstr("unset OMP_STACKSIZE")));
}

}  // namespace
}  // namespace backends::cpu
