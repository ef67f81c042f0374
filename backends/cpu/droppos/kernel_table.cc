#include "backends/cpu/droppos/kernel_table.h"

#include "backends/cpu/droppos/kernels.h"

namespace backends::cpu::droppos {

void RegisterKernels(graph::KernelTable* table) {
  RegisterMaskSample(table);
  RegisterEmbeddingDrop(table);
  RegisterPositionWeights(table);
  RegisterRandomOrder(table);
  RegisterRestoreRows(table);
  RegisterSmoothedPositionCE(table);
  RegisterPixelLoss(table);
}

}  // namespace backends::cpu::droppos
