#include "backends/cuda/kernel_util.h"
#include "backends/cuda/sum_rows_launch.h"

namespace backends::cuda {
namespace {

template <typename X>
std::unique_ptr<graph::Kernel> Make(const graph::KernelSpec& spec) {
  const int64_t cols = spec.out(0).elements();
  const int64_t rows = cols == 0 ? 0 : spec.in(0).elements() / cols;
  return MakeKernel(
      [=](const graph::KernelArgs& args, Stream stream) {
        return SumRows(
            SumRowsArgs<X>{In<X>(args, 0), Out<float>(args, 0), args.scratch, rows, cols}, stream);
      },
      SumRowsScratch<X>(rows, cols));
}

}  // namespace

void RegisterSumToShape(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "SumToShape", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) { return Make<decltype(x)>(spec); });
  });
}

}  // namespace backends::cuda
