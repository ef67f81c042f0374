// Where there is AMX, our own product on its tiles (quantized_linear_amx.h). Else
// oneDNN's, one image at a time per thread: its tokens are quantized into the thread's own
// scratch and multiplied while they are in the second-level cache, by a product of
// one thread. So an image's scale costs no pass over memory, and no thread waits
// for another.
#include "backends/cpu/ops/quantized_linear.h"

#include <omp.h>

#include <atomic>
#include <cmath>
#include <cstring>

#include "backends/cpu/gemm.h"
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/onednn.h"
#include "backends/cpu/quantize_bytes.h"
#include "backends/cpu/quantized_linear_amx.h"
#include "graph/base/bfloat16.h"

namespace backends::cpu {
namespace {

using DataType = dnnl::memory::data_type;
using dnnl::memory;

// The rows that the packed layout is asked for; any number that is not tiny gives
// the same.
constexpr int64_t kTypicalRows = 256;

memory::desc PlainBytes(int64_t rows, int64_t cols) {
  return {{rows, cols}, DataType::s8, memory::dims{cols, 1}};
}

dnnl::primitive_attr OwnScratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

dnnl::matmul::primitive_desc Product(int64_t rows, int64_t k, int64_t n, graph::DType y,
                                     const memory::desc& weights, bool gelu) {
  dnnl::primitive_attr attr = OwnScratchpad();
  attr.set_scales_mask(DNNL_ARG_SRC, 0);
  attr.set_scales_mask(DNNL_ARG_WEIGHTS, 2);
  if (gelu) {
    dnnl::post_ops post;
    post.append_eltwise(dnnl::algorithm::eltwise_gelu_erf, 1.0f, 0.0f);
    attr.set_post_ops(post);
  }
  return {Engine(), PlainBytes(rows, k), weights, Matrix(1, n), Matrix(rows, n, y), attr};
}

memory::desc PackedLayout(int64_t k, int64_t n) {
  return Product(kTypicalRows, k, n, graph::DType::kBF16,
                 memory::desc({k, n}, DataType::s8, memory::format_tag::any), false)
      .weights_desc();
}

// Quantizes n values into q; their scale.
template <typename T>
float Quantize(const T* x, int64_t n, int8_t* q) {
  const ops::cpu::QuantizationScale scale = ScaleOf(x, n);
  QuantizeBytes(x, n, scale, q);
  return scale.scale;
}

// A kernel `K` of this file, or what oneDNN cannot compute, or refuses to.
template <typename K>
absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeGuarded(const graph::KernelSpec& spec) {
  if (!HasInt8()) {
    return absl::UnimplementedError(
        absl::StrCat(DescribeTypes(spec), ": 8-bit products need AVX512-VNNI, AVX2-VNNI or AMX; ",
                     "oneDNN uses ", EffectiveIsa(), " here"));
  }
  // Every product runs on the thread that quantizes its image.
  std::unique_ptr<graph::Kernel> kernel;
  const auto make = [&] { kernel = std::make_unique<K>(spec); };
  RETURN_IF_ERROR(GuardOneDnn(1, make, &spec));
  return kernel;
}

class QuantizeWeightsKernel final : public graph::Kernel {
 public:
  explicit QuantizeWeightsKernel(const graph::KernelSpec& spec)
      : threads_(spec.threads),
        n_(spec.in(0).dim(0)),
        k_(n_ == 0 ? 0 : spec.in(0).elements() / n_),
        bytes_(spec.out(0).bytes()),
        layout_(PackedLayout(k_, n_)),
        // wᵀ, stored as (N, K).
        plain_({{k_, n_}, DataType::s8, memory::dims{1, k_}}, Engine(), nullptr),
        packed_(layout_, Engine(), nullptr),
        stream_(Engine()),
        reorder_pd_(Engine(), plain_.get_desc(), Engine(), layout_, OwnScratchpad()) {
    if (layout_.get_size() > bytes_) {
      throw dnnl::error(dnnl_unimplemented, "a layout of the weights with more padding than known");
    }
    scratchpad_ = memory(reorder_pd_.scratchpad_desc(), Engine(), nullptr);
    plain_bytes_ = graph::AlignUp(n_ * k_);
  }

