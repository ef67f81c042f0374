#include "backends/cuda/kernel_util.h"

#include <cuda_runtime_api.h>

namespace backends::cuda {
namespace {

void AddFloats(graph::KernelTable* table, const std::string& op_type, graph::KernelFactory factory,
               bool bf16) {
  table->Add(op_type,
             [factory = std::move(factory), bf16](const graph::KernelSpec& spec) -> KernelOr {
               RETURN_IF_ERROR(graph::RequireFloats(spec, "cuda", bf16));
               return factory(spec);
             });
}

}  // namespace

void AddFloat32(graph::KernelTable* table, const std::string& op_type,
                graph::KernelFactory factory) {
  AddFloats(table, op_type, std::move(factory), /*bf16=*/false);
}
void AddFloat32OrBfloat16(graph::KernelTable* table, const std::string& op_type,
                          graph::KernelFactory factory) {
  AddFloats(table, op_type, std::move(factory), /*bf16=*/true);
}

KernelOr MakeCopy(const graph::KernelSpec& spec) {
  return MakeKernel([bytes = spec.out(0).bytes()](const graph::KernelArgs& args, Stream stream) {
    const void* const x = args.inputs[0];
    void* const y = args.outputs[0];
    if (x == y || bytes == 0) return 0;
    return static_cast<int>(cudaMemcpyAsync(y, x, bytes, cudaMemcpyDeviceToDevice, stream));
  });
}

}  // namespace backends::cuda
