// The report of kernels on a machine that need not have a GPU.
#include <cstdlib>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::HasSubstr;

Outcome Report(std::vector<std::string> args) { return RunProgram("op_report", args, Scratch()); }

TEST(OpReportCli, NothingIsMissing) {
  const Outcome outcome = Report({"--backend=cpu,reference", "--missing"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

TEST(OpReportCli, TheLastLineIsJson) {
  const Outcome outcome = Report({"--backend=reference", "--json"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              HasSubstr("reference: no 8-bit products, so a net that asks for them is refused"));
  const nlohmann::json json = nlohmann::json::parse(outcome.out.substr(outcome.out.rfind("\n{")));
  EXPECT_EQ(json["kernels"][0]["operator"], "AdamW");
}

TEST(OpReportCli, ALibraryThatIsNotThereIsAnErrorWhereItIsAskedFor) {
  setenv("DROPPOS_CUDA_LIBRARY", "/nowhere/libdroppos_cuda.so", 1);
  const Outcome asked = Report({"--backend=cuda", "--missing"});
  EXPECT_EQ(asked.exit_code, 1);
  EXPECT_EQ(asked.out, "");
  EXPECT_THAT(asked.err, HasSubstr("--backend=cuda: the CUDA backend does not load"));
  const Outcome by_default = Report({"--missing"});
  EXPECT_EQ(by_default.exit_code, 0);
  EXPECT_EQ(by_default.out, "");
  EXPECT_THAT(by_default.err, HasSubstr("note: cuda: the CUDA backend does not load"));
  unsetenv("DROPPOS_CUDA_LIBRARY");
}

// This program's library, where it was built with one; it is asked without a driver.
TEST(OpReportCli, CudaIsAskedWithoutAGpu) {
  setenv("CUDA_VISIBLE_DEVICES", "", 1);
  const Outcome outcome = Report({"--backend=cuda", "--missing"});
  unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_EQ(outcome.out, "");
#if WITH_CUDA
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
#else
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("built without CUDA"));
#endif
}

}  // namespace
}  // namespace tools
