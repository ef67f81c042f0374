// Reference kernels of the DropPos operators: one function for each stem of
// ops/droppos/. See backends/reference/kernels.h for what a reference kernel is.
#ifndef BACKENDS_REFERENCE_DROPPOS_KERNELS_H_
#define BACKENDS_REFERENCE_DROPPOS_KERNELS_H_

#include "graph/runtime/kernel.h"

namespace backends::reference::droppos {

void RegisterMaskSample(graph::KernelTable* table);
void RegisterEmbeddingDrop(graph::KernelTable* table);
void RegisterPositionWeights(graph::KernelTable* table);
void RegisterRandomOrder(graph::KernelTable* table);
void RegisterRestoreRows(graph::KernelTable* table);
void RegisterSmoothedPositionCE(graph::KernelTable* table);
void RegisterPixelLoss(graph::KernelTable* table);

}  // namespace backends::reference::droppos

#endif  // BACKENDS_REFERENCE_DROPPOS_KERNELS_H_
