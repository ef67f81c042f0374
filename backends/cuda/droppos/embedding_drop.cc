#include <string>

#include "backends/cuda/droppos/embedding_drop_launch.h"
#include "backends/cuda/kernel_util.h"
#include "backends/cuda/sum_rows_launch.h"

namespace backends::cuda::droppos {
namespace {

template <typename T>
std::unique_ptr<graph::Kernel> MakeEmbeddingDrop(const graph::KernelSpec& spec) {
  const std::string& kind = spec.op->Str("kind");
  const bool is_wrong = kind == "wrong_pos";
  EmbeddingDropArgs<T> p = {};
  p.images = spec.in(0).dim(0);
  p.visible = static_cast<int>(spec.in(0).dim(1));
  p.positions = static_cast<int>(spec.in(1).rows());
  p.dropped = is_wrong ? static_cast<int>(spec.in(5).dim(1)) : 0;
  p.cols = static_cast<int>(spec.in(0).dim(2));
  return MakeKernel(
      [p, is_wrong, is_token = kind == "param"](const graph::KernelArgs& a, Stream stream) {
        EmbeddingDropArgs<T> args = p;
        args.tokens = In<T>(a, 0);
        args.table = In<T>(a, 1);
        args.mask_token = is_token ? In<T>(a, 2) : nullptr;
        args.ids = In<int32_t>(a, 3);
        args.mask_pos = In<uint8_t>(a, 4);
        args.ids_dropped = is_wrong ? In<int32_t>(a, 5) : nullptr;
        args.order = is_wrong ? In<int32_t>(a, 6) : nullptr;
        args.y = Out<T>(a, 0);
        args.fault = FaultOf(a);
        return EmbeddingDrop(args, stream);
      });
}

template <typename T>
std::unique_ptr<graph::Kernel> MakeGrad(const graph::KernelSpec& spec) {
  MaskedRowSumArgs<T> p = {};
  p.images = spec.in(0).dim(0);
  p.rows = spec.in(0).dim(1);
  p.cols = spec.in(0).dim(2);
  return MakeKernel(
      [p](const graph::KernelArgs& a, Stream stream) {
        MaskedRowSumArgs<T> args = p;
        args.x = In<T>(a, 0);
        args.mask = In<uint8_t>(a, 1);
        args.y = Out<T>(a, 0);
        args.scratch = a.scratch;
        return MaskedRowSum(args, stream);
      },
      MaskedRowSumScratch<T>(p.images, p.rows, p.cols));
}

}  // namespace

void RegisterEmbeddingDrop(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "EmbeddingDrop", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype,
                      [&](auto tokens) { return MakeEmbeddingDrop<decltype(tokens)>(spec); });
  });
  AddFloat32OrBfloat16(table, "EmbeddingDropGrad", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto dy) { return MakeGrad<decltype(dy)>(spec); });
  });
}

}  // namespace backends::cuda::droppos
