#include "backends/cpu/onednn.h"

#include <omp.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/cpu/kernel_util.h"

namespace backends::cpu {

ThreadBudget::ThreadBudget(int threads) : before_(omp_get_max_threads()) {
  omp_set_num_threads(threads);
}

ThreadBudget::~ThreadBudget() { omp_set_num_threads(before_); }

const dnnl::engine& Engine() {
  static const dnnl::engine* const engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);
  return *engine;
}

std::string OneDnnVersion() {
  const dnnl_version_t* version = dnnl_version();
  return absl::StrCat(version->major, ".", version->minor, ".", version->patch);
}

bool HasIsa(int isa) { return (dnnl_get_effective_cpu_isa() & isa) == isa; }

std::string EffectiveIsa() {
  // Sets of bits; each comes before the sets that it includes.
  static constexpr std::pair<int, const char*> kNames[] = {
      {dnnl_cpu_isa_avx512_core_amx, "AVX-512 + AMX"},
      {dnnl_cpu_isa_avx512_core_fp16, "AVX-512 + FP16"},
      {dnnl_cpu_isa_avx512_core_bf16, "AVX-512 + BF16"},
      {dnnl_cpu_isa_avx512_core_vnni, "AVX-512 + VNNI"},
      {dnnl_cpu_isa_avx512_core, "AVX-512"},
      {dnnl_cpu_isa_avx2_vnni, "AVX2 + VNNI"},
      {dnnl_cpu_isa_avx2, "AVX2"},
      {dnnl_cpu_isa_avx, "AVX"},
      {dnnl_cpu_isa_sse41, "SSE4.1"},
  };
  for (const auto& [isa, name] : kNames) {
    if (HasIsa(isa)) return name;
  }
  return "baseline x86-64";
}

bool HasBfloat16() { return HasIsa(dnnl_cpu_isa_avx512_core_bf16); }

bool HasFastBfloat16() {
  return HasIsa(dnnl_cpu_isa_avx512_core_amx) || (HasBfloat16() && __builtin_cpu_is("amd"));
}

bool HasInt8() { return HasIsa(dnnl_cpu_isa_avx512_core_vnni) || HasIsa(dnnl_cpu_isa_avx2_vnni); }

absl::Status OneDnnFailed(dnnl_status_t status) {
  if (status != dnnl_out_of_memory && status != dnnl_runtime_error) {
    return absl::InternalError(absl::StrCat("oneDNN failed with status ", status));
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      status == dnnl_out_of_memory
          ? "oneDNN gets no memory"
          : "oneDNN failed with a runtime error, most likely because it gets no memory",
      "; other programs have it, or a limit (ulimit -v, a container's) forbids more; free some, ",
      "or lower --batch_size"));
}

absl::Status OneDnnRefuses(const graph::KernelSpec& spec, const dnnl::error& error) {
  if (const absl::Status failed = OneDnnFailed(error.status); absl::IsResourceExhausted(failed)) {
    return graph::Annotate(failed, DescribeTypes(spec));
  }
  return absl::UnimplementedError(absl::StrCat(DescribeTypes(spec), ": oneDNN ", OneDnnVersion(),
                                               " (", EffectiveIsa(), ") refuses: ", error.message));
}

absl::Status GuardOneDnn(int threads, absl::FunctionRef<void()> make,
                         const graph::KernelSpec* spec) {
  const ThreadBudget budget(threads);
  try {
    make();
  } catch (const dnnl::error& error) {
    return spec == nullptr ? OneDnnFailed(error.status) : OneDnnRefuses(*spec, error);
  }
  return absl::OkStatus();
}

dnnl::memory::data_type DnnlType(graph::DType dtype) {
  if (dtype == graph::DType::kBF16) return dnnl::memory::data_type::bf16;
  CHECK(dtype == graph::DType::kF32);
  return dnnl::memory::data_type::f32;
}

dnnl::memory::desc Matrix(int64_t rows, int64_t cols, graph::DType dtype) {
  return {{rows, cols}, DnnlType(dtype), dnnl::memory::dims{cols, 1}};
}

dnnl::memory::desc TransposedMatrix(int64_t rows, int64_t cols, graph::DType dtype) {
  return {{rows, cols}, DnnlType(dtype), dnnl::memory::dims{1, rows}};
}

dnnl::memory::desc AnyMatrix(int64_t rows, int64_t cols, graph::DType dtype) {
  return {{rows, cols}, DnnlType(dtype), dnnl::memory::format_tag::any};
}

