#include "backends/cpu/kernel_util.h"

#include <atomic>

namespace backends::cpu {
namespace {

std::atomic<int64_t> g_serial_elements{16384};

void AddChecked(graph::KernelTable* table, const std::string& op_type, bool bf16,
                graph::KernelFactory factory) {
  table->Add(op_type,
             [factory = std::move(factory), bf16](
                 const graph::KernelSpec& spec) -> absl::StatusOr<std::unique_ptr<graph::Kernel>> {
               RETURN_IF_ERROR(graph::RequireFloats(spec, "cpu", bf16));
               return factory(spec);
             });
}

}  // namespace

int64_t SerialElements() { return g_serial_elements.load(std::memory_order_relaxed); }

int64_t SetSerialElementsForTest(int64_t elements) { return g_serial_elements.exchange(elements); }

bool IdsAreRows(const graph::KernelArgs& args, int input, int64_t count, int64_t n) {
  const int32_t* ids = In<int32_t>(args, input);
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] >= 0 && ids[i] < n) continue;
    args.ReportOutOfRange(input, i, ids[i], 0, static_cast<double>(n));
    return false;
  }
  return true;
}

void AddFloat32(graph::KernelTable* table, const std::string& op_type,
                graph::KernelFactory factory) {
  AddChecked(table, op_type, /*bf16=*/false, std::move(factory));
}

void AddFloat32OrBfloat16(graph::KernelTable* table, const std::string& op_type,
                          graph::KernelFactory factory) {
  AddChecked(table, op_type, /*bf16=*/true, std::move(factory));
}

}  // namespace backends::cpu
