#include "tools/machine.h"

#include "backends/cpu/kernel_table.h"
#include "tools/cpus.h"

namespace tools {

MachineDefaults DetectMachine() {
  MachineDefaults machine;
  machine.threads = DetectCpus().usable();
  machine.bfloat16 = backends::cpu::HasBfloat16Products();
  machine.int8_products = backends::cpu::HasInt8Products();
  machine.num_workers = machine.threads >= 8 ? 2 : 1;
  return machine;
}

}  // namespace tools
