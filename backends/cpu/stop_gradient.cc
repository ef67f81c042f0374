#include <cstring>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {

void RegisterStopGradient(graph::KernelTable* table) {
  AddFloat32(table, "StopGradient", [](const graph::KernelSpec& spec) {
    return MakeKernel([n = static_cast<int64_t>(spec.out(0).bytes()),
                       threads = spec.threads](const graph::KernelArgs& args) {
      const char* x = In<char>(args, 0);
      char* y = Out<char>(args, 0);
      if (x == y) return;
      ParallelPieces(threads, n, [=](int64_t begin, int64_t count) {
        std::memcpy(y + begin, x + begin, count);
      });
    });
  });
}

}  // namespace backends::cpu
