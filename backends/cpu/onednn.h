// The only way to oneDNN. Its headers are included here and in the kernels of
// this folder only, and its exceptions become absl::Status here.
//
// oneDNN takes its number of threads from OpenMP when a primitive is made and
// again when it runs, and OpenMP keeps that number per calling thread. So both
// happen under a ThreadBudget of the kernel's `threads`, and a kernel gives the
// same numbers whichever thread runs it.
#ifndef BACKENDS_CPU_ONEDNN_H_
#define BACKENDS_CPU_ONEDNN_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/types/optional.h"
#include "absl/types/span.h"
#include "dnnl.hpp"
#include "graph/base/status.h"
#include "graph/runtime/kernel.h"

namespace backends::cpu {

// While this object lives, the calling thread's OpenMP teams have `threads` threads.
class ThreadBudget {
 public:
  explicit ThreadBudget(int threads);
  ~ThreadBudget();
  ThreadBudget(const ThreadBudget&) = delete;
  ThreadBudget& operator=(const ThreadBudget&) = delete;

 private:
  int before_;
};

// The process's CPU engine.
const dnnl::engine& Engine();

// "3.2.0".
std::string OneDnnVersion();
// Whether oneDNN uses all of the instruction sets `isa` (dnnl_cpu_isa_*) here.
bool HasIsa(int isa);
// The instruction set that oneDNN's kernels use here, limited by ONEDNN_MAX_CPU_ISA:
// "AVX2", "AVX-512 + BF16", ...
std::string EffectiveIsa();

// Whether oneDNN has instructions for bf16 factors here (AVX512_BF16 or AMX).
// Without them it refuses most bf16 operators or is slow.
bool HasBfloat16();
// Whether products of bf16 are faster than those of f32: with AMX, or with the AVX512_BF16 of AMD,
// which multiplies twice as much as AVX-512. That of Intel's processors, without AMX, is slower
// (docs/performance.md).
bool HasFastBfloat16();

// The same for 8-bit factors (AVX512-VNNI, AVX2-VNNI or AMX). Without them oneDNN adds pairs
// of products in 16 bits, where they overflow: the results are wrong.
bool HasInt8();

// An error that describes a failed oneDNN call. ResourceExhausted if the reason is, or most likely
// is, memory: when parts of oneDNN get none, it may report dnnl_runtime_error.
absl::Status OneDnnFailed(dnnl_status_t status);
// The same for an exception while a kernel is made, with the operator and its tensors' types.
// Unimplemented if memory is not the reason.
absl::Status OneDnnRefuses(const graph::KernelSpec& spec, const dnnl::error& error);
// Calls `make` under a budget of `threads`. An exception becomes OneDnnRefuses() or, without a
// `spec`, OneDnnFailed().
absl::Status GuardOneDnn(int threads, absl::FunctionRef<void()> make,
                         const graph::KernelSpec* spec = nullptr);

// oneDNN's type for f32 or bf16.
dnnl::memory::data_type DnnlType(graph::DType dtype);

// A dense row-major matrix (rows, cols). TransposedMatrix describes a matrix (rows,
// cols) whose memory holds its transpose, (cols, rows), row-major.
dnnl::memory::desc Matrix(int64_t rows, int64_t cols, graph::DType dtype = graph::DType::kF32);
dnnl::memory::desc TransposedMatrix(int64_t rows, int64_t cols,
                                    graph::DType dtype = graph::DType::kF32);
// A matrix in the layout that the primitive prefers.
dnnl::memory::desc AnyMatrix(int64_t rows, int64_t cols, graph::DType dtype);

// A kernel that runs one primitive, after a reorder of its weights if it needs one.
class PrimitiveKernel final : public graph::Kernel {
 public:
  // `make_pd(attr)` returns the primitive descriptor, built with Engine() and `attr`.
  // `inputs` and `outputs` are the DNNL_ARG_* of the operator's inputs and outputs, in
  // order. If input 1, DNNL_ARG_WEIGHTS, is stored as `weights` and the descriptor wants
  // another layout, it is reordered into scratch on every run. If `make_pd` throws, Make
  // returns OneDnnRefuses().
  template <typename MakePd>
  static absl::StatusOr<std::unique_ptr<graph::Kernel>> Make(
      const graph::KernelSpec& spec, absl::Span<const int> inputs, absl::Span<const int> outputs,
      MakePd make_pd, dnnl::primitive_attr attr = dnnl::primitive_attr(),
      const absl::optional<dnnl::memory::desc>& weights = {}) {
    std::unique_ptr<PrimitiveKernel> kernel(new PrimitiveKernel(spec.threads));
    const auto make = [&] {
      attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
      kernel->Adopt(make_pd(attr), inputs, outputs, weights);
    };
    RETURN_IF_ERROR(GuardOneDnn(spec.threads, make, &spec));
    return kernel;
  }

  size_t scratch_bytes() const override { return scratch_bytes_; }
  std::string implementation() const override { return implementation_; }
  absl::Status Prepare() override;
  absl::Status Bind(const graph::KernelArgs& args) override;
  absl::Status Run() override;

 private:
  explicit PrimitiveKernel(int threads) : threads_(threads) {}

  void Adopt(const dnnl::primitive_desc_base& pd, absl::Span<const int> inputs,
             absl::Span<const int> outputs, const absl::optional<dnnl::memory::desc>& weights);

  // Where an argument's address comes from.
  enum class Source { kInput, kOutput, kScratch };
  struct Argument {
    Source source;
    size_t position;  // index of the input or output; byte offset in scratch
    dnnl::memory memory;
  };
  // A primitive; its arguments go from `first` up to the next step's first.
  struct Step {
    dnnl::primitive_desc_base descriptor;  // until Prepare() makes the primitive
    size_t first;
    dnnl::primitive primitive;
  };

  void AddStep(const dnnl::primitive_desc_base& pd);
  // Adds it to the last step.
  void AddArgument(int arg, Source source, size_t position, const dnnl::memory::desc& desc);

  const int threads_;
  size_t scratch_bytes_ = 0;
  std::string implementation_;
  std::vector<Step> steps_;
  dnnl::stream stream_;  // a member, so that Run() makes none on a new thread
  std::vector<Argument> arguments_;
  std::vector<dnnl_exec_arg_t> exec_args_;  // the same in oneDNN's form
};

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_ONEDNN_H_
