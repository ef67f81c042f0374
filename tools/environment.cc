#include "tools/environment.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "backends/cpu/openmp.h"
#include "graph/base/quoted.h"
#include "models/files/durable.h"
#include "models/training/json_reader.h"
#include "tools/benchmark/host.h"
#include "tools/benchmark/roofline.h"
#include "tools/version.h"

extern char** environ;

namespace tools {
namespace {

using Json = Environment;

Json TextOrNull(const std::string& text) { return text.empty() ? Json() : Json(text); }

// PRETTY_NAME of /etc/os-release.
std::string OperatingSystem() {
  std::ifstream file("/etc/os-release");
  for (std::string line; std::getline(file, line);) {
    absl::string_view value = line;
    if (!absl::ConsumePrefix(&value, "PRETTY_NAME=")) continue;
    absl::ConsumePrefix(&value, "\"");
    absl::ConsumeSuffix(&value, "\"");
    return std::string(value);
  }
  return "";
}

std::string Kernel() {
  utsname name = {};
  if (uname(&name) != 0) return "";
  return absl::StrCat(name.sysname, " ", name.release, " ", name.machine);
}

Json MemoryMib() {
  const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
  if (pages <= 0 || size <= 0) return Json();
  return static_cast<int64_t>(pages) * size / (1024 * 1024);
}

// Standard output of a program, run without a shell; empty if it cannot be run, fails, or takes
// longer than `limit`.
std::string Output(const std::vector<std::string>& command,
                   const std::vector<std::string>& environment, absl::Duration limit) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return "";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> argv, envp;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  for (const std::string& word : environment) envp.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  pid_t child = 0;
  const int spawned = posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string text;
  bool ended = false;
  const auto deadline = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(limit);
  while (spawned == 0 && !ended) {
    const int64_t left = std::chrono::duration_cast<std::chrono::milliseconds>(
                             deadline - std::chrono::steady_clock::now())
                             .count();
    pollfd wait = {ends[0], POLLIN, 0};
    const int ready = left > 0 ? poll(&wait, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) break;
    char buffer[4096];
    const ssize_t n = read(ends[0], buffer, sizeof(buffer));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) break;
    ended = n == 0;
    text.append(buffer, static_cast<size_t>(n));
  }
  close(ends[0]);
  if (spawned != 0) return "";
  if (!ended) kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? text : "";
}

// The version whose bytes a resized picture has (models/data/resize.h). Earlier environments do not
// state it; theirs was the older one, which orders the passes differently for some shapes.
constexpr char kResizing[] = "as Pillow 13";
constexpr char kOldResizing[] = "as Pillow 12";
// How PNG samples are converted (models/data/picture_decoders.h); this changed shortly before.
constexpr char kOldPng[] = "as libpng converts them", kPng[] = "as they are";

// A value as shown in a phrase; empty if it cannot be compared.
std::string Shown(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number()) return value.dump();
  return "";
}

// Null if it is missing.
Json At(const Json& environment, const char* pointer) {
  const Json::json_pointer at(pointer);
  return environment.contains(at) ? environment.at(at) : Json();
}

std::string Shown(const Json& environment, const char* pointer) {
  return Shown(At(environment, pointer));
}

std::string Changed(const std::string& what, const std::string& then, const std::string& now) {
  return absl::StrCat(graph::Shortened(what), ": ", graph::Shortened(then), " then, ",
                      graph::Shortened(now), " now");
}

}  // namespace

std::string SourceCommit(const std::string& folder) {
  // Another repository's variables (this may run inside a hook) must not apply to `folder`.
  std::vector<std::string> environment;
  for (char** word = environ; *word != nullptr; ++word) {
    if (!absl::StartsWith(*word, "GIT_")) environment.emplace_back(*word);
  }
  environment.emplace_back("GIT_OPTIONAL_LOCKS=0");  // read only
  const std::string text =
      Output({"git", "-C", folder, "describe", "--always", "--dirty", "--abbrev=40"}, environment,
             absl::Seconds(10));
  return std::string(absl::StripAsciiWhitespace(text));
}

std::string FileHash(const std::string& path) {
  const absl::StatusOr<models::FileSum> sum = models::SumOfFile(path);
  return sum.ok() ? models::HexText(sum->xxh3) : "";
}

std::string DeviceText(const graph::Backend& backend) {
  return backend.device->host_accessible() ? "cpu" : backend.description;
}

