// The CPU backend as a whole.
#ifndef BACKENDS_CPU_KERNEL_TABLE_H_
#define BACKENDS_CPU_KERNEL_TABLE_H_

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"

namespace backends::cpu {

// Kernels of all core operators and of those that only the lowering makes (ops/op_table.h), named
// "cpu"; plugins add theirs to `kernels`. They take f32, and bf16 where the operator's contract has
// it, with sums in f32, and refuse other floats; they use at most KernelSpec::threads threads and
// give equal bits for equal inputs and an equal number of threads.
//
// The description reads "oneDNN 3.2.0, AVX-512 + BF16, 2 threads".
//
// Also starts a team of `threads` (at least 1) for the calling thread (openmp.h, which says
// what errors there are), so that nothing in the process uses more: its device says the same
// number, which is what the kernels themselves go by (KernelSpec::threads).
absl::StatusOr<graph::Backend> MakeBackend(int threads);

// Whether products of bf16 have instructions of their own here (AVX512-BF16 or
// AMX), and those of 8-bit integers (AVX512-VNNI, AVX2-VNNI or AMX);
// ONEDNN_MAX_CPU_ISA considered. Without them bf16 may be refused or slower than f32. Fast are
// products of bf16 on AMX and on AMD's AVX512-BF16: with that of Intel's processors alone a step
// was slower than in f32 where it was measured (docs/performance.md).
graph::Capabilities DetectCapabilities();

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_KERNEL_TABLE_H_
