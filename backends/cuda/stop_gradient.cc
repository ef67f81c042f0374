#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

void RegisterStopGradient(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "StopGradient", MakeCopy);
}

}  // namespace backends::cuda
