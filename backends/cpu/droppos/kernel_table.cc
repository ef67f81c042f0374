#include "backends/cpu/droppos/kernel_table.h"

#include "absl/strings/str_cat.h"
#include "backends/cpu/droppos/kernels.h"

namespace backends::cpu::droppos {

absl::Status ExpectF32(const graph::KernelSpec& spec) {
  for (const auto* types : {&spec.inputs, &spec.outputs}) {
    for (const graph::TensorType& type : *types) {
      if (!graph::IsFloat(type.dtype) || type.dtype == graph::DType::kF32) continue;
      return absl::UnimplementedError(absl::StrCat(spec.op->Describe(), ": the cpu kernel takes ",
                                                   "f32, not ", graph::DTypeName(type.dtype)));
    }
  }
  return absl::OkStatus();
}

void RegisterKernels(graph::KernelTable* table) {
  RegisterMaskSample(table);
  RegisterEmbeddingDrop(table);
  RegisterPositionWeights(table);
  RegisterSmoothedPositionCE(table);
}

}  // namespace backends::cpu::droppos
