// The reference backend as a whole.
#ifndef BACKENDS_REFERENCE_KERNEL_TABLE_H_
#define BACKENDS_REFERENCE_KERNEL_TABLE_H_

#include "graph/runtime/kernel.h"

namespace backends::reference {

// Kernels of all core operators, named "reference". Plugins add theirs to
// `kernels`.
graph::Backend MakeBackend();

}  // namespace backends::reference

#endif  // BACKENDS_REFERENCE_KERNEL_TABLE_H_
