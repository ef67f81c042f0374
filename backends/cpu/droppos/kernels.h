// CPU kernels of the DropPos operators: one function for each stem of
// ops/droppos/, and what these kernels share.
//
// All are f32 and parallel over images or patches with a static schedule. What
// is summed over images is summed per image first and then combined in index
// order, so results do not depend on the number of threads.
#ifndef BACKENDS_CPU_DROPPOS_KERNELS_H_
#define BACKENDS_CPU_DROPPOS_KERNELS_H_

#include "graph/runtime/kernel.h"

namespace backends::cpu::droppos {

void RegisterMaskSample(graph::KernelTable* table);
void RegisterEmbeddingDrop(graph::KernelTable* table);
void RegisterPositionWeights(graph::KernelTable* table);
void RegisterRandomOrder(graph::KernelTable* table);
void RegisterRestoreRows(graph::KernelTable* table);
void RegisterSmoothedPositionCE(graph::KernelTable* table);
void RegisterPixelLoss(graph::KernelTable* table);

}  // namespace backends::cpu::droppos

#endif  // BACKENDS_CPU_DROPPOS_KERNELS_H_
