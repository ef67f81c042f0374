#include <algorithm>
#include <string>

#include "backends/cpu/amx_session.h"
#include "backends/cpu/gemm.h"
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/onednn_product.h"
#include "backends/cpu/product_amx.h"

namespace backends::cpu {
namespace {

using graph::DType;

// bf16 on AMX tiles, in about two thirds of oneDNN's time (docs/performance.md): x is packed once a
// block of rows and stays in the second-level cache, and large results go past the caches.
class PackedProductKernel final : public graph::Kernel {
 public:
  explicit PackedProductKernel(const graph::KernelSpec& spec)
      : threads_(spec.threads),
        rows_(spec.in(0).rows()),
        is_linear_(spec.op->type == "PackedLinear"),
        has_third_(spec.inputs.size() > 2) {
    product_.k = spec.in(0).cols();
    product_.n = spec.out(0).cols();
    product_.f32 = spec.out(0).dtype == DType::kF32;
    product_.gelu = is_linear_ && spec.op->Str("activation") == "gelu";
    product_.stream =
        AmxStreams(spec.out(0).bytes(), spec.out(0).cols() * graph::ByteSize(spec.out(0).dtype));
    // Of equal size, as small ones read all weights for few rows.
    const int64_t blocks = CeilDiv(PartRows(), AmxBlockRows(product_.k, false));
    block_rows_ = CeilDiv(PartRows(), 32 * blocks) * 32;
    thread_bytes_ = graph::AlignUp(kAmxSumBytes + AmxPackedBytes(block_rows_, product_.k, false));
  }

  size_t scratch_bytes() const override { return threads_ * thread_bytes_; }
  std::string implementation() const override { return "own:amx-bf16"; }

  absl::Status Bind(const graph::KernelArgs& args) override {
    RETURN_IF_ERROR(Kernel::Bind(args));
    product_.b = args.inputs[1];
    if (is_linear_) {
      product_.bias = in<float>(2);
    } else if (has_third_) {
      product_.times = in<uint16_t>(2);
    }
    product_.y = args.outputs[0];
    return absl::OkStatus();
  }

  absl::Status Run() override {
    ParallelFor(threads_, threads_, PartRows() * product_.k * product_.n / 64,
                [this](int64_t part) { Part(part); });
    return absl::OkStatus();
  }

 private:
  // A thread's rows, whole blocks of sums but for the last thread's.
  int64_t PartRows() const { return CeilDiv(rows_, 32 * threads_) * 32; }

  void Part(int64_t part) {
    const int64_t begin = std::min(rows_, part * PartRows());
    const int64_t end = std::min(rows_, begin + PartRows());
    char* const sums = static_cast<char*>(scratch()) + part * thread_bytes_;
    char* const packed = sums + kAmxSumBytes;
    const AmxSession session;
    for (int64_t row = begin; row < end; row += block_rows_) {
      const int64_t rows = std::min(block_rows_, end - row);
      AmxPackRows(in<uint16_t>(0) + row * product_.k, rows, product_.k, packed);
      AmxMultiply(product_, packed, nullptr, row, rows, sums);
    }
  }

  const int threads_;
  const int64_t rows_;
  const bool is_linear_, has_third_;
  AmxProduct product_;
  int64_t block_rows_ = 0;
  size_t thread_bytes_ = 0;
};

// Where the factors are not bf16, where what goes in or comes out has a type that the kernel above
// does not know (a GELU in f32, `times` in f32), or the processor has no AMX, the product is
// oneDNN's.
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakePackedProduct(const graph::KernelSpec& spec) {
  const bool linear = spec.op->type == "PackedLinear";
  const bool known =
      HasAmx() && spec.in(0).dtype == DType::kBF16 && spec.in(1).dtype == DType::kBF16 &&
      spec.out(0).elements() > 0 && spec.in(0).cols() > 0 &&
      (spec.inputs.size() < 3 || spec.in(2).dtype == (linear ? DType::kF32 : DType::kBF16)) &&
      !(linear && spec.op->Str("activation") == "gelu" && spec.out(0).dtype == DType::kF32);
  if (known) return std::make_unique<PackedProductKernel>(spec);
  return MakeOneDnnProduct(spec, PackedWeights);
}

}  // namespace

void RegisterPackedProduct(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "PackedMatMul", MakePackedProduct, {"onednn", "own"});
  AddFloat32OrBfloat16(table, "PackedLinear", MakePackedProduct, {"onednn", "own"});
}

}  // namespace backends::cpu
