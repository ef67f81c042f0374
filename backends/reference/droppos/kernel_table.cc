#include "backends/reference/droppos/kernel_table.h"

#include "backends/reference/droppos/kernels.h"

namespace backends::reference::droppos {

void RegisterKernels(graph::KernelTable* table) {
  RegisterMaskSample(table);
  RegisterEmbeddingDrop(table);
  RegisterPositionWeights(table);
  RegisterRandomOrder(table);
  RegisterRestoreRows(table);
  RegisterSmoothedPositionCE(table);
  RegisterPixelLoss(table);
}

}  // namespace backends::reference::droppos