  absl::Status Prepare() override {
    return GuardOneDnn(1, [this] { reorder_ = dnnl::reorder(reorder_pd_); });
  }

  size_t scratch_bytes() const override { return plain_bytes_ + scratchpad_.get_desc().get_size(); }

  absl::Status Run() override {
    int8_t* plain = static_cast<int8_t*>(scratch());
    const float* w = in<float>(0);
    float* scales = out<float>(1);
    ParallelFor(threads_, n_, k_,
                [&](int64_t i) { scales[i] = Quantize(w + i * k_, k_, plain + i * k_); });
    int8_t* packed = out<int8_t>(0);
    std::memset(packed, 0, bytes_);
    plain_.set_data_handle(plain);
    packed_.set_data_handle(packed);
    scratchpad_.set_data_handle(plain + plain_bytes_);
    const ThreadBudget budget(1);
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, plain_.get()},
                                    {DNNL_ARG_TO, packed_.get()},
                                    {DNNL_ARG_SCRATCHPAD, scratchpad_.get()}};
    const dnnl_status_t status = dnnl_primitive_execute(reorder_.get(), stream_.get(), 3, args);
    return status == dnnl_success ? absl::OkStatus() : OneDnnFailed(status);
  }

 private:
  const int threads_;
  const int64_t n_, k_;
  const size_t bytes_;
  const memory::desc layout_;
  memory plain_, packed_, scratchpad_;
  dnnl::stream stream_;
  const dnnl::reorder::primitive_desc reorder_pd_;
  dnnl::reorder reorder_;
  size_t plain_bytes_ = 0;
};

template <typename T>
class QuantizedLinearKernel final : public graph::Kernel {
 public:
  explicit QuantizedLinearKernel(const graph::KernelSpec& spec)
      : threads_(spec.threads),
        images_(spec.in(0).dim(0)),
        tokens_(spec.in(0).dim(1)),
        k_(spec.in(0).dim(2)),
        image_bytes_of_y_(images_ == 0 ? 0 : spec.out(0).bytes() / images_),
        pd_(Product(tokens_, k_, spec.out(0).dim(2), spec.out(0).dtype,
                    PackedLayout(k_, spec.out(0).dim(2)), spec.op->Str("activation") == "gelu")) {
    const int64_t n = spec.out(0).dim(2);
    image_bytes_ = graph::AlignUp(tokens_ * k_);
    thread_bytes_ = image_bytes_ + graph::AlignUp(pd_.scratchpad_desc().get_size());
    for (int t = 0; t < threads_; ++t) {
      Team& team = teams_.emplace_back();
      team.stream = dnnl::stream(Engine());
      team.x = memory(pd_.src_desc(), Engine(), nullptr);
      team.w = memory(pd_.weights_desc(), Engine(), nullptr);
      team.bias = memory(pd_.query_md(dnnl::query::exec_arg_md, DNNL_ARG_BIAS), Engine(), nullptr);
      team.y = memory(pd_.dst_desc(), Engine(), nullptr);
      team.scratchpad = memory(pd_.scratchpad_desc(), Engine(), nullptr);
      team.x_scale = memory({{1}, DataType::f32, memory::dims{1}}, Engine(), nullptr);
      team.w_scales = memory({{n}, DataType::f32, memory::dims{1}}, Engine(), nullptr);
      team.args = {{DNNL_ARG_SRC, team.x.get()},
                   {DNNL_ARG_WEIGHTS, team.w.get()},
                   {DNNL_ARG_BIAS, team.bias.get()},
                   {DNNL_ARG_DST, team.y.get()},
                   {DNNL_ARG_SCRATCHPAD, team.scratchpad.get()},
                   {DNNL_ARG_ATTR_SCALES | DNNL_ARG_SRC, team.x_scale.get()},
                   {DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS, team.w_scales.get()}};
    }
  }

