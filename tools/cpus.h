// How many threads can compute at once.
#ifndef TOOLS_CPUS_H_
#define TOOLS_CPUS_H_

#include <string>
#include <vector>

namespace tools {

struct Cpus {
  int machine = 1;       // that are online
  int allowed = 1;       // that this process may run on (affinity)
  int quota = 0;         // whose time its control groups allow, rounded up; 0: any
  int thread_limit = 0;  // OMP_THREAD_LIMIT; 0: none

  // The least of them, as far as --threads goes: --threads where nobody says otherwise.
  int usable() const;
};

// Of this process, now.
Cpus DetectCpus();

// The CPUs' worth of time that the quotas of the process's control groups allow (cpu.max of
// version 2, cpu.cfs_quota_us of version 1), the tightest, rounded up; 0: no quota. `root`
// stands before the files' names.
int CpuQuota(const std::string& root = "");

// One line each on what a person may not know of computing on `threads` threads here: that
// they are more than there are CPUs for, that OMP_NUM_THREADS (`omp_num_threads`, null: not
// set) is not what counts, that a launcher bound the process to one CPU of many.
std::vector<std::string> ThreadNotes(int threads, const Cpus& cpus, const char* omp_num_threads);

// The same for this process, here.
std::vector<std::string> ThreadNotes(int threads);

}  // namespace tools

#endif  // TOOLS_CPUS_H_
