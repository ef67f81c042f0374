// The memory that a run needs, and the error if the machine has less.
#ifndef MODELS_TRAINING_MEMORY_CHECK_H_
#define MODELS_TRAINING_MEMORY_CHECK_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"

namespace models {

// Bytes, as computed from the nets.
struct MemoryNeeds {
  size_t parameters = 0;
  size_t optimizer = 0;     // its states: moments, and the count of updates
  size_t accumulators = 0;  // of gradient accumulation
  size_t other = 0;         // inputs, counters, and other states
  size_t arena = 0;         // activations, gradients, scratch: the largest net's, observers' too
  size_t loader = 0;        // batches decoded ahead
  size_t persistent() const { return parameters + optimizer + accumulators + other; }
  size_t total() const { return persistent() + arena + loader; }
};

// What would fit; 0 means unknown or none.
struct MemoryAdvice {
  int batch_size = 0;           // largest that fits with the current settings
  bool recompute_left = false;  // --recompute is not used and its pass is not disabled
  bool recompute_fits = false;  // the wanted batch with --recompute=block
};

// RESOURCE_EXHAUSTED that names --batch_size and --recompute and what would fit.
absl::Status DoesNotFit(const MemoryNeeds& needs, size_t available, int batch_size,
                        const MemoryAdvice& advice);

}  // namespace models

#endif  // MODELS_TRAINING_MEMORY_CHECK_H_
