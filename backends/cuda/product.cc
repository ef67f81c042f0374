// cuDNN fuses more (cudnn_product.h), in bf16 and where there is one. What follows is for the rest.
//
// cuBLASLt adds a bias of the result's type, adds to what is there (beta), and sums a factor over
// the terms. Not its business are
//   bf16 factors whose rows are not whole vectors of 16 bytes: copied into such rows first;
//   GELU by erf and its derivative, `times`, f32 biases of bf16 results, bf16 results with such
//   rows: an epilogue of our own, from a product in f32. That lies in y where y is f32, else in
//   scratch, a part of the rows at a time;
//   whatever of its own it refuses: the epilogue's, too, and sums are a kernel apart;
//   products of no terms, and those that it refuses altogether: a plain product of our own.
#include "backends/cuda/product.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/cuda/cublaslt_product.h"
#include "backends/cuda/cudnn_product.h"
#include "backends/cuda/elementwise_launch.h"
#include "backends/cuda/product_launch.h"
#include "backends/cuda/sum_rows_launch.h"

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

// What the library does beside the product.
struct Fused {
  bool bias = false, add = false, sums = false;
};

class ProductKernel final : public graph::Kernel {
 public:
  static KernelOr Make(const DevicePtr& device, const graph::KernelSpec& spec,
                       const ProductOptions& options) {
    // Ways to compute it, each of which leaves more to us than the one before.
    std::vector<Fused> ways;
    if (options.library) {
      const Fused all = ProductKernel(device, spec).Fusible();
      ways = {all};
      if (all.sums) ways.push_back({all.bias, all.add, false});
      if (all.bias || all.add) ways.push_back({});
    }
    for (const Fused& fused : ways) {
      std::unique_ptr<ProductKernel> kernel(new ProductKernel(device, spec));
      const absl::Status status = kernel->PlanLibrary(fused, options.part_bytes);
      if (status.ok()) return kernel;
      if (!absl::IsUnimplemented(status)) return graph::Annotate(status, DescribeTypes(spec));
    }
    std::unique_ptr<ProductKernel> kernel(new ProductKernel(device, spec));
    kernel->Plan(/*library=*/false, {}, options.part_bytes);
    return kernel;
  }

  size_t scratch_bytes() const override { return scratch_bytes_; }
  std::string implementation() const override {
    return absl::StrCat(part_ != nullptr ? "cublaslt" : "own:f32",
                        epilogue_ ? ", own epilogue" : "",
                        sums_ >= 0 && !fused_.sums ? ", own sums" : "");
  }

  absl::Status Run() override {
    if (sums_ >= 0 && !fused_.sums) RETURN_IF_ERROR(SumX());
    if (rows_ == 0 || cols_ == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const char* const x, Padded(x_, 0));
    ASSIGN_OR_RETURN(const char* const w, Padded(w_, 1));
    if (widened_bias_) {
      RETURN_IF_ERROR(ToStatus(
          Cast(in<BFloat16>(bias_), reinterpret_cast<float*>(At(bias_at_)), cols_, stream()),
          "widening a bias"));
    }
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
    const std::string& type = spec.op->type;
    const graph::TensorType &a = spec.in(0), &b = spec.in(1);
    x_ = {a.rows(), a.cols()};
    if (type == "MatMulWeightGrad" || type == "LinearWeightGrad") {
      trans_x_ = true;
      w_ = {b.rows(), b.cols()};
      rows_ = a.cols();
      cols_ = b.cols();
      inner_ = a.rows();
      if (type == "LinearWeightGrad") sums_ = 1;
      if (spec.inputs.size() > 2) add_ = 2;
      return;
    }
    const bool linear = type == "Linear" || type == "LinearGelu" || type == "LinearResidual";
    trans_w_ = linear || spec.op->Int("trans_w") != 0;
    rows_ = a.rows();
    cols_ = spec.out(0).cols();
    inner_ = a.cols();
    w_ = trans_w_ ? Factor{cols_, inner_} : Factor{inner_, cols_};
    if (linear) {
      bias_ = 2;
      bias_type_ = spec.in(2).dtype;
      if (type == "LinearGelu") pre_ = 1;
      if (type == "LinearResidual") add_ = 3;
      gelu_ = pre_ >= 0 || (type == "Linear" && spec.op->Str("activation") == "gelu");
    } else if (spec.inputs.size() > 2) {
      times_ = 2;
      times_type_ = spec.in(2).dtype;
      times_derivative_ = type == "MatMulGeluGrad";
    }
  }

  // Whether the library's result is y, if nothing but what it fuses is done to it.
  bool StoresY(bool library) const {
    return y_type_ == DType::kF32 || (library && type_ == DType::kBF16 && cols_ % kVector == 0);
  }

  Fused Fusible() const {
    Fused fused;
    fused.bias = bias_ >= 0 && bias_type_ == y_type_ && !gelu_ && StoresY(/*library=*/true);
    fused.add = add_ >= 0;
    fused.sums = sums_ >= 0;
    return fused;
  }

