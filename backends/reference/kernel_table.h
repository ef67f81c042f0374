// The reference backend as a whole.
#ifndef BACKENDS_REFERENCE_KERNEL_TABLE_H_
#define BACKENDS_REFERENCE_KERNEL_TABLE_H_

#include "graph/compiler/backend.h"

namespace backends::reference {

// Kernels of all core operators, named "reference", without a lowering: a net stays as the passes
// of every backend make it. Plugins add theirs to `kernels`.
graph::Backend MakeBackend();

}  // namespace backends::reference

#endif  // BACKENDS_REFERENCE_KERNEL_TABLE_H_
