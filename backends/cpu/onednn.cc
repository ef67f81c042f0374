#include "backends/cpu/onednn.h"

#include <omp.h>

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
  // Sets of bits that grow from name to name, so the order goes by inclusion.
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

dnnl::memory::desc Matrix(int64_t rows, int64_t cols) {
  return {{rows, cols}, dnnl::memory::data_type::f32, dnnl::memory::dims{cols, 1}};
}

dnnl::memory::desc TransposedMatrix(int64_t rows, int64_t cols) {
  return {{rows, cols}, dnnl::memory::data_type::f32, dnnl::memory::dims{1, rows}};
}

dnnl::memory::desc Vector(int64_t n) {
  return {{n}, dnnl::memory::data_type::f32, dnnl::memory::dims{1}};
}

absl::Status PrimitiveKernel::Guard(const graph::KernelSpec& spec, absl::FunctionRef<void()> make) {
  const ThreadBudget budget(spec.threads);
  try {
    make();
  } catch (const dnnl::error& error) {
    return absl::UnimplementedError(absl::StrCat(DescribeTypes(spec), ": oneDNN ", OneDnnVersion(),
                                                 " (", EffectiveIsa(),
                                                 ") refuses: ", error.message));
  }
  return absl::OkStatus();
}

void PrimitiveKernel::Adopt(const dnnl::primitive_desc_base& pd, absl::Span<const int> inputs,
                            absl::Span<const int> outputs,
                            absl::Span<const std::pair<int, int>> also) {
  stream_ = dnnl::stream(Engine());
  primitive_ = dnnl::primitive(pd.get());
  const auto add = [&](int arg, Source source, int position, const dnnl::memory::desc& desc) {
    arguments_.push_back({source, position, dnnl::memory(desc, Engine(), nullptr)});
    exec_args_.push_back({arg, arguments_.back().memory.get()});
  };
  const auto add_tensor = [&](int arg, Source source, int position) {
    add(arg, source, position, pd.query_md(dnnl::query::exec_arg_md, arg));
  };
  for (size_t i = 0; i < inputs.size(); ++i) add_tensor(inputs[i], Source::kInput, i);
  for (size_t i = 0; i < outputs.size(); ++i) add_tensor(outputs[i], Source::kOutput, i);
  for (const auto& [arg, position] : also) add_tensor(arg, Source::kInput, position);
  const dnnl::memory::desc scratchpad = pd.scratchpad_desc();
  scratch_bytes_ = scratchpad.get_size();
  const char* implementation = nullptr;
  if (dnnl_primitive_desc_query(pd.get(), dnnl_query_impl_info_str, 0, &implementation) ==
          dnnl_success &&
      implementation != nullptr) {
    implementation_ = implementation;
  }
  if (scratch_bytes_ > 0) add(DNNL_ARG_SCRATCHPAD, Source::kScratch, 0, scratchpad);
}

absl::Status PrimitiveKernel::Bind(const graph::KernelArgs& args) {
  RETURN_IF_ERROR(Kernel::Bind(args));
  for (const Argument& argument : arguments_) {
    void* address = args.scratch;
    if (argument.source == Source::kOutput) address = args.outputs[argument.position];
    // oneDNN's memory knows no const; it writes outputs and scratch only.
    if (argument.source == Source::kInput) {
      address = const_cast<void*>(args.inputs[argument.position]);
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
  const dnnl_status_t status = dnnl_primitive_execute(
      primitive_.get(), stream_.get(), static_cast<int>(exec_args_.size()), exec_args_.data());
  if (status == dnnl_success) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("oneDNN failed with status ", status));
}

}  // namespace backends::cpu
