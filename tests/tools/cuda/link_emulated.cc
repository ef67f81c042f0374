// Linked into a program of tools/, this makes the emulated CUDA backend what --device=cuda gives.
// What the emulator and the runtime find ends the program with kFound, whatever it made of the
// error.
//
// FAKE_GPU says what the machine has, as words: "driver=none", "driver=old", "devices=2", "major=7"
// and "mib=64" (of memory).
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "tests/fake_cuda/control.h"
#include "tests/harness/emulated_backend.h"
#include "tools/cuda_backend.h"

namespace tools {
namespace {

constexpr int kFound = 70;

int Number(absl::string_view text) {
  int number = 0;
  if (!absl::SimpleAtoi(text, &number)) std::abort();
  return number;
}

fake_cuda::Options FakeGpu() {
  fake_cuda::Options options;
  const char* const words = std::getenv("FAKE_GPU");
  if (words == nullptr) return options;
  for (const absl::string_view word : absl::StrSplit(words, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    if (word == "driver=none") {
      options.driver = fake_cuda::Driver::kNone;
    } else if (word == "driver=old") {
      options.driver = fake_cuda::Driver::kTooOld;
    } else if (pair.first == "devices") {
      options.devices = Number(pair.second);
    } else if (pair.first == "major") {
      options.major = Number(pair.second);
    } else if (pair.first == "mib") {
      options.memory_bytes = static_cast<size_t>(Number(pair.second)) << 20;
    } else {
      std::fprintf(stderr, "FAKE_GPU: no such word: %s\n", std::string(word).c_str());
      std::abort();
    }
  }
  return options;
}

void EndWithFindings() {
  const std::vector<std::string> findings = fake_cuda::TakeFindings();
  for (const std::string& finding : findings) std::fprintf(stderr, "found: %s\n", finding.c_str());
  if (!findings.empty()) _exit(kFound);
}

const bool linked = [] {
  fake_cuda::Reset(FakeGpu());
  UseLinkedCudaBackend(harness::MakeEmulatedBackend);
  std::atexit(EndWithFindings);
  return true;
}();

}  // namespace
}  // namespace tools
