// This machine's defaults for flags that were not given.
#ifndef TOOLS_MACHINE_H_
#define TOOLS_MACHINE_H_

#include "tools/cpus.h"
#include "tools/device.h"
#include "tools/flags/resolve_flags.h"

namespace tools {

// Precisions: those for which the device's backend has fast products. Threads: the CPUs this process
// may use. Loader threads: one, or two with eight or more CPUs; they share the CPUs with compute.
inline MachineDefaults DetectMachine(const DeviceChoice& device = CpuDevice()) {
  const int threads = DetectCpus().usable();
  return {threads, threads >= 8 ? 2 : 1, device.capabilities, device.device};
}

}  // namespace tools

#endif  // TOOLS_MACHINE_H_
