// This machine's defaults for flags that were not given.
#ifndef TOOLS_MACHINE_H_
#define TOOLS_MACHINE_H_

#include "tools/flags/resolve_flags.h"

namespace tools {

// Precisions: those for which the CPU backend has fast products. Threads: the CPUs this process may
// use (cpus.h). Loader threads: one, or two with eight or more CPUs; they share the CPUs with
// compute.
MachineDefaults DetectMachine();

}  // namespace tools

#endif  // TOOLS_MACHINE_H_
