#include "backends/cpu/kernel_util.h"

#include <atomic>

#include "absl/strings/str_join.h"

namespace backends::cpu {
namespace {

std::atomic<int64_t> g_serial_elements{16384};

std::string JoinTypes(absl::Span<const graph::TensorType> types) {
  return absl::StrJoin(types, ", ", [](std::string* out, const graph::TensorType& type) {
    absl::StrAppend(out, type.ToString());
  });
}

absl::Status RequireFloat32(const graph::KernelSpec& spec) {
  for (const auto* types : {&spec.inputs, &spec.outputs}) {
    for (const graph::TensorType& type : *types) {
      if (graph::IsFloat(type.dtype) && type.dtype != graph::DType::kF32) {
        return absl::UnimplementedError(
            absl::StrCat(spec.op->Describe(), ": the cpu backend computes in f32, not ",
                         graph::DTypeName(type.dtype), "; the reference backend has f64"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

int64_t SerialElements() { return g_serial_elements.load(std::memory_order_relaxed); }

int64_t SetSerialElementsForTest(int64_t elements) { return g_serial_elements.exchange(elements); }

std::string DescribeTypes(const graph::KernelSpec& spec) {
  return absl::StrCat(spec.op->Describe(), " (", JoinTypes(spec.inputs), ") -> (",
                      JoinTypes(spec.outputs), ")");
}

void AddFloat32(graph::KernelTable* table, const std::string& op_type,
                graph::KernelFactory factory) {
  table->Add(op_type,
             [factory = std::move(factory)](
                 const graph::KernelSpec& spec) -> absl::StatusOr<std::unique_ptr<graph::Kernel>> {
               RETURN_IF_ERROR(RequireFloat32(spec));
               return factory(spec);
             });
}

}  // namespace backends::cpu