Environment DescribeEnvironment(const EnvironmentOptions& options) {
  // A clone that `bazel run` or ./droppos runs knows more than the program: changes since.
  const char* tree = std::getenv("BUILD_WORKSPACE_DIRECTORY");
  Json environment;
  environment["started"] =
      absl::FormatTime("%Y-%m-%dT%H:%M:%S%Ez", options.started, absl::UTCTimeZone());
  environment["command_line"] = options.command_line;
  environment["program"] = {
      {"commit", TextOrNull(tree == nullptr ? BuiltFromCommit() : SourceCommit(tree))},
      {"hash", TextOrNull(FileHash("/proc/self/exe"))},
      {"compiler", absl::StrCat("GCC ", __VERSION__)},
  };
  const std::string cpu = CpuName();
  environment["cpu"] = {
      {"model", TextOrNull(cpu == "unknown" ? "" : cpu)},
      {"cores", backends::cpu::AllowedCpus()},
      {"threads", options.threads},
      {"instruction_set", OneDnnIsa()},
      {"math_mode", OneDnnMathMode()},
  };
  environment["device"] = options.device;
  environment["memory_mib"] = MemoryMib();
  environment["system"] = {
      {"os", TextOrNull(OperatingSystem())},
      {"kernel", TextOrNull(Kernel())},
  };
  environment["libraries"] = LibraryVersions();
  environment["resizing"] = kResizing;
  return environment;
}

std::string EnvironmentText(const Environment& environment) {
  return environment.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

Environment ParseEnvironment(absl::string_view text) {
  const absl::StatusOr<nlohmann::json> json = models::ParseJson(text);
  return json.ok() && json->is_object() ? Environment(*json) : Environment();
}

std::vector<std::string> EnvironmentDifferences(const Environment& then, const Environment& now) {
  std::vector<std::string> differences;
  const auto compare = [&](const char* what, const std::string& before, const std::string& after) {
    if (before.empty() || after.empty() || before == after) return;
    differences.push_back(Changed(what, before, after));
  };
  const auto compare_at = [&](const char* what, const char* pointer) {
    compare(what, Shown(then, pointer), Shown(now, pointer));
  };
  const auto device = [](const Json& environment) {
    const std::string said = Shown(environment, "/device");
    return said.empty() ? "cpu" : said;
  };
  compare("device", device(then), device(now));
  if (device(then) == "cpu" || device(now) == "cpu") {
    compare_at("threads", "/cpu/threads");
    compare_at("instruction set", "/cpu/instruction_set");
    compare_at("math mode of oneDNN", "/cpu/math_mode");
  }

  const Json libraries_then = At(then, "/libraries"), libraries_now = At(now, "/libraries");
  if (libraries_then.is_object() && libraries_now.is_object()) {
    const bool older = !then.contains("resizing");
    compare("resizing", older ? kOldResizing : Shown(then, "/resizing"), Shown(now, "/resizing"));
    compare("samples of PNGs with 16 bits, gAMA or cHRM", older ? kOldPng : kPng, kPng);
    // Earlier environments give most libraries the numbers of their files (libpng 16.39.0).
    const bool of_files = libraries_then.contains("libgomp");
    const auto comparable = [of_files](const std::string& name) {
      return !of_files || name == "oneDNN" || name == "glibc" || name == "abseil";
    };
    std::map<std::string, std::pair<std::string, std::string>> versions;
    for (const auto& [name, version] : libraries_then.items()) {
      if (comparable(name)) versions[name].first = Shown(version);
    }
    for (const auto& [name, version] : libraries_now.items()) {
      if (comparable(name)) versions[name].second = Shown(version);
    }
    for (const auto& [name, version] : versions) {
      const auto& [before, after] = version;
      if (before == after) continue;
      differences.push_back(
          Changed(name, before.empty() ? "none" : before, after.empty() ? "none" : after));
    }
  }

  const std::string hash_then = Shown(then, "/program/hash"),
                    hash_now = Shown(now, "/program/hash");
  if (!hash_then.empty() && !hash_now.empty() && hash_then != hash_now) {
    // If commits differ, they say more than a hash.
    std::string before = Shown(then, "/program/commit"), after = Shown(now, "/program/commit");
    if (before.empty() || after.empty() || before == after) {
      before = "build " + hash_then;
      after = "build " + hash_now;
    }
    differences.push_back(Changed("program", before, after));
  }
  return differences;
}

}  // namespace tools
