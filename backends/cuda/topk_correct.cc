#include "backends/cuda/kernel_util.h"
#include "backends/cuda/topk_correct_launch.h"

namespace backends::cuda {

void RegisterTopKCorrect(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32(table, "TopKCorrect", [](const graph::KernelSpec& spec) -> KernelOr {
    TopKCorrectArgs p = {};
    p.rows = spec.in(1).elements();
    p.classes = static_cast<int>(spec.in(0).cols());
    p.k = static_cast<int>(spec.op->Int("k"));
    return MakeKernel([p](const graph::KernelArgs& a, Stream stream) {
      TopKCorrectArgs args = p;
      args.logits = In<float>(a, 0);
      args.labels = In<int32_t>(a, 1);
      args.correct = Out<int32_t>(a, 0);
      args.fault = FaultOf(a);
      return TopKCorrect(args, stream);
    });
  });
}

}  // namespace backends::cuda
