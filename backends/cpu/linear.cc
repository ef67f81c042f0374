// One oneDNN matmul with the bias, and the GELU if asked for, in its epilogue.
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/onednn_product.h"

namespace backends::cpu {

void RegisterLinear(graph::KernelTable* table) {
  AddFloat32OrBfloat16(
      table, "Linear",
      [](const graph::KernelSpec& spec) { return MakeOneDnnProduct(spec, TransposedMatrix); },
      {"onednn"});
}

}  // namespace backends::cpu
