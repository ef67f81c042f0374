#include "backends/cpu/simd.h"

#include "backends/cpu/onednn.h"

namespace backends::cpu {

bool UseAvx512() {
  static const bool use =
      (dnnl_get_effective_cpu_isa() & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
  return use;
}

}  // namespace backends::cpu
