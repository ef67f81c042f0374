#include "tools/program.h"

#include <fcntl.h>
#include <immintrin.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <new>
#include <streambuf>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "graph/base/printable.h"
#include "graph/base/status.h"
#include "tools/flags/home.h"
#include "tools/version.h"

namespace tools {
namespace {

void OpenStandardDescriptors() {
  int file = 0;
  while (file >= 0 && file <= STDERR_FILENO) file = ::open("/dev/null", O_RDWR);
  if (file > STDERR_FILENO) ::close(file);
}

// By default GNU OpenMP's threads spin for milliseconds at the end of each parallel loop. On cores
// that others use too (loader threads, a browser, another run) that makes a step many times slower,
// and on idle cores it gains nothing. libgomp reads its environment when it is loaded.
void UseShortSpins(char** argv) {
  // Longer than two threads of equal work differ, but too short to notice. A thread that spins
  // longer while its partner waits for a core uses up its own time slice on that core.
  constexpr double kSpinMicroseconds = 20;
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) {
    return;
  }
  setenv("GOMP_SPINCOUNT", std::to_string(SpinCount(kSpinMicroseconds)).c_str(), 1);
  execv("/proc/self/exe", argv);
  // Without /proc the program continues, only slower on shared cores.
}

// Replaces a stream's own buffer during its lifetime.
class PrintableBuffer : public std::streambuf {
 public:
  explicit PrintableBuffer(std::ostream* stream) : stream_(stream), below_(stream->rdbuf(this)) {}
  ~PrintableBuffer() override { stream_->rdbuf(below_); }
  std::streambuf* below() const { return below_; }
  // Flushes; returns the errno of what could not be written, or 0.
  int Finish() {
    stream_->flush();
    return error_;
  }

 protected:
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    const char text = traits_type::to_char_type(c);
    return xsputn(&text, 1) == 1 ? c : traits_type::eof();
  }
  std::streamsize xsputn(const char* text, std::streamsize n) override {
    const std::string shown = graph::PrintableLines({text, static_cast<size_t>(n)});
    const auto size = static_cast<std::streamsize>(shown.size());
    used_ = true;
    return Note(below_->sputn(shown.data(), size) == size) ? n : 0;
  }
  // Errors of others on the buffer below do not concern this stream.
  int sync() override { return Note(below_->pubsync() == 0 || !used_) ? 0 : -1; }

 private:
  bool Note(bool written) {
    if (!written && error_ == 0) error_ = errno != 0 ? errno : EIO;
    return written;
  }

  std::ostream* const stream_;
  std::streambuf* const below_;
  bool used_ = false;
  int error_ = 0;
};

std::ostream* g_screen = nullptr;

absl::StatusOr<int> Run(int argc, char** argv, absl::StatusOr<int> (*main)(int, char**)) {
  std::vector<std::string> args;
  for (int i = 0; i < argc; ++i) {
    ASSIGN_OR_RETURN(std::string arg, ExpandHome(argv[i]));
    args.push_back(std::move(arg));
  }
  std::vector<char*> expanded;
  for (std::string& arg : args) expanded.push_back(arg.data());
  expanded.push_back(nullptr);
  return main(argc, expanded.data());
}

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

int RunProgram(const char* name, int argc, char** argv,
               absl::StatusOr<int> (*main)(int argc, char** argv)) {
  OpenStandardDescriptors();
  UseShortSpins(argv);
  if (argc == 2 && absl::string_view(argv[1]) == "--version") {
    std::cout << VersionText(name) << std::flush;
    return std::cout ? 0 : 1;
  }
  ::prctl(PR_SET_NAME, name);
  std::signal(SIGXFSZ, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  PrintableBuffer out(&std::cout), err(&std::cerr);
  std::ostream screen(out.below());
  g_screen = &screen;
  try {
    absl::StatusOr<int> code = Run(argc, argv, main);
    // A reader that went away has what it wanted.
    if (const int error = out.Finish(); code.ok() && error != 0 && error != EPIPE) {
      code = absl::ErrnoToStatus(error, "cannot write to standard output");
    }
    if (code.ok()) return *code;
    std::cerr << name << ": " << code.status().message() << std::endl;
  } catch (const std::bad_alloc&) {
    std::cerr << name << ": out of memory; the system, or a limit such as ulimit -v, gives no more"
              << std::endl;
  } catch (const std::exception& error) {
    std::cerr << name << ": " << error.what() << std::endl;
  }
  return 1;
}

std::ostream* Screen() { return g_screen; }

}  // namespace tools
