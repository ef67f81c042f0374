#include "tools/environment.h"

#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tools {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

std::string TestPath(const std::string& name) {
  return absl::StrCat(std::getenv("TEST_TMPDIR"), "/", name);
}

Environment Described() {
  EnvironmentOptions options;
  options.command_line = {"train", "--model=droppos_tiny", "--output_dir=a b"};
  options.started = absl::FromUnixSeconds(1700000000);
  options.threads = 3;
  return DescribeEnvironment(options);
}

TEST(Environment, SaysWhatARunIsComputedByAndOn) {
  unsetenv("BUILD_WORKSPACE_DIRECTORY");
  const Environment e = Described();
  EXPECT_EQ(e["started"], "2023-11-14T22:13:20+00:00");
  EXPECT_EQ(e["command_line"],
            (std::vector<std::string>{"train", "--model=droppos_tiny", "--output_dir=a b"}));
  EXPECT_TRUE(e["program"]["commit"].is_null());
  EXPECT_THAT(e["program"]["hash"].get<std::string>(), MatchesRegex("[0-9a-f]{16}"));
  EXPECT_THAT(e["program"]["compiler"].get<std::string>(), HasSubstr("GCC "));
  EXPECT_EQ(e["cpu"]["threads"], 3);
  EXPECT_GE(e["cpu"]["cores"].get<int>(), 1);
  EXPECT_THAT(e["cpu"]["instruction_set"].get<std::string>(), HasSubstr("avx"));
  EXPECT_EQ(e["cpu"]["math_mode"], "strict");
  EXPECT_GT(e["memory_mib"].get<int64_t>(), 100);
  EXPECT_THAT(e["system"]["kernel"].get<std::string>(), HasSubstr("Linux "));
  for (const char* library : {"oneDNN", "glibc", "protobuf", "abseil"}) {
    ASSERT_TRUE(e["libraries"].contains(library)) << e;
    EXPECT_THAT(e["libraries"][library].get<std::string>(), MatchesRegex("[0-9]+[0-9.]*"));
  }
  // What is written is what was described.
  EXPECT_EQ(Environment::parse(EnvironmentText(e)), e);
}

