// The team of OpenMP threads that computes everything.
#ifndef BACKENDS_CPU_OPENMP_H_
#define BACKENDS_CPU_OPENMP_H_

#include "absl/status/status.h"

namespace backends::cpu {

// Number of CPUs that the calling thread may run on: its affinity, as set by taskset, launchers
// or OMP_PROC_BIND, on machines of any size.
int AllowedCpus();

// The largest number of threads that OpenMP gives (OMP_THREAD_LIMIT).
int OpenMpThreadLimit();

// Makes `threads` (at least 1) the calling thread's OpenMP default and checks that its parallel
// regions get that many: oneDNN divides products among `threads` threads, and the share of a
// missing thread would not be computed. Overrides OMP_NUM_THREADS, OMP_DYNAMIC and
// OMP_MAX_ACTIVE_LEVELS for the calling thread. ResourceExhausted names the obstacle:
// OMP_THREAD_LIMIT, a system that starts no more threads (libgomp would end the process), or
// stacks too small for our loops (OMP_STACKSIZE).
absl::Status StartTeam(int threads);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_OPENMP_H_
