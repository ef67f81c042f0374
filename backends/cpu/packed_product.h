// What products on AMX tiles know of caches.
#ifndef BACKENDS_CPU_PACKED_PRODUCT_H_
#define BACKENDS_CPU_PACKED_PRODUCT_H_

#include "graph/base/types.h"

namespace backends::cpu {

// Whether a result of this type is stored past the caches (AmxProduct::stream): it would leave them
// before anybody reads it. A result of 77 MB so comes at 2.4 TFLOP/s instead of 1.0.
bool StoredPastCaches(const graph::TensorType& y);

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_PACKED_PRODUCT_H_
