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
  const int isa = dnnl_get_effective_cpu_isa();
  for (const auto& [bits, name] : kNames) {
    if ((isa & bits) == bits) return name;
  }
  return "baseline x86-64";
}

bool HasBfloat16() {
  const int isa = dnnl_get_effective_cpu_isa();
  return (isa & dnnl_cpu_isa_avx512_core_bf16) == dnnl_cpu_isa_avx512_core_bf16;
}

bool HasInt8() {
  const int isa = dnnl_get_effective_cpu_isa();
  const auto has = [isa](int bits) { return (isa & bits) == bits; };
  return has(dnnl_cpu_isa_avx512_core_vnni) || has(dnnl_cpu_isa_avx2_vnni);
}

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

dnnl::memory::desc Vector(int64_t n) {
  return {{n}, dnnl::memory::data_type::f32, dnnl::memory::dims{1}};
}

absl::Status PrimitiveKernel::Guard(const graph::KernelSpec& spec, absl::FunctionRef<void()> make) {
  const ThreadBudget budget(spec.threads);
  try {
    make();
  } catch (const dnnl::error& error) {
    return OneDnnRefuses(spec, error);
  }
  return absl::OkStatus();
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
                            absl::Span<const std::pair<int, int>> also, const Stored& stored) {
  stream_ = dnnl::stream(Engine());
  // Scratch: the reordered inputs, then the scratchpad of one step at a time.
  size_t reordered_bytes = 0;
  std::vector<std::pair<int, size_t>> reordered;  // DNNL_ARG_* and its place in scratch
  std::vector<dnnl::reorder::primitive_desc> reorders;
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  for (const auto& [arg, layout] : stored) {
    const dnnl::memory::desc wanted = pd.query_md(dnnl::query::exec_arg_md, arg);
    if (wanted == layout) continue;
    reorders.emplace_back(Engine(), layout, Engine(), wanted, attr);
    reordered.emplace_back(arg, reordered_bytes);
    reordered_bytes += (wanted.get_size() + 63) / 64 * 64;
  }
  scratch_bytes_ = reordered_bytes;
  const auto add_scratchpad = [&](const dnnl::primitive_desc_base& of) {
    const dnnl::memory::desc scratchpad = of.scratchpad_desc();
    if (scratchpad.get_size() == 0) return;
    AddArgument(DNNL_ARG_SCRATCHPAD, Source::kScratch, reordered_bytes, scratchpad);
    scratch_bytes_ = std::max(scratch_bytes_, reordered_bytes + scratchpad.get_size());
  };
  for (size_t i = 0; i < reorders.size(); ++i) {
    const auto input = std::find(inputs.begin(), inputs.end(), reordered[i].first);
    CHECK(input != inputs.end());
    AddStep(reorders[i]);
    AddArgument(DNNL_ARG_FROM, Source::kInput, input - inputs.begin(), reorders[i].src_desc());
    AddArgument(DNNL_ARG_TO, Source::kScratch, reordered[i].second, reorders[i].dst_desc());
    add_scratchpad(reorders[i]);
  }

  AddStep(pd);
  const auto add_tensor = [&](int arg, Source source, size_t position) {
    for (const auto& [moved, place] : reordered) {
      if (moved != arg) continue;
      source = Source::kScratch;
      position = place;
    }
    AddArgument(arg, source, position, pd.query_md(dnnl::query::exec_arg_md, arg));
  };
  for (size_t i = 0; i < inputs.size(); ++i) add_tensor(inputs[i], Source::kInput, i);
  for (size_t i = 0; i < outputs.size(); ++i) add_tensor(outputs[i], Source::kOutput, i);
  for (const auto& [arg, position] : also) add_tensor(arg, Source::kInput, position);
  add_scratchpad(pd);
  const char* implementation = nullptr;
  if (dnnl_primitive_desc_query(pd.get(), dnnl_query_impl_info_str, 0, &implementation) ==
          dnnl_success &&
      implementation != nullptr) {
    implementation_ = implementation;
  }
  if (!reordered.empty()) implementation_ += ", reordered";
}

absl::Status PrimitiveKernel::Prepare() {
  const ThreadBudget budget(threads_);
  try {
    for (Step& step : steps_) {
      step.primitive = dnnl::primitive(step.descriptor.get());
      // Of 13 KB; the primitive shares one with all of its shape.
      step.descriptor = dnnl::primitive_desc_base();
    }
  } catch (const dnnl::error& error) {
    return OneDnnFailed(error.status);
  }
  return absl::OkStatus();
}

absl::Status PrimitiveKernel::Bind(const graph::KernelArgs& args) {
  RETURN_IF_ERROR(Kernel::Bind(args));
  for (const Argument& argument : arguments_) {
    void* address = nullptr;
    switch (argument.source) {
      case Source::kInput:
        // oneDNN's memory has no const, but oneDNN writes outputs and scratch only.
        address = const_cast<void*>(args.inputs[argument.position]);
        break;
      case Source::kOutput:
        address = args.outputs[argument.position];
        break;
      case Source::kScratch:
        address = static_cast<char*>(args.scratch) + argument.position;
        break;
    }
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
