#include "backends/cpu/simd.h"

#include "backends/cpu/onednn.h"

namespace backends::cpu {

bool UseAvx512() {
  static const bool use = HasIsa(dnnl_cpu_isa_avx512_core);
  return use;
}

}  // namespace backends::cpu
