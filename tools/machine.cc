#include "tools/machine.h"

#include "backends/cpu/kernel_table.h"
#include "tools/cpus.h"

namespace tools {

MachineDefaults DetectMachine() {
  MachineDefaults machine;
  machine.threads = DetectCpus().usable();
  machine.capabilities = backends::cpu::DetectCapabilities();
  machine.num_workers = machine.threads >= 8 ? 2 : 1;
  return machine;
}

}  // namespace tools
