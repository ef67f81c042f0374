// cuBLASLt adds a bias to an f32 result. Not its business are
//   bf16 factors whose rows are not whole vectors of 16 bytes: copied into such rows first;
//   GELU by erf, `times`, f32 biases of bf16 results, bf16 results with such rows: an epilogue of
//   our own, from a product in f32. That lies in y where y is f32, else in scratch, a part of the
//   rows at a time;
//   sums of no terms, and whatever else it refuses: a plain product of our own.
#include "backends/cuda/product.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "backends/cuda/cublaslt_product.h"
#include "backends/cuda/product_launch.h"

namespace backends::cuda {
namespace {

using graph::DType;

// Elements of bf16 in 16 bytes.
constexpr int64_t kVector = 8;
// Parts begin at rows that are a multiple of it, so that they are aligned as tensors are.
constexpr int64_t kRowsOfPart = 256;
// NVIDIA's advice for Hopper. What needs it is split sums, which gain nothing below this many
// multiplications.
constexpr size_t kMaxWorkspace = size_t{32} << 20;
constexpr double kLeastForWorkspace = 1 << 24;

cudaDataType TypeOf(DType dtype) { return dtype == DType::kBF16 ? CUDA_R_16BF : CUDA_R_32F; }

// A factor as it is stored.
struct Factor {
  int64_t rows = 0, cols = 0;
  int64_t stride = 0;    // of the rows that the library reads
  size_t padded_at = 0;  // where in scratch, if that is not `cols`

  bool padded() const { return stride != cols; }
};

class ProductKernel final : public graph::Kernel {
 public:
  static KernelOr Make(const DevicePtr& device, const graph::KernelSpec& spec,
                       const ProductOptions& options) {
    if (options.library) {
      std::unique_ptr<ProductKernel> kernel(new ProductKernel(device, spec));
      const absl::Status status = kernel->PlanLibrary(options.part_bytes);
      if (status.ok()) return kernel;
      if (!absl::IsUnimplemented(status)) return graph::Annotate(status, DescribeTypes(spec));
    }
    std::unique_ptr<ProductKernel> kernel(new ProductKernel(device, spec));
    kernel->Plan(/*library=*/false, options.part_bytes);
    return kernel;
  }

  size_t scratch_bytes() const override { return scratch_bytes_; }
  std::string implementation() const override {
    return absl::StrCat(part_ != nullptr ? "cublaslt" : "own:f32",
                        epilogue_ ? ", own epilogue" : "");
  }

  absl::Status Run() override {
    if (rows_ == 0 || cols_ == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const char* const x, Padded(x_, 0));
    ASSIGN_OR_RETURN(const char* const w, Padded(w_, 1));
    for (int64_t first = 0; first < rows_; first += rows_of_part_) {
      const int64_t rows = std::min(rows_of_part_, rows_ - first);
      void* const y = in_scratch_ ? static_cast<void*>(At(product_at_)) : args().outputs[0];
      RETURN_IF_ERROR(Multiply(x + first * x_.stride * graph::ByteSize(type_), w, rows, y));
      if (epilogue_) RETURN_IF_ERROR(Epilogue(first, rows, static_cast<const float*>(y)));
    }
    return absl::OkStatus();
  }

 private:
  ProductKernel(const DevicePtr& device, const graph::KernelSpec& spec)
      : device_(device), type_(spec.in(0).dtype), y_type_(spec.out(0).dtype) {
    const graph::TensorType &a = spec.in(0), &b = spec.in(1);
    x_ = {a.rows(), a.cols()};
    if (spec.op->type == "MatMulWeightGrad") {
      trans_x_ = true;
      w_ = {b.rows(), b.cols()};
      rows_ = a.cols();
      cols_ = b.cols();
      inner_ = a.rows();
      return;
    }
    trans_w_ = spec.op->type == "Linear" || spec.op->Int("trans_w") != 0;
    rows_ = a.rows();
    cols_ = spec.out(0).cols();
    inner_ = a.cols();
    w_ = trans_w_ ? Factor{cols_, inner_} : Factor{inner_, cols_};
    if (spec.op->type == "Linear") {
      bias_ = 2;
      gelu_ = spec.op->Str("activation") == "gelu";
    } else if (spec.inputs.size() > 2) {
      times_ = 2;
      times_type_ = spec.in(2).dtype;
    }
  }

  // Decides who does what, and where in scratch.
  void Plan(bool library, int64_t part_bytes) {
    for (Factor* factor : {&x_, &w_}) {
      factor->stride = factor->cols;
      if (!library || type_ != DType::kBF16 || factor->cols % kVector == 0) continue;
      factor->stride = (factor->cols + kVector - 1) / kVector * kVector;
      factor->padded_at = Reserve(factor->rows * factor->stride * sizeof(BFloat16));
    }
    const bool bf16 = y_type_ == DType::kBF16;
    fused_bias_ = library && bias_ >= 0 && !gelu_ && !bf16;
    epilogue_ = gelu_ || times_ >= 0 || (bias_ >= 0 && !fused_bias_) ||
                (bf16 && !(library && type_ == DType::kBF16 && cols_ % kVector == 0));
    in_scratch_ = epilogue_ && bf16;
    rows_of_part_ = rows_;
    if (in_scratch_) {
      const int64_t row_bytes = cols_ * static_cast<int64_t>(sizeof(float));
      const int64_t parts = row_bytes == 0 ? 1 : part_bytes / row_bytes / kRowsOfPart;
      rows_of_part_ = std::min(rows_, std::max<int64_t>(1, parts) * kRowsOfPart);
      product_at_ = Reserve(rows_of_part_ * row_bytes);
    }
  }

