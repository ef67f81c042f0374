// The team of OpenMP threads that everything computes on.
#ifndef BACKENDS_CPU_OPENMP_H_
#define BACKENDS_CPU_OPENMP_H_

#include "absl/status/status.h"

namespace backends::cpu {

// CPUs that the calling thread may run on: its affinity, which taskset, launchers and OMP_PROC_BIND
// set, on machines of any size.
int AllowedCpus();

// The most threads that OpenMP gives (OMP_THREAD_LIMIT).
int OpenMpThreadLimit();

// Makes `threads` (at least 1) the calling thread's OpenMP default and sees that a parallel
// region of it has so many: oneDNN's products are divided among `threads`, and the parts of
// threads that never came would be left out. Overrides OMP_NUM_THREADS, OMP_DYNAMIC and
// OMP_MAX_ACTIVE_LEVELS for the calling thread. ResourceExhausted says what is in the way:
// OMP_THREAD_LIMIT, a system that starts no more threads, where libgomp would end the process, or
// stacks that our loops would overrun (OMP_STACKSIZE).
absl::Status StartTeam(int threads);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_OPENMP_H_
