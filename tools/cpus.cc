#include "tools/cpus.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <limits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "backends/cpu/openmp.h"
#include "graph/base/counted.h"
#include "graph/runtime/control_groups.h"

namespace tools {
namespace {

constexpr int kMostThreads = 1024;  // the largest --threads

// The quota of the control group in `folder`, in CPUs; 0: none.
double QuotaOfVersion2(const std::string& folder) {
  std::ifstream file(folder + "cpu.max");
  double quota, period;  // in microseconds; "max 100000" is no number
  return file >> quota >> period && quota > 0 && period > 0 ? quota / period : 0;
}

double QuotaOfVersion1(const std::string& folder) {
  std::ifstream quota_file(folder + "cpu.cfs_quota_us"), period_file(folder + "cpu.cfs_period_us");
  double quota, period;  // -1: none
  return quota_file >> quota && period_file >> period && quota > 0 && period > 0 ? quota / period
                                                                                 : 0;
}

}  // namespace

int Cpus::usable() const {
  int least = allowed;
  if (quota > 0) least = std::min(least, quota);
  if (thread_limit > 0) least = std::min(least, thread_limit);
  return std::clamp(least, 1, kMostThreads);
}

int CpuQuota(const std::string& root) {
  double least = std::numeric_limits<double>::infinity();
  const auto take = [&least](double cpus) {
    if (cpus > 0) least = std::min(least, cpus);
  };
  const graph::ControlGroups groups = graph::FindControlGroups("cpu", root);
  for (const std::string& folder : groups.v2) take(QuotaOfVersion2(folder));
  for (const std::string& folder : groups.v1) take(QuotaOfVersion1(folder));
  return std::isfinite(least) ? static_cast<int>(std::min(std::ceil(least), 1e6)) : 0;
}

Cpus DetectCpus() {
  Cpus cpus;
  cpus.allowed = backends::cpu::AllowedCpus();
  cpus.machine = std::max(cpus.allowed, static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN)));
  cpus.quota = CpuQuota();
  const int limit = backends::cpu::OpenMpThreadLimit();
  cpus.thread_limit = limit < std::numeric_limits<int>::max() ? limit : 0;
  return cpus;
}

std::vector<std::string> ThreadNotes(int threads, const Cpus& cpus, const char* omp_num_threads) {
  std::vector<std::string> notes;
  const bool by_quota = cpus.quota > 0 && cpus.quota < cpus.allowed;
  const int room = by_quota ? cpus.quota : cpus.allowed;
  const bool bound = cpus.allowed == 1 && cpus.machine > 1;
  if (threads > room) {
    notes.push_back(
        absl::StrCat("--threads=", threads, " is more than the ", graph::Counted(room, "CPU"),
                     " that this process may use (",
                     by_quota ? "the CPU quota of its control group"
                     : bound  ? absl::StrCat("bound to one of ", cpus.machine,
                                             ", by taskset, a launcher or OMP_PROC_BIND")
                              : "all it may run on",
                     "); threads that wait for each other make it slower than --threads=", room));
  } else if (bound) {
    notes.push_back(
        absl::StrCat("this process is bound to one of the machine's ", cpus.machine,
                     " CPUs, by taskset, a launcher (mpirun, srun) or OMP_PROC_BIND; if that "
                     "is not meant, start it without"));
  }
  int wanted;
  if (omp_num_threads != nullptr &&
      !(absl::SimpleAtoi(omp_num_threads, &wanted) && wanted == threads)) {
    notes.push_back(absl::StrCat("OMP_NUM_THREADS=", omp_num_threads, " has no effect; --threads=",
                                 threads, " is the number of threads"));
  }
  return notes;
}

std::vector<std::string> ThreadNotes(int threads) {
  return ThreadNotes(threads, DetectCpus(), std::getenv("OMP_NUM_THREADS"));
}

}  // namespace tools
