#include "tests/tools/cli/run_program.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "gtest/gtest.h"

namespace tools {

namespace fs = std::filesystem;

namespace {

bool OnEmulatedGpu() {
  const char* const device = std::getenv(kTestDevice);
  return device != nullptr && std::strcmp(device, "emulated") == 0;
}

// Whether the program is to compute on the emulated GPU although its arguments do not say so.
bool TakesEmulatedGpu(const std::string& program, const std::vector<std::string>& args) {
  static const std::set<std::string> programs = {
      "bench",  "check_parity", "evaluate", "extract_features", "predict_positions",
      "replay", "train"};
  const auto names_device = [](const std::string& arg) {
    return arg.rfind("--device", 0) == 0 || arg.rfind("--backend", 0) == 0;
  };
  return OnEmulatedGpu() && programs.count(program) > 0 &&
         std::none_of(args.begin(), args.end(), names_device);
}

}  // namespace

std::string Contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

fs::path Scratch() { return std::getenv("TEST_TMPDIR"); }

pid_t StartProgram(const std::string& program, std::vector<std::string> args,
                   const fs::path& folder, const fs::path& out, const fs::path& err) {
  const bool chooses =
      program == "train" || program == "evaluate" || program == "extract_features";
  // A run that goes on has its own; with auto it may begin.
  const auto says_precision = [](const std::string& arg) {
    return arg.rfind("--precision", 0) == 0 ||
           (arg.rfind("--resume=", 0) == 0 && arg != "--resume=auto");
  };
  if (chooses && std::none_of(args.begin(), args.end(), says_precision)) {
    args.insert(args.begin(), kSamePrecision);
  }
  fs::path path = fs::absolute("tools/" + program);
  if (OnEmulatedGpu()) {
    const fs::path emulated = fs::absolute("tests/tools/cuda/" + program);
    if (fs::exists(emulated)) path = emulated;
    if (TakesEmulatedGpu(program, args)) args.insert(args.begin(), "--device=cuda");
  }
  args.insert(args.begin(), path);
  const pid_t child = fork();
  if (child != 0) return child;
  setenv("BUILD_WORKING_DIRECTORY", folder.c_str(), 1);
  // A background job of a script, as these tests may be, starts with signals ignored.
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(signal, SIG_DFL);
  std::vector<char*> argv;
  for (std::string& arg : args) argv.push_back(arg.data());
  argv.push_back(nullptr);
  dup2(open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
  dup2(open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
  execv(argv[0], argv.data());
  _exit(127);
}

int ExitCode(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Outcome RunProgram(const std::string& program, const std::vector<std::string>& args,
                   const fs::path& folder) {
  const fs::path out = Scratch() / "out.txt", err = Scratch() / "err.txt";
  const pid_t child = StartProgram(program, args, folder, out, err);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  Outcome outcome = {ExitCode(status), Contents(out), Contents(err)};
  constexpr char kSaysDevice[] = "on     cuda:0\n";
  if (const size_t at = outcome.out.find(kSaysDevice);
      at != std::string::npos && TakesEmulatedGpu(program, args)) {
    outcome.out.erase(at, std::strlen(kSaysDevice));
  }
  return outcome;
}

}  // namespace tools
