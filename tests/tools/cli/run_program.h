// A program of tools/ run as a person runs it.
#ifndef TESTS_TOOLS_CLI_RUN_PROGRAM_H_
#define TESTS_TOOLS_CLI_RUN_PROGRAM_H_

#include <filesystem>
#include <string>
#include <vector>

namespace tools {

struct Outcome {
  int exit_code = -1;  // 128 + N: ended by signal N
  std::string out, err;
};

// Of the whole file; empty where there is none.
std::string Contents(const std::filesystem::path& path);

// Bazel's own folder for what a test writes.
std::filesystem::path Scratch();

// Runs tools/<program> as `bazel run //tools:<program> -- args` typed in `folder`.
// Waits for its end.
Outcome RunProgram(const std::string& program, std::vector<std::string> args,
                   const std::filesystem::path& folder);

}  // namespace tools

#endif  // TESTS_TOOLS_CLI_RUN_PROGRAM_H_
