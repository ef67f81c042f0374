#include "backends/cpu/kernel_util.h"

#include <atomic>

namespace backends::cpu {
namespace {

std::atomic<int64_t> g_serial_elements{16384};

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

bool LabelsAreClasses(const graph::KernelArgs& args, int input, int64_t count, int64_t classes) {
  const int32_t* labels = In<int32_t>(args, input);
  for (int64_t i = 0; i < count; ++i) {
    if (labels[i] < classes) continue;
    args.ReportOutOfRange(input, i, labels[i], -graph::kNoBound, static_cast<double>(classes));
    return false;
  }
  return true;
}

}  // namespace backends::cpu
