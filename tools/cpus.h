// How many threads can compute at once.
#ifndef TOOLS_CPUS_H_
#define TOOLS_CPUS_H_

#include <string>
#include <vector>

namespace tools {

struct Cpus {
  int machine = 1;       // online
  int allowed = 1;       // available to this process (affinity)
  int quota = 0;         // time that its control groups allow, in CPUs, rounded up; 0: unlimited
  int thread_limit = 0;  // OMP_THREAD_LIMIT; 0: none

  // The minimum of these, at most the largest --threads: the default of --threads.
  int usable() const;
};

// The CPUs of this process, now.
Cpus DetectCpus();

// The CPU quota of the process's control groups (cpu.max of version 2, cpu.cfs_quota_us of version
// 1): the tightest one, rounded up; 0: no quota. `root` is put before the files' names.
int CpuQuota(const std::string& root = "");

// One line for each fact about `threads` threads here that users may not know: there are more
// threads than CPUs, OMP_NUM_THREADS (`omp_num_threads`, null: not set) is not used, a launcher
// bound the process to one CPU of many.
std::vector<std::string> ThreadNotes(int threads, const Cpus& cpus, const char* omp_num_threads);

// The same for this process.
std::vector<std::string> ThreadNotes(int threads);

}  // namespace tools

#endif  // TOOLS_CPUS_H_
