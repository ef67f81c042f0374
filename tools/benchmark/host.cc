#include "tools/benchmark/host.h"

#include <time.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace tools {
namespace {

// The text after "key:" in the first line of `path` that begins with it; empty if there is none.
std::string Field(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!absl::StartsWith(line, key)) continue;
    const size_t colon = line.find(':');
    if (colon != std::string::npos) {
      return std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)));
    }
  }
  return "";
}

}  // namespace

std::string CpuName() {
  const std::string name = Field("/proc/cpuinfo", "model name");
  return name.empty() ? "unknown" : name;
}

double PeakResidentMib() {
  const std::string text = Field("/proc/self/status", "VmHWM");  // "12345 kB"
  double kib = 0;
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  if (!absl::SimpleAtod(words.front(), &kib)) return 0;
  return kib / 1024;
}

bool ResetPeakResident() {
  std::ofstream file("/proc/self/clear_refs");
  file << "5";  // proc(5): resets the peak and touches nothing else
  file.flush();
  return static_cast<bool>(file);
}

double SecondsSinceLaunch() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  // Field 22 in proc(5). The second is the program's name in brackets and may hold
  // anything; the third follows the last bracket.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return 0;
  const std::vector<std::string> fields =
      absl::StrSplit(text.substr(name_end + 1), ' ', absl::SkipEmpty());
  constexpr size_t kStartTime = 22 - 3;
  double ticks = 0;
  timespec now = {};
  if (fields.size() <= kStartTime || !absl::SimpleAtod(fields[kStartTime], &ticks) ||
      clock_gettime(CLOCK_BOOTTIME, &now) != 0) {
    return 0;
  }
  const double start = ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec) - start;
}

}  // namespace tools
