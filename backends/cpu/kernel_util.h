// Shared by the CPU kernels: kernels from lambdas, parallel loops.
//
// Loops are split statically, and one thread computes each output element in a
// fixed order, so results are equal from run to run and, for the loops here, for
// every number of threads.
#ifndef BACKENDS_CPU_KERNEL_UTIL_H_
#define BACKENDS_CPU_KERNEL_UTIL_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "graph/base/bfloat16.h"
#include "graph/base/status.h"
#include "graph/runtime/kernel.h"

namespace backends::cpu {

using graph::AddFloat32;
using graph::AddFloat32OrBfloat16;
using graph::In;
using graph::Out;

// Returns `make(T())`, where T is the C++ type of `dtype`, f32 or bf16.
template <typename Function>
auto VisitFloat(graph::DType dtype, const Function& make) {
  return graph::VisitDType<float, graph::BFloat16>(dtype, make);
}

// Whether the `count` ids of input `input`, i32, lie in [0, n). If not, the first that does not is
// reported as a fault, and the kernel returns before it uses any.
bool IdsAreRows(const graph::KernelArgs& args, int input, int64_t count, int64_t n);

// Whether none of the `count` labels of input `input`, i32, is `classes` or more; negative ones are
// no class, and allowed. If one is, it is reported like such an id.
bool LabelsAreClasses(const graph::KernelArgs& args, int input, int64_t count, int64_t classes);

// A kernel whose Run() calls `run(args)`.
template <typename Function>
class FunctionKernel final : public graph::Kernel {
 public:
  FunctionKernel(Function run, size_t scratch_bytes)
      : run_(std::move(run)), scratch_bytes_(scratch_bytes) {}

  size_t scratch_bytes() const override { return scratch_bytes_; }
  absl::Status Run() override {
    run_(args());
    return absl::OkStatus();
  }

 private:
  Function run_;
  size_t scratch_bytes_;
};

template <typename Function>
std::unique_ptr<graph::Kernel> MakeKernel(Function run, size_t scratch_bytes = 0) {
  return std::make_unique<FunctionKernel<Function>>(std::move(run), scratch_bytes);
}

// A factory of kernels of a class that is made from the specification.
template <typename KernelClass>
std::unique_ptr<graph::Kernel> KernelOf(const graph::KernelSpec& spec) {
  return std::make_unique<KernelClass>(spec);
}

inline int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Loops of fewer elements run on the calling thread, because a team would cost
// more than it saves.
int64_t SerialElements();
// Sets it for the whole process and returns the old value. With 0, small cases run on teams, too.
int64_t SetSerialElementsForTest(int64_t elements);

// Calls `fn(i)` for i in [0, n); each call is about `elements` elements of work.
template <typename Function>
void ParallelFor(int threads, int64_t n, int64_t elements, const Function& fn) {
  if (threads == 1 || n == 1 || n * elements < SerialElements()) {
    for (int64_t i = 0; i < n; ++i) fn(i);
    return;
  }
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < n; ++i) fn(i);
}

// Calls `fn(begin, count)` for pieces of [0, n) that fit the first-level cache.
template <typename Function>
void ParallelPieces(int threads, int64_t n, const Function& fn) {
  constexpr int64_t kPiece = 4096;
  ParallelFor(threads, CeilDiv(n, kPiece), kPiece, [&](int64_t piece) {
    const int64_t begin = piece * kPiece;
    fn(begin, std::min(kPiece, n - begin));
  });
}

// Kernels of `loop` over elements of y, output 0, and of the inputs, of as many elements.
template <typename X, typename Y>
std::unique_ptr<graph::Kernel> MakeLoop(const graph::KernelSpec& spec,
                                        void (*loop)(const X* x, Y* y, int64_t n)) {
  return MakeKernel([=, n = spec.out(0).elements(), threads = spec.threads](const auto& args) {
    const X* x = In<X>(args, 0);
    Y* y = Out<Y>(args, 0);
    ParallelPieces(threads, n,
                   [=](int64_t begin, int64_t count) { loop(x + begin, y + begin, count); });
  });
}
template <typename A, typename B, typename Y>
std::unique_ptr<graph::Kernel> MakeLoop(const graph::KernelSpec& spec,
                                        void (*loop)(const A* a, const B* b, Y* y, int64_t n)) {
  return MakeKernel([=, n = spec.out(0).elements(), threads = spec.threads](const auto& args) {
    const A* a = In<A>(args, 0);
    const B* b = In<B>(args, 1);
    Y* y = Out<Y>(args, 0);
    ParallelPieces(threads, n, [=](int64_t begin, int64_t count) {
      loop(a + begin, b + begin, y + begin, count);
    });
  });
}

// Calls `fn(begin, count)` for pieces of `cols` columns; a column is `rows` elements
// of work.
template <typename Function>
void ParallelColumns(int threads, int64_t rows, int64_t cols, const Function& fn) {
  constexpr int64_t kPiece = 512;
  ParallelFor(threads, CeilDiv(cols, kPiece), rows * kPiece, [&](int64_t piece) {
    const int64_t begin = piece * kPiece;
    fn(begin, std::min(kPiece, cols - begin));
  });
}

// Calls `fn(begin, end)` for groups of rows; a row has `cols` elements, a group about 4096.
template <typename Function>
void ParallelRows(int threads, int64_t rows, int64_t cols, const Function& fn) {
  const int64_t group = std::max<int64_t>(1, 4096 / std::max<int64_t>(1, cols));
  ParallelFor(threads, CeilDiv(rows, group), group * cols,
              [&](int64_t i) { fn(i * group, std::min(rows, (i + 1) * group)); });
}

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_KERNEL_UTIL_H_
