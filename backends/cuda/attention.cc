#include "absl/strings/str_cat.h"
#include "backends/cuda/attention_launch.h"
#include "backends/cuda/kernel_util.h"

namespace backends::cuda {

void RegisterAttention(const DevicePtr&, graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "Attention", [](const graph::KernelSpec& spec) -> KernelOr {
    const graph::TensorType& qkv = spec.in(0);
    AttentionArgs p = {};
    p.batch = static_cast<int>(qkv.dim(0));
    p.tokens = static_cast<int>(qkv.dim(1));
    p.queries = static_cast<int>(spec.out(0).dim(1));
    p.heads = static_cast<int>(spec.op->Int("heads"));
    p.head_width = static_cast<int>(qkv.dim(2) / 3 / p.heads);
    if (qkv.dtype != graph::DType::kBF16 || !HasAttention(p.tokens, p.head_width)) {
      return absl::UnimplementedError(
          absl::StrCat(DescribeTypes(spec), ": no kernel for heads of ", p.head_width));
    }
    return MakeKernel([p, ids = spec.inputs.size() > 1](const graph::KernelArgs& a, Stream stream) {
      AttentionArgs args = p;
      args.qkv = In<BFloat16>(a, 0);
      args.query_ids = ids ? In<int32_t>(a, 1) : nullptr;
      args.y = Out<BFloat16>(a, 0);
      args.lse = Out<float>(a, 1);
      return Attention(args, stream);
    });
  });
}

}  // namespace backends::cuda
