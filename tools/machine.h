// What this machine offers, for flags that nobody gave.
#ifndef TOOLS_MACHINE_H_
#define TOOLS_MACHINE_H_

#include "tools/flags/resolve_flags.h"

namespace tools {

// Precisions: what the CPU backend has fast products for. Threads: the CPUs this process may use
// (cpus.h). Loader threads: one, or two where there are eight CPUs and more; they share the CPUs
// with compute.
MachineDefaults DetectMachine();

}  // namespace tools

#endif  // TOOLS_MACHINE_H_
