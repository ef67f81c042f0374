// The build is for AVX2, this file for AVX-512; gemm.cc calls it only where the
// processor has that. So only the kernel may be included here.
#pragma GCC target("avx512f,avx512vl,avx512dq,avx512bw,prefer-vector-width=512")

#include "backends/cpu/gemm_kernel.h"

namespace backends::cpu {

// Of the 32 registers, sums take up to 28 and the panel's row up to four. Each
// multiplication can read its factor from memory.
void MultiplyPanelAvx512(const PanelProduct& p, int vectors) {
  switch (vectors) {
    case 1:
      return MultiplyPanelImpl<16, 1, 14>(p);
    case 2:
      return MultiplyPanelImpl<16, 2, 14>(p);
    case 3:
      return MultiplyPanelImpl<16, 3, 8>(p);
    default:
      return MultiplyPanelImpl<16, 4, 6>(p);
  }
}

}  // namespace backends::cpu