TEST(Environment, ACommandLineNeedNotBeUtf8) {
  EnvironmentOptions options;
  options.command_line = {"train", "--output_dir=\xff\xfe"};
  const std::string text = EnvironmentText(DescribeEnvironment(options));
  EXPECT_EQ(Environment::parse(text)["command_line"][1], "--output_dir=\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Environment, ItselfIsTheSame) {
  EXPECT_THAT(EnvironmentDifferences(Described(), Described()), IsEmpty());
}

TEST(EnvironmentDifferences, NamesWhatMayChangeBits) {
  const Environment then = Described();
  Environment now = then;
  now["started"] = "later";
  now["command_line"] = {"train"};
  now["cpu"]["model"] = "another";
  now["memory_mib"] = 1;
  EXPECT_THAT(EnvironmentDifferences(then, now), IsEmpty());
  now["cpu"]["threads"] = 8;
  now["cpu"]["instruction_set"] = "sse41";
  now["cpu"]["math_mode"] = "bf16";  // ONEDNN_DEFAULT_FPMATH_MODE
  now["libraries"]["oneDNN"] = "9.9.9";
  now["libraries"].erase("abseil");
  const std::string isa = then["cpu"]["instruction_set"], abseil = then["libraries"]["abseil"],
                    onednn = then["libraries"]["oneDNN"];
  EXPECT_THAT(EnvironmentDifferences(then, now),
              ElementsAre("threads: 3 then, 8 now", "instruction set: " + isa + " then, sse41 now",
                          "math mode of oneDNN: strict then, bf16 now",
                          "abseil: " + abseil + " then, none now",
                          "oneDNN: " + onednn + " then, 9.9.9 now"));
}

// Earlier environments name no device: there was the CPU alone.
TEST(EnvironmentDifferences, OnGpusTheProcessorSaysNothing) {
  Environment cpu = Described(), gpu = cpu, older = cpu;
  EXPECT_EQ(cpu["device"], "cpu");
  older.erase("device");
  gpu["device"] = "A GPU, 80 GiB";
  EXPECT_THAT(EnvironmentDifferences(older, cpu), IsEmpty());
  EXPECT_THAT(EnvironmentDifferences(older, gpu),
              ElementsAre("device: cpu then, A GPU, 80 GiB now"));
  Environment other = gpu;
  other["cpu"]["threads"] = 8;
  other["cpu"]["instruction_set"] = "sse41";
  EXPECT_THAT(EnvironmentDifferences(gpu, other), IsEmpty());
  EXPECT_THAT(EnvironmentDifferences(cpu, other),
              ElementsAre("device: cpu then, A GPU, 80 GiB now", "threads: 3 then, 8 now",
                          testing::StartsWith("instruction set: ")));
}

// Earlier environments gave the numbers of files, "libpng 16.39.0", which are no releases.
TEST(EnvironmentDifferences, NumbersOfFilesAreNotCompared) {
  const Environment now = Described();
  Environment then = now;
  then["libraries"]["libgomp"] = "1.0.0";
  then["libraries"]["protobuf"] = "32.0.12";
  then["libraries"]["oneDNN"] = "3.1.0";
  EXPECT_THAT(
      EnvironmentDifferences(then, now),
      ElementsAre("oneDNN: 3.1.0 then, " + now["libraries"]["oneDNN"].get<std::string>() + " now"));
}

// Runs of before it was noted resized as Pillow 12, and had PNGs from libpng's simplified
// interface.
TEST(EnvironmentDifferences, AnOlderRunHadOtherPixels) {
  Environment then = Described();
  const Environment now = then;
  then.erase("resizing");
  EXPECT_THAT(EnvironmentDifferences(then, now),
              ElementsAre("resizing: as Pillow 12 then, as Pillow 13 now",
                          "samples of PNGs with 16 bits, gAMA or cHRM: as libpng converts them "
                          "then, as they are now"));
}

TEST(EnvironmentDifferences, AProgramIsItsHash) {
  const auto with = [](Environment commit, Environment hash) {
    Environment e;
    e["program"] = {{"commit", commit}, {"hash", hash}};
    return e;
  };
  EXPECT_THAT(EnvironmentDifferences(with("aa", "11"), with("bb", "11")), IsEmpty());
  EXPECT_THAT(EnvironmentDifferences(with("aa", "11"), with("bb", "22")),
              ElementsAre("program: aa then, bb now"));
  EXPECT_THAT(EnvironmentDifferences(with("aa", "11"), with("aa", "22")),
              ElementsAre("program: build 11 then, build 22 now"));
  EXPECT_THAT(EnvironmentDifferences(with(nullptr, "11"), with("aa", "22")),
              ElementsAre("program: build 11 then, build 22 now"));
  EXPECT_THAT(EnvironmentDifferences(with("aa", nullptr), with("bb", "22")), IsEmpty());
}

// A file that somebody edited, or of another version.
TEST(EnvironmentDifferences, WhatIsMissingOrMisshapenIsPassedOver) {
  const Environment now = Described();
  for (const char* text : {"null", "[]", "7", "{}", R"({"cpu": 3, "program": [], "libraries": ""})",
                           R"({"cpu": {"threads": [1]}, "program": {"hash": {}}})"}) {
    EXPECT_THAT(EnvironmentDifferences(Environment::parse(text), now), IsEmpty()) << text;
    EXPECT_THAT(EnvironmentDifferences(now, Environment::parse(text)), IsEmpty()) << text;
  }
}

TEST(FileHash, NamesContent) {
  std::ofstream(TestPath("a")) << "one";
  std::ofstream(TestPath("b")) << "one";
  std::ofstream(TestPath("c")) << "two";
  EXPECT_EQ(FileHash(TestPath("a")), FileHash(TestPath("b")));
  EXPECT_NE(FileHash(TestPath("a")), FileHash(TestPath("c")));
  EXPECT_EQ(FileHash(TestPath("none")), "");
}

// A program called git before the real one, which need not be there.
class SourceCommitTest : public ::testing::Test {
 protected:
  void Git(const std::string& script) {
    const std::string folder = TestPath("bin");
    mkdir(folder.c_str(), 0755);
    std::ofstream(folder + "/git") << "#!/bin/sh\n" << script << "\n";
    chmod((folder + "/git").c_str(), 0755);
    setenv("PATH", (folder + ":/usr/bin:/bin").c_str(), 1);
  }
};

TEST_F(SourceCommitTest, IsWhatGitSays) {
  setenv("GIT_DIR", "/elsewhere", 1);
  Git("echo \"$* [$GIT_DIR] [$GIT_OPTIONAL_LOCKS]\"");
  EXPECT_EQ(SourceCommit("/a b;c"), "-C /a b;c describe --always --dirty --abbrev=40 [] [0]");
  unsetenv("GIT_DIR");
  Git("echo 0123abcd-dirty");
  setenv("BUILD_WORKSPACE_DIRECTORY", "/tree", 1);
  EXPECT_EQ(Described()["program"]["commit"], "0123abcd-dirty");
  unsetenv("BUILD_WORKSPACE_DIRECTORY");
}

TEST_F(SourceCommitTest, IsEmptyWithoutARepositoryOrGit) {
  Git("echo half; echo 'fatal: not a git repository' >&2; exit 128");
  EXPECT_EQ(SourceCommit("/tree"), "");
  Git("kill -9 $$");
  EXPECT_EQ(SourceCommit("/tree"), "");
  setenv("PATH", TestPath("empty").c_str(), 1);
  EXPECT_EQ(SourceCommit("/tree"), "");
}

}  // namespace
}  // namespace tools
