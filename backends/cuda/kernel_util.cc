#include "backends/cuda/kernel_util.h"

namespace backends::cuda {
namespace {

void AddChecked(graph::KernelTable* table, const std::string& op_type, bool bf16,
                graph::KernelFactory factory) {
  table->Add(op_type,
             [factory = std::move(factory), bf16](const graph::KernelSpec& spec) -> KernelOr {
               RETURN_IF_ERROR(graph::RequireFloats(spec, "cuda", bf16));
               return factory(spec);
             });
}

}  // namespace

void AddFloat32(graph::KernelTable* table, const std::string& op_type,
                graph::KernelFactory factory) {
  AddChecked(table, op_type, /*bf16=*/false, std::move(factory));
}

void AddFloat32OrBfloat16(graph::KernelTable* table, const std::string& op_type,
                          graph::KernelFactory factory) {
  AddChecked(table, op_type, /*bf16=*/true, std::move(factory));
}

}  // namespace backends::cuda
