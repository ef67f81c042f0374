// A program of tools/ run as a person runs it.
#ifndef TESTS_TOOLS_CLI_RUN_PROGRAM_H_
#define TESTS_TOOLS_CLI_RUN_PROGRAM_H_

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace tools {

struct Outcome {
  int exit_code = -1;  // as ExitCode()
  std::string out, err;
};

// Of the whole file; empty where there is none.
std::string Contents(const std::filesystem::path& path);

// Bazel's own folder for what a test writes.
std::filesystem::path Scratch();

// Without it train, evaluate, extract_features and bench choose by the processor, and a test would
// not compute the same on each.
inline constexpr char kSamePrecision[] = "--precision=fp32";

// Where the environment's DROPPOS_TEST_DEVICE is "emulated", programs that compute are those of
// //tests/tools/cuda, and get --device=cuda unless `args` name a device. RunProgram leaves out the
// line in which some then say where they compute.
inline constexpr char kTestDevice[] = "DROPPOS_TEST_DEVICE";

// Starts tools/<program> as `bazel run //tools:<program> -- args` typed in `folder`, with
// what it prints in `out` and `err`, made anew; for waitpid(). The first three programs above get
// kSamePrecision, unless `args` say another or name a run to resume.
pid_t StartProgram(const std::string& program, std::vector<std::string> args,
                   const std::filesystem::path& folder, const std::filesystem::path& out,
                   const std::filesystem::path& err);

// 128 + N where `status`, waitpid()'s, says that signal N ended the program.
int ExitCode(int status);

// The same, and waits for its end.
Outcome RunProgram(const std::string& program, const std::vector<std::string>& args,
                   const std::filesystem::path& folder);

}  // namespace tools

#endif  // TESTS_TOOLS_CLI_RUN_PROGRAM_H_