  size_t scratch_bytes() const override { return threads_ * thread_bytes_; }
  std::string implementation() const override {
    return absl::StrCat("onednn:", pd_.impl_info_str());
  }

  absl::Status Prepare() override {
    return GuardOneDnn(1, [this] { primitive_ = dnnl::matmul(pd_); });
  }
  absl::Status Bind(const graph::KernelArgs& args) override {
    RETURN_IF_ERROR(Kernel::Bind(args));
    for (int t = 0; t < threads_; ++t) {
      Team& team = teams_[t];
      char* own = static_cast<char*>(args.scratch) + t * thread_bytes_;
      team.quantized = reinterpret_cast<int8_t*>(own);
      team.x.set_data_handle(own);
      team.scratchpad.set_data_handle(own + image_bytes_);
      team.w.set_data_handle(const_cast<void*>(args.inputs[1]));
      team.w_scales.set_data_handle(const_cast<void*>(args.inputs[2]));
      team.bias.set_data_handle(const_cast<void*>(args.inputs[3]));
      team.x_scale.set_data_handle(&team.scale);
    }
    return absl::OkStatus();
  }

  absl::Status Run() override {
    const T* x = in<T>(0);
    char* y = out<char>(0);
    std::atomic<int> failed{dnnl_success};
    ParallelFor(threads_, images_, 2 * tokens_ * k_, [&](int64_t i) {
      // A loop that stays on the calling thread uses the first thread's memory.
      Team& team = teams_[omp_in_parallel() ? omp_get_thread_num() % threads_ : 0];
      team.scale = Quantize(x + i * tokens_ * k_, tokens_ * k_, team.quantized);
      dnnl_memory_set_data_handle(team.y.get(), y + i * image_bytes_of_y_);
      const ThreadBudget budget(1);
      const dnnl_status_t status =
          dnnl_primitive_execute(primitive_.get(), team.stream.get(),
                                 static_cast<int>(team.args.size()), team.args.data());
      if (status != dnnl_success) failed = status;
    });
    if (failed == dnnl_success) return absl::OkStatus();
    return OneDnnFailed(static_cast<dnnl_status_t>(failed.load()));
  }

 private:
  // What one thread of the team works with.
  struct Team {
    dnnl::stream stream;
    memory x, w, bias, y, scratchpad, x_scale, w_scales;
    std::vector<dnnl_exec_arg_t> args;
    int8_t* quantized = nullptr;
    float scale = 0;
  };

  const int threads_;
  const int64_t images_, tokens_, k_;
  const size_t image_bytes_of_y_;
  size_t image_bytes_ = 0, thread_bytes_ = 0;
  const dnnl::matmul::primitive_desc pd_;
  dnnl::matmul primitive_;
  std::vector<Team> teams_;
};

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeQuantizeWeights(const graph::KernelSpec& spec) {
  if (spec.in(0).dtype != graph::DType::kF32) {
    return absl::UnimplementedError(absl::StrCat(DescribeTypes(spec), ": w must be f32"));
  }
  if (HasAmx()) return MakeAmxQuantizeWeights(spec);
  return MakeGuarded<QuantizeWeightsKernel>(spec);
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeQuantizedLinear(const graph::KernelSpec& spec) {
  if (HasAmx()) return MakeAmxQuantizedLinear(spec);
  return VisitFloat(spec.in(0).dtype,
                    [&](auto x) { return MakeGuarded<QuantizedLinearKernel<decltype(x)>>(spec); });
}

}  // namespace

void RegisterQuantizedLinear(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "QuantizeWeights", MakeQuantizeWeights);
  AddFloat32OrBfloat16(table, "QuantizedLinear", MakeQuantizedLinear, {"onednn", "own"});
}

}  // namespace backends::cpu