  // The same, and the library's part of it; Unimplemented where it has none.
  absl::Status PlanLibrary(int64_t part_bytes) {
    if (rows_ == 0 || cols_ == 0 || inner_ == 0) {
      return absl::UnimplementedError("a product of no elements or no terms");
    }
    Plan(/*library=*/true, part_bytes);
    ASSIGN_OR_RETURN(part_, MakePart(rows_of_part_));
    size_t workspace = part_->workspace_bytes();
    if (rows_ % rows_of_part_ != 0) {
      ASSIGN_OR_RETURN(last_, MakePart(rows_ % rows_of_part_));
      workspace = std::max(workspace, last_->workspace_bytes());
    }
    workspace_at_ = Reserve(workspace);
    return absl::OkStatus();
  }

  absl::StatusOr<std::unique_ptr<CublasLtProduct>> MakePart(int64_t rows) const {
    CublasLtSpec spec;
    spec.rows = rows;
    spec.cols = cols_;
    spec.inner = inner_;
    spec.trans_x = trans_x_;
    spec.trans_w = trans_w_;
    spec.x_stride = x_.stride;
    spec.w_stride = w_.stride;
    spec.type = TypeOf(type_);
    spec.y_type = in_scratch_ ? CUDA_R_32F : TypeOf(y_type_);
    spec.bias = fused_bias_;
    const double terms = static_cast<double>(rows) * cols_ * inner_;
    return CublasLtProduct::Create(device_->cublaslt(), spec,
                                   terms < kLeastForWorkspace ? 0 : kMaxWorkspace);
  }

  size_t Reserve(size_t bytes) {
    const size_t at = scratch_bytes_;
    scratch_bytes_ += graph::AlignUp(bytes, device_->alignment());
    return at;
  }

  char* At(size_t offset) const { return static_cast<char*>(scratch()) + offset; }
  Stream stream() const { return static_cast<Stream>(args().stream); }

  // The factor, input `input`, in rows that the library takes.
  absl::StatusOr<const char*> Padded(const Factor& f, int input) {
    if (!f.padded()) return in<char>(input);
    char* const to = At(f.padded_at);
    RETURN_IF_ERROR(ToStatus(
        PadRows({in<BFloat16>(input), reinterpret_cast<BFloat16*>(to), f.rows, f.cols, f.stride},
                stream()),
        "padding rows"));
    return to;
  }

  // `rows` rows of x, from `x` on, with w.
  absl::Status Multiply(const char* x, const char* w, int64_t rows, void* y) {
    if (part_ != nullptr) {
      return (rows == rows_of_part_ ? part_ : last_)
          ->Run(x, w, fused_bias_ ? in<float>(bias_) : nullptr, y, At(workspace_at_), stream());
    }
    const int error = VisitFloat(type_, [&](auto t) {
      using T = decltype(t);
      return PlainProduct(
          PlainProductArgs<T>{reinterpret_cast<const T*>(x), reinterpret_cast<const T*>(w),
                              static_cast<float*>(y), rows, cols_, inner_, trans_x_, trans_w_},
          stream());
    });
    return ToStatus(error, "starting a product");
  }

  // Rows `first` to `first` + `rows` - 1 of y.
  absl::Status Epilogue(int64_t first, int64_t rows, const float* product) {
    const auto run = [&](auto y, auto times) {
      using Y = decltype(y);
      using Times = decltype(times);
      ProductEpilogueArgs<Y, Times> p = {};
      p.product = product;
      p.bias = bias_ >= 0 ? in<float>(bias_) : nullptr;
      p.times = times_ >= 0 ? in<Times>(times_) + first * cols_ : nullptr;
      p.gelu = gelu_;
      p.y = out<Y>(0) + first * cols_;
      p.rows = rows;
      p.cols = cols_;
      return ProductEpilogue(p, stream());
    };
    const int error = VisitFloat(y_type_, [&](auto y) {
      return VisitFloat(times_type_, [&](auto times) { return run(y, times); });
    });
    return ToStatus(error, "starting a product's epilogue");
  }

  const DevicePtr device_;
  const DType type_, y_type_;  // of x and w, and of y
  int64_t rows_ = 0, cols_ = 0, inner_ = 0;
  bool trans_x_ = false, trans_w_ = false;
  Factor x_, w_;
  int bias_ = -1, times_ = -1;  // inputs; negative: none
  DType times_type_ = DType::kF32;
  bool gelu_ = false;

  bool epilogue_ = false;    // ours
  bool fused_bias_ = false;  // the library's
  bool in_scratch_ = false;  // the product that the epilogue reads
  int64_t rows_of_part_ = 0;
  size_t product_at_ = 0, workspace_at_ = 0, scratch_bytes_ = 0;
  // Null: the product is our own. last_: of fewer rows, if there are such.
  std::unique_ptr<CublasLtProduct> part_, last_;
};

}  // namespace

KernelOr MakeProduct(const DevicePtr& device, const graph::KernelSpec& spec,
                     const ProductOptions& options) {
  return ProductKernel::Make(device, spec, options);
}

}  // namespace backends::cuda
