#include "tools/stop_signal.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace tools {
namespace {

constexpr char kSaid[] =
    "\r\x1b[K"
    "stopping after this step; a second signal quits at once, without saving\n";
constexpr int kClearsBar = 4;  // characters at its beginning that a file must not get

std::atomic<bool> g_stop{false};
std::atomic<bool> g_bar{false};

// Nothing but what a signal handler may call.
void Stop(int) {
  const int error = errno;
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  // Ctrl-C ends `| tee log` too, and what is said from here on must not end the run unsaved.
  std::signal(SIGPIPE, SIG_IGN);
  g_stop = true;
  const int skipped = g_bar ? 0 : kClearsBar;
  // Where nobody listens there is nothing to be done.
  [[maybe_unused]] const auto written =
      ::write(STDERR_FILENO, kSaid + skipped, sizeof(kSaid) - 1 - skipped);
  errno = error;
}

}  // namespace

void StopAtSignals(bool bar) {
  g_bar = bar && ::isatty(STDERR_FILENO) == 1;
  std::signal(SIGINT, Stop);
  std::signal(SIGTERM, Stop);
}

const std::atomic<bool>* StopSignal() { return &g_stop; }

}  // namespace tools
