#include "tools/stop_signal.h"

#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <initializer_list>

namespace tools {
namespace {

constexpr char kSaid[] =
    "\r\x1b[K"
    "stopping after this step; a second signal, one second later or more, quits at once, "
    "without saving\n";
constexpr int kClearsBar = 4;  // characters at its beginning that a file must not get
constexpr int64_t kQuitsAfter = 1'000'000'000;  // nanoseconds

std::atomic<bool> g_stop{false};
std::atomic<bool> g_bar{false};
std::atomic<int64_t> g_first{0};  // time of the first signal in nanoseconds; 0: none yet
static_assert(std::atomic<int64_t>::is_always_lock_free);

int64_t Now() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Calls only what a signal handler may call. Two threads may be in it at once.
void Stop(int signal) {
  const int error = errno;
  int64_t first = 0;
  if (const int64_t now = Now(); !g_first.compare_exchange_strong(first, now)) {
    if (signal != SIGXCPU && now - first >= kQuitsAfter) {
      std::signal(signal, SIG_DFL);
      std::raise(signal);  // delivered when this handler returns
    }
    errno = error;
    return;
  }
  g_stop = true;
  const int skipped = g_bar ? 0 : kClearsBar;
  // If nobody reads it, nothing can be done.
  [[maybe_unused]] const auto written =
      ::write(STDERR_FILENO, kSaid + skipped, sizeof(kSaid) - 1 - skipped);
  errno = error;
}

}  // namespace

void StopAtSignals(bool bar) {
  g_bar = bar && ::isatty(STDERR_FILENO) == 1;
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGXCPU}) {
    struct sigaction before = {};
    if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_IGN) continue;
    std::signal(signal, Stop);
  }
}

const std::atomic<bool>* StopSignal() { return &g_stop; }

}  // namespace tools
