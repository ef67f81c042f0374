// How kernels report wrong data.
#ifndef BACKENDS_CUDA_FAULT_H_
#define BACKENDS_CUDA_FAULT_H_

#include "backends/cuda/device.h"
#include "graph/runtime/fault.h"

namespace backends::cuda {

// Element `element` of input `input` is `value`, outside [low, high). The first report stays; the
// kernel goes on, and does not use the element as an address.
__device__ inline void ReportFault(const FaultSite& site, int input, int64_t element, double value,
                                   double low, double high) {
  if (atomicCAS(&site.fault->found, 0, 1) != 0) return;
  site.fault->op = site.op;
  site.fault->input = input;
  site.fault->element = element;
  site.fault->value = value;
  site.fault->low = low;
  site.fault->high = high;
}

// Whether an id lies in [0, n); reports it if not.
__device__ inline bool IsRow(const FaultSite& site, int input, int64_t element, int32_t id,
                             int64_t n) {
  if (id >= 0 && id < n) return true;
  ReportFault(site, input, element, id, 0, static_cast<double>(n));
  return false;
}

}  // namespace backends::cuda

#endif  // BACKENDS_CUDA_FAULT_H_
