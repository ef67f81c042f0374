// RestoreRows on the device; the contract is ops/droppos/restore_rows.h. Its gradient is
// GatherRows (backends/cuda/row_copy_launch.h) and MaskedRowSum (backends/cuda/sum_rows_launch.h).
#ifndef BACKENDS_CUDA_DROPPOS_RESTORE_ROWS_LAUNCH_H_
#define BACKENDS_CUDA_DROPPOS_RESTORE_ROWS_LAUNCH_H_

#include <cstdint>

#include "backends/cuda/launch.h"

namespace backends::cuda::droppos {

// A copy of bits: rows have a multiple of two bytes, tensors are 16-byte aligned. Nothing lies in
// place. An id that is no patch is a fault of input 2; a patch that is neither hidden nor named
// gets zeros, one that is both the mask token, and of two rows for one patch the later counts.
struct RestoreRowsArgs {
  const void* x;           // (images, prefix + visible, row_bytes)
  const void* mask_token;  // (row_bytes)
  const int32_t* ids;      // (images, visible), in [0, patches)
  const uint8_t* mask;     // (images, patches)
  void* y;                 // (images, prefix + patches, row_bytes)
  int64_t images, row_bytes;
  int prefix, visible, patches;
  FaultSite fault;
};
int RestoreRows(const RestoreRowsArgs& args, Stream stream);  // a cudaError_t

}  // namespace backends::cuda::droppos

#endif  // BACKENDS_CUDA_DROPPOS_RESTORE_ROWS_LAUNCH_H_
