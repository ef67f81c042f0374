#include "backends/cpu/gemm_kernel.h"

namespace backends::cpu {

// Of the 16 registers, sums take 12, the panel's row takes two and the factor one.
void MultiplyPanelAvx2(const PanelProduct& p, int vectors) {
  if (vectors == 1) {
    MultiplyPanelImpl<8, 1, 12>(p);
  } else {
    MultiplyPanelImpl<8, 2, 6>(p);
  }
}

}  // namespace backends::cpu
