#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

void AddFloat32OrBfloat16(graph::KernelTable* table, const std::string& op_type,
                          graph::KernelFactory factory) {
  table->Add(op_type, [factory = std::move(factory)](const graph::KernelSpec& spec) -> KernelOr {
    RETURN_IF_ERROR(graph::RequireFloats(spec, "cuda", /*bf16=*/true));
    return factory(spec);
  });
}

}  // namespace backends::cuda
