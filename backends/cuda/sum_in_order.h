// A sum in index order, for the few numbers of a step that must come out the same whoever adds.
#ifndef BACKENDS_CUDA_SUM_IN_ORDER_H_
#define BACKENDS_CUDA_SUM_IN_ORDER_H_

#include <cstdint>

#include "backends/cuda/device.h"

namespace backends::cuda {

// Thread 0 gets Σ term(i) over i in [0, n), added in order in double; the others get something.
// All kThreads threads of the block call it together. Terms are loaded by all threads, so the sum
// waits for memory once in kThreads terms.
template <int kThreads, typename Term>
__device__ double SumInOrder(int64_t n, const Term& term) {
  __shared__ double terms[kThreads];
  const int thread = static_cast<int>(threadIdx.x);
  double sum = 0.0;
  for (int64_t first = 0; first < n; first += kThreads) {
    if (first + thread < n) terms[thread] = term(first + thread);
    __syncthreads();
    const int count = n - first < kThreads ? static_cast<int>(n - first) : kThreads;
    if (thread == 0) {
      for (int i = 0; i < count; ++i) sum += terms[i];
    }
    __syncthreads();
  }
  return sum;
}

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_SUM_IN_ORDER_H_
