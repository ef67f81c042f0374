#include "tools/short_spins.h"

#include <immintrin.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>

namespace tools {
namespace {

// Longer than two threads of equal work differ, but too short to notice. A thread that spins longer
// while its partner waits for a core uses up its own time slice on that core.
constexpr double kSpinMicroseconds = 20;

}  // namespace

int SpinCount(double microseconds) {
  using Clock = std::chrono::steady_clock;
  constexpr int kPauses = 400, kTimes = 5;  // 5 µs if PAUSE is short, 20 µs if it is long
  double least = 1e9;  // of a PAUSE, in µs; other load can only make it longer
  for (int i = 0; i < kTimes; ++i) {
    const Clock::time_point begin = Clock::now();
    for (int k = 0; k < kPauses; ++k) _mm_pause();
    const std::chrono::duration<double, std::micro> spent = Clock::now() - begin;
    least = std::min(least, spent.count() / kPauses);
  }
  // No PAUSE is shorter than a nanosecond, even if a clock that stands still says so.
  return std::max(1, static_cast<int>(microseconds / std::max(least, 1e-3)));
}

void UseShortSpins(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) {
    return;
  }
  setenv("GOMP_SPINCOUNT", std::to_string(SpinCount(kSpinMicroseconds)).c_str(), 1);
  execv("/proc/self/exe", argv);
  // Without /proc the program continues, only slower on shared cores.
}

}  // namespace tools
