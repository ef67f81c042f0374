#include "backends/cpu/kernel_util.h"

namespace backends::cpu {

void RegisterIncrement(graph::KernelTable* table) {
  AddFloat32(table, "Increment", [](const graph::KernelSpec&) {
    return MakeKernel([](const graph::KernelArgs& args) {
      *Out<int32_t>(args, 0) = *In<int32_t>(args, 0) + *In<int32_t>(args, 1);
    });
  });
}

}  // namespace backends::cpu
