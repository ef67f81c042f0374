#include "backends/cpu/openmp.h"

#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <future>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "graph/base/status.h"

namespace backends::cpu {
namespace {

// Stacks of 16 KiB, the minimum of OMP_STACKSIZE, ended in a signal on one machine but not on
// another. oneDNN does not document its need. This is far more.
constexpr size_t kLeastStack = 256 << 10;

// Stack bytes of the calling thread; the least that is enough if the system does not say.
size_t StackBytes() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return kLeastStack;
  size_t bytes = kLeastStack;
  pthread_attr_getstacksize(&attributes, &bytes);
  pthread_attr_destroy(&attributes);
  return bytes;
}

absl::Status StackTooSmall(size_t bytes) {
  std::string way_out = "raise ulimit -s";
  for (const char* variable : {"GOMP_STACKSIZE", "OMP_STACKSIZE"}) {
    if (std::getenv(variable) != nullptr) way_out = absl::StrCat("unset ", variable);
  }
  return absl::ResourceExhaustedError(absl::StrCat("a thread that is to compute has a stack of ",
                                                   bytes >> 10, " KiB and needs ",
                                                   kLeastStack >> 10, "; ", way_out));
}

// Checks that the system can start `count` more threads that live at the same time.
absl::Status TryThreads(int count) {
  std::promise<void> end;
  const std::shared_future<void> ended = end.get_future().share();
  std::vector<std::thread> threads;
  absl::Status status;
  try {
    for (int i = 0; i < count; ++i) threads.emplace_back([ended] { ended.wait(); });
  } catch (const std::system_error& error) {
    status = absl::ResourceExhaustedError(absl::StrCat(
        "the system starts ", threads.size() + 1, " of the ", count + 1,
        " threads that are to compute (", error.code().message(),
        "); lower --threads, or raise the limit (ulimit -u, or the pids limit of the control "
        "group)"));
  }
  end.set_value();
  for (std::thread& thread : threads) thread.join();
  return status;
}

}  // namespace

int AllowedCpus() { return omp_get_num_procs(); }

int OpenMpThreadLimit() { return omp_get_thread_limit(); }

absl::Status StartTeam(int threads) {
  CHECK(threads >= 1);
  omp_set_dynamic(0);
  omp_set_max_active_levels(1);
  omp_set_num_threads(threads);
  RETURN_IF_ERROR(TryThreads(threads - 1));
  std::atomic<int> team{0};
  size_t stack = kLeastStack;
#pragma omp parallel num_threads(threads) reduction(min : stack)
  {
    ++team;
    stack = std::min(stack, StackBytes());
  }
  if (stack < kLeastStack) return StackTooSmall(stack);
  if (team == threads) return absl::OkStatus();
  const int limit = omp_get_thread_limit();
  return absl::ResourceExhaustedError(absl::StrCat(
      "OpenMP gives ", team.load(), " of the ", threads, " threads that are to compute",
      limit < threads ? absl::StrCat(", because of OMP_THREAD_LIMIT=", limit, "; unset it")
                      : "; unset the variables that begin with OMP_",
      ", or give --threads=", team.load()));
}

}  // namespace backends::cpu
