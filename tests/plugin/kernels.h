// The kernels of the test plugin's operators; the CPU backend's take f32 only.
#ifndef TESTS_PLUGIN_KERNELS_H_
#define TESTS_PLUGIN_KERNELS_H_

#include "graph/runtime/kernel.h"

namespace plugin {

void RegisterCpuKernels(graph::KernelTable* table);
void RegisterReferenceKernels(graph::KernelTable* table);

}  // namespace plugin

#endif  // TESTS_PLUGIN_KERNELS_H_