  // Decides who does what, and where in scratch.
  void Plan(bool library, const Fused& fused, int64_t part_bytes) {
    fused_ = fused;
    for (Factor* factor : {&x_, &w_}) {
      factor->stride = factor->cols;
      if (!library || type_ != DType::kBF16 || factor->cols % kVector == 0) continue;
      factor->stride = (factor->cols + kVector - 1) / kVector * kVector;
      factor->padded_at = Reserve(factor->rows * factor->stride * sizeof(BFloat16));
    }
    epilogue_ = gelu_ || times_ >= 0 || (bias_ >= 0 && !fused.bias) || (add_ >= 0 && !fused.add) ||
                !StoresY(library);
    // What is added may lie where y does.
    in_scratch_ = epilogue_ && (y_type_ == DType::kBF16 || add_ >= 0);
    rows_of_part_ = rows_;
    if (in_scratch_) {
      const int64_t row_bytes = cols_ * static_cast<int64_t>(sizeof(float));
      const int64_t parts = row_bytes == 0 ? 1 : part_bytes / row_bytes / kRowsOfPart;
      // Rows of y are columns of a transposed x, which are not cut.
      if (!trans_x_) rows_of_part_ = std::min(rows_, std::max<int64_t>(1, parts) * kRowsOfPart);
      product_at_ = Reserve(rows_of_part_ * row_bytes);
    }
    widened_bias_ = epilogue_ && bias_ >= 0 && bias_type_ == DType::kBF16;
    if (widened_bias_) bias_at_ = Reserve(cols_ * sizeof(float));
    if (sums_ >= 0 && !fused.sums) {
      sums_at_ = Reserve(
          VisitFloat(type_, [&](auto x) { return SumRowsScratch<decltype(x)>(inner_, rows_); }));
    }
  }

  // The same, and the library's part of it; Unimplemented where it has none.
  absl::Status PlanLibrary(const Fused& fused, int64_t part_bytes) {
    if (rows_ == 0 || cols_ == 0 || inner_ == 0) {
      return absl::UnimplementedError("a product of no elements or no terms");
    }
    Plan(/*library=*/true, fused, part_bytes);
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
    spec.bias = fused_.bias;
    spec.add = fused_.add;
    spec.sums = fused_.sums;
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

  absl::Status SumX() {
    const int error = VisitFloat(type_, [&](auto t) {
      using T = decltype(t);
      return SumRows(SumRowsArgs<T>{in<T>(0), out<float>(sums_), At(sums_at_), inner_, rows_},
                     stream());
    });
    return ToStatus(error, "starting sums of rows");
  }

  // `rows` rows of x, from `x` on, with w.
  absl::Status Multiply(const char* x, const char* w, int64_t rows, void* y) {
    if (part_ != nullptr) {
      CublasLtTensors at;
      at.x = x;
      at.w = w;
      if (fused_.bias) at.bias = args().inputs[bias_];
      if (fused_.add) at.add = args().inputs[add_];
      if (fused_.sums) at.sums = args().outputs[sums_];
      at.y = y;
      at.workspace = At(workspace_at_);
      return (rows == rows_of_part_ ? part_ : last_)->Run(at, stream());
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
      if (bias_ >= 0 && !fused_.bias) {
        p.bias = widened_bias_ ? reinterpret_cast<const float*>(At(bias_at_)) : in<float>(bias_);
      }
      if (add_ >= 0 && !fused_.add) p.add = in<float>(add_) + first * cols_;
      p.times = times_ >= 0 ? in<Times>(times_) + first * cols_ : nullptr;
      p.times_derivative = times_derivative_;
      p.gelu = gelu_;
      p.pre = pre_ >= 0 ? out<Y>(pre_) + first * cols_ : nullptr;
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
  int bias_ = -1, add_ = -1, times_ = -1;  // inputs; negative: none
  int pre_ = -1, sums_ = -1;               // outputs, the same
  DType bias_type_ = DType::kF32, times_type_ = DType::kF32;
  bool gelu_ = false, times_derivative_ = false;

  Fused fused_;                // the library's
  bool epilogue_ = false;      // ours
  bool in_scratch_ = false;    // the product that the epilogue reads
  bool widened_bias_ = false;  // the bias that it reads, in scratch
  int64_t rows_of_part_ = 0;
  size_t product_at_ = 0, bias_at_ = 0, sums_at_ = 0, workspace_at_ = 0, scratch_bytes_ = 0;
  // Null: the product is our own. last_: of fewer rows, if there are such.
  std::unique_ptr<CublasLtProduct> part_, last_;
};

}  // namespace

KernelOr MakeProduct(const DevicePtr& device, const graph::KernelSpec& spec,
                     const ProductOptions& options) {
  if (options.cudnn) {
    KernelOr kernel = MakeCudnnProduct(device, spec);
    if (!absl::IsUnimplemented(kernel.status())) return kernel;
  }
  return ProductKernel::Make(device, spec, options);
}

}  // namespace backends::cuda
