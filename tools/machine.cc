#include "tools/machine.h"

#include <sched.h>

#include <algorithm>

#include "backends/cpu/kernel_table.h"

namespace tools {

MachineDefaults DetectMachine() {
  MachineDefaults machine;
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0) {
    machine.threads = std::max(1, CPU_COUNT(&cpus));
  }
  machine.bfloat16 = backends::cpu::HasBfloat16Products();
  machine.int8_products = backends::cpu::HasInt8Products();
  machine.num_workers = machine.threads >= 8 ? 2 : 1;
  return machine;
}

}  // namespace tools
