#include "tools/machine.h"

#include <sched.h>

#include <algorithm>

namespace tools {

MachineDefaults DetectMachine() {
  MachineDefaults machine;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
    machine.threads = std::max(1, CPU_COUNT(&cpus));
  }
  machine.num_workers = machine.threads >= 8 ? 2 : 1;
  return machine;
}

}  // namespace tools