void PrimitiveKernel::AddStep(const dnnl::primitive_desc_base& pd) {
  steps_.push_back({pd, arguments_.size(), dnnl::primitive()});
}

void PrimitiveKernel::AddArgument(int arg, Source source, size_t position,
                                  const dnnl::memory::desc& desc) {
  arguments_.push_back({source, position, dnnl::memory(desc, Engine(), nullptr)});
  exec_args_.push_back({arg, arguments_.back().memory.get()});
}

void PrimitiveKernel::Adopt(const dnnl::primitive_desc_base& pd, absl::Span<const int> inputs,
                            absl::Span<const int> outputs,
                            const absl::optional<dnnl::memory::desc>& weights) {
  stream_ = dnnl::stream(Engine());
  const auto layout_of = [&pd](int arg) { return pd.query_md(dnnl::query::exec_arg_md, arg); };
  const bool reordered = weights.has_value() && *weights != layout_of(DNNL_ARG_WEIGHTS);
  // Scratch: the reordered weights, then the scratchpad of one step at a time.
  const size_t reordered_bytes =
      reordered ? graph::AlignUp(layout_of(DNNL_ARG_WEIGHTS).get_size()) : 0;
  scratch_bytes_ = reordered_bytes;
  const auto add_scratchpad = [&](const dnnl::primitive_desc_base& of) {
    const dnnl::memory::desc scratchpad = of.scratchpad_desc();
    if (scratchpad.get_size() == 0) return;
    AddArgument(DNNL_ARG_SCRATCHPAD, Source::kScratch, reordered_bytes, scratchpad);
    scratch_bytes_ = std::max(scratch_bytes_, reordered_bytes + scratchpad.get_size());
  };
  if (reordered) {
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::reorder::primitive_desc reorder(Engine(), *weights, Engine(),
                                                layout_of(DNNL_ARG_WEIGHTS), attr);
    AddStep(reorder);
    AddArgument(DNNL_ARG_FROM, Source::kInput, 1, reorder.src_desc());
    AddArgument(DNNL_ARG_TO, Source::kScratch, 0, reorder.dst_desc());
    add_scratchpad(reorder);
  }

  AddStep(pd);
  for (size_t i = 0; i < inputs.size(); ++i) {
    const bool moved = reordered && inputs[i] == DNNL_ARG_WEIGHTS;
    AddArgument(inputs[i], moved ? Source::kScratch : Source::kInput, moved ? 0 : i,
                layout_of(inputs[i]));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    AddArgument(outputs[i], Source::kOutput, i, layout_of(outputs[i]));
  }
  add_scratchpad(pd);
  implementation_ = absl::StrCat("onednn:", pd.impl_info_str(), reordered ? ", reordered" : "");
}

absl::Status PrimitiveKernel::Prepare() {
  return GuardOneDnn(threads_, [this] {
    for (Step& step : steps_) {
      step.primitive = dnnl::primitive(step.descriptor.get());
      // Of 13 KB; the primitive shares one with all of its shape.
      step.descriptor = dnnl::primitive_desc_base();
    }
  });
}

absl::Status PrimitiveKernel::Bind(const graph::KernelArgs& args) {
  RETURN_IF_ERROR(Kernel::Bind(args));
  for (const Argument& argument : arguments_) {
    // oneDNN's memory has no const, but oneDNN writes outputs and scratch only.
    void* const address =
        argument.source == Source::kInput    ? const_cast<void*>(args.inputs[argument.position])
        : argument.source == Source::kOutput ? args.outputs[argument.position]
                                             : static_cast<char*>(args.scratch) + argument.position;
    const dnnl_status_t status = dnnl_memory_set_data_handle(argument.memory.get(), address);
    if (status != dnnl_success) {
      return absl::InternalError(absl::StrCat("oneDNN refuses an address with status ", status));
    }
  }
  return absl::OkStatus();
}

absl::Status PrimitiveKernel::Run() {
  const ThreadBudget budget(threads_);
  for (size_t i = 0; i < steps_.size(); ++i) {
    const size_t end = i + 1 < steps_.size() ? steps_[i + 1].first : exec_args_.size();
    const dnnl_status_t status = dnnl_primitive_execute(steps_[i].primitive.get(), stream_.get(),
                                                        static_cast<int>(end - steps_[i].first),
                                                        exec_args_.data() + steps_[i].first);
    if (status != dnnl_success) return OneDnnFailed(status);
  }
  return absl::OkStatus();
}

}  // namespace backends::cpu
