// One oneDNN reorder, which rounds to bf16 on the way where asked, and zeros in
// what the layout leaves over of the padded output.
#include <cstring>

#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/onednn.h"
#include "backends/cpu/packed_weights.h"

namespace backends::cpu {
namespace {

class PackKernel final : public graph::Kernel {
 public:
  // `reorder` writes the first `used` of `bytes`.
  PackKernel(std::unique_ptr<graph::Kernel> reorder, size_t used, size_t bytes)
      : reorder_(std::move(reorder)), used_(used), bytes_(bytes) {}

  size_t scratch_bytes() const override { return reorder_->scratch_bytes(); }
  std::string implementation() const override { return reorder_->implementation(); }
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

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakePackWeights(const graph::KernelSpec& spec) {
  const graph::TensorType& w = spec.in(0);
  const bool trans_w = spec.op->Int("trans_w") != 0;
  const int64_t rows = w.dim(0), cols = rows == 0 ? 0 : w.elements() / rows;
  if (w.elements() == 0) {  // oneDNN has no product of nothing
    return MakeKernel([bytes = spec.out(0).bytes()](const auto& args) {
      std::memset(args.outputs[0], 0, bytes);
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
  AddFloat32OrBfloat16(table, "PackWeights", MakePackWeights);
}

}  // namespace backends::cpu
