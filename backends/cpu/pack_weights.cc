// f32 to oneDNN's blocks of bf16 by our own loop; everything else by one oneDNN
// reorder, which rounds on the way where asked. Zeros in what the layout leaves over
// of the padded output.
#include <cstring>

#include "backends/cpu/kernel_util.h"
#include "backends/cpu/onednn_product.h"
#include "backends/cpu/pack_bfloat16.h"

namespace backends::cpu {
namespace {

class PackKernel final : public graph::Kernel {
 public:
  // `reorder` writes the first `used` of `bytes`.
  PackKernel(std::unique_ptr<graph::Kernel> reorder, size_t used, size_t bytes)
      : reorder_(std::move(reorder)), used_(used), bytes_(bytes) {}

  size_t scratch_bytes() const override { return reorder_->scratch_bytes(); }
  std::string implementation() const override { return reorder_->implementation(); }
  absl::Status Prepare() override { return reorder_->Prepare(); }
  absl::Status Bind(const graph::KernelArgs& args) override {
    RETURN_IF_ERROR(Kernel::Bind(args));
    return reorder_->Bind(args);
  }
  absl::Status Run() override {
    std::memset(out<char>(0) + used_, 0, bytes_ - used_);
    return reorder_->Run();
  }

 private:
  const std::unique_ptr<graph::Kernel> reorder_;
  const size_t used_, bytes_;
};

// Not set where the reorder has to do it, or to say that there are no such products.
absl::optional<PairBlocks> BlocksOf(const graph::KernelSpec& spec, int64_t k, int64_t n) {
  if (spec.in(0).dtype != graph::DType::kF32 || spec.out(0).dtype != graph::DType::kBF16) {
    return absl::nullopt;
  }
  absl::optional<PairBlocks> blocks;
  GuardOneDnn(spec.threads, [&] {
    blocks = AsPairBlocks(PackedWeights(k, n, graph::DType::kBF16));
  }).IgnoreError();
  return blocks;
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakePackWeights(const graph::KernelSpec& spec) {
  const graph::TensorType& w = spec.in(0);
  const bool trans_w = spec.op->Int("trans_w") != 0;
  const int64_t rows = w.dim(0), cols = rows == 0 ? 0 : w.elements() / rows;
  if (w.elements() == 0) {  // oneDNN has no product of nothing
    return MakeKernel([bytes = spec.out(0).bytes()](const auto& args) {
      std::memset(args.outputs[0], 0, bytes);
    });
  }
  if (const absl::optional<PairBlocks> blocks =
          BlocksOf(spec, trans_w ? cols : rows, trans_w ? rows : cols)) {
    const size_t used = blocks->bytes(), bytes = spec.out(0).bytes();
    return MakeKernel([blocks = *blocks, trans_w, used, bytes,
                       threads = spec.threads](const graph::KernelArgs& args) {
      PackPairBlocks(blocks, In<float>(args, 0), trans_w, threads, Out<graph::BFloat16>(args, 0));
      std::memset(Out<char>(args, 0) + used, 0, bytes - used);
    });
  }
  size_t used = 0;
  auto reorder = PrimitiveKernel::Make(
      spec, {DNNL_ARG_FROM}, {DNNL_ARG_TO}, [&](const dnnl::primitive_attr& attr) {
        const dnnl::memory::desc plain =
            trans_w ? TransposedMatrix(cols, rows, w.dtype) : Matrix(rows, cols, w.dtype);
        const dnnl::memory::desc packed =
            PackedWeights(plain.get_dims()[0], plain.get_dims()[1], spec.out(0).dtype);
        used = packed.get_size();
        return dnnl::reorder::primitive_desc(Engine(), plain, Engine(), packed, attr);
      });
  RETURN_IF_ERROR(reorder.status());
  return std::unique_ptr<graph::Kernel>(
      new PackKernel(*std::move(reorder), used, spec.out(0).bytes()));
}

}  // namespace

void RegisterPackWeights(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "PackWeights", MakePackWeights, {"onednn", "own"});
}

}  // namespace backends::cpu
