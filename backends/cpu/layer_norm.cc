// LayerNorm reads a row once from memory and normalises it from the first-level
// cache.
//
// LayerNormGrad makes one pass over x, dy and skip for dx and, for dgamma and dbeta,
// the sums of each chunk of rows; then it adds the chunks (sum_rows.h), so the
// gradients are the same for every number of threads. dx may lie over dy or skip: a
// row's averages are computed, and each of its vectors is read, before it is written.
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/sum_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backends/cpu/layer_norm.cc"
// The order counts.
// clang-format off
#include "hwy/foreach_target.h"
#include "backends/cpu/simd-inl.h"
#include "backends/cpu/layer_norm-inl.h"
// clang-format on

#ifndef BACKENDS_CPU_LAYER_NORM_CC_ONCE_
#define BACKENDS_CPU_LAYER_NORM_CC_ONCE_
namespace backends::cpu {

template <typename X, typename DY>
struct NormGrad {
  const X* x;
  const float* gamma;
  const float* mean;
  const float* variance;
  const DY* dy;
  const float* skip;  // may be null
  float* dx;
  float eps;
  int64_t cols;
};

}  // namespace backends::cpu
#endif  // BACKENDS_CPU_LAYER_NORM_CC_ONCE_

HWY_BEFORE_NAMESPACE();
namespace backends::cpu::HWY_NAMESPACE {

template <typename X, typename Y>
void LayerNormLoop(const NormParameters& p, const X* x, int64_t begin, int64_t end, Y* y,
                   float* mean, float* variance) {
  for (int64_t r = begin; r < end; ++r) {
    const X* row = x + r * p.cols;
    F32 total = Zero();
    ForEachVector(p.cols,
                  [&](int64_t i, auto memory) { total = hn::Add(total, memory.Load(row + i)); });
    NormalizeRow(p, row, SumOfLanes(total), y + r * p.cols, mean + r, variance + r);
  }
}

// dx of the rows [begin, end), and the sums of dy·n and dy over them.
template <typename X, typename DY>
void LayerNormGradLoop(const NormGrad<X, DY>& p, int64_t begin, int64_t end, float* dgamma,
                       float* dbeta) {
  std::fill(dgamma, dgamma + p.cols, 0.0f);
  std::fill(dbeta, dbeta + p.cols, 0.0f);
  for (int64_t r = begin; r < end; ++r) {
    const X* x = p.x + r * p.cols;
    const DY* dy = p.dy + r * p.cols;
    const float* skip = p.skip == nullptr ? nullptr : p.skip + r * p.cols;
    float* dx = p.dx + r * p.cols;
    const F32 mean = Set(p.mean[r]);
    const F32 factor = Set(1.0f / std::sqrt(p.variance[r] + p.eps));
    F32 sum = Zero(), sum_normed = Zero();  // of g = dy·gamma and of g·n
    ForEachVector(p.cols, [&](int64_t i, auto memory) {
      const F32 n = hn::Mul(hn::Sub(memory.Load(x + i), mean), factor);
      const F32 d = memory.Load(dy + i);
      const F32 g = hn::Mul(d, memory.Load(p.gamma + i));
      sum = hn::Add(sum, g);
      sum_normed = hn::MulAdd(g, n, sum_normed);
      memory.Store(hn::MulAdd(d, n, memory.Load(dgamma + i)), dgamma + i);
      memory.Store(hn::Add(d, memory.Load(dbeta + i)), dbeta + i);
    });
    const float scale = 1.0f / static_cast<float>(p.cols);
    const F32 average = Set(SumOfLanes(sum) * scale);
    const F32 average_normed = Set(SumOfLanes(sum_normed) * scale);
    const auto gradient = [&](int64_t i, auto memory) {
      const F32 n = hn::Mul(hn::Sub(memory.Load(x + i), mean), factor);
      const F32 g = hn::MulSub(memory.Load(dy + i), memory.Load(p.gamma + i), average);
      return hn::NegMulAdd(n, average_normed, g);
    };
    if (skip == nullptr) {
      ForEachVector(p.cols, [&](int64_t i, auto memory) {
        memory.Store(hn::Mul(gradient(i, memory), factor), dx + i);
      });
    } else {
      ForEachVector(p.cols, [&](int64_t i, auto memory) {
        memory.Store(hn::MulAdd(gradient(i, memory), factor, memory.Load(skip + i)), dx + i);
      });
    }
  }
}

}  // namespace backends::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backends::cpu {
namespace {

template <typename X, typename Y>
std::unique_ptr<graph::Kernel> MakeLayerNorm(const graph::KernelSpec& spec) {
  const auto loop = BACKENDS_CPU_CHOOSE(LayerNormLoop<X, Y>);
  return MakeKernel([=, rows = spec.in(0).rows(), cols = spec.in(0).cols(),
                     eps = spec.op->Float("eps"),
                     threads = spec.threads](const graph::KernelArgs& args) {
    const NormParameters p = {In<float>(args, 1), In<float>(args, 2), eps, cols};
    ParallelRows(threads, rows, cols, [&](int64_t begin, int64_t end) {
      loop(p, In<X>(args, 0), begin, end, Out<Y>(args, 0), Out<float>(args, 1),
           Out<float>(args, 2));
    });
  });
}

template <typename X, typename DY>
std::unique_ptr<graph::Kernel> MakeLayerNormGrad(const graph::KernelSpec& spec) {
  const auto loop = BACKENDS_CPU_CHOOSE(LayerNormGradLoop<X, DY>);
  const int64_t cols = spec.in(0).cols();
  const RowChunks chunks(spec.in(0).rows());
  const bool has_skip = spec.inputs.size() > 5;
  // Of each chunk: cols sums for dgamma, cols for dbeta.
  const size_t scratch = chunks.count > 1 ? chunks.count * 2 * cols * sizeof(float) : 0;
  return MakeKernel(
      [=, eps = spec.op->Float("eps"), threads = spec.threads](const graph::KernelArgs& args) {
        float* dgamma = Out<float>(args, 1);
        float* dbeta = Out<float>(args, 2);
        const NormGrad<X, DY> p = {In<X>(args, 0),
                                   In<float>(args, 1),
                                   In<float>(args, 2),
                                   In<float>(args, 3),
                                   In<DY>(args, 4),
                                   has_skip ? In<float>(args, 5) : nullptr,
                                   Out<float>(args, 0),
                                   eps,
                                   cols};
        if (chunks.count == 1) return loop(p, 0, chunks.rows, dgamma, dbeta);
        float* partial = static_cast<float*>(args.scratch);
        ParallelFor(threads, chunks.count, chunks.size * cols, [&](int64_t chunk) {
          float* sums = partial + chunk * 2 * cols;
          loop(p, chunks.begin(chunk), chunks.end(chunk), sums, sums + cols);
        });
        ParallelColumns(threads, 2 * chunks.count, cols, [&](int64_t col, int64_t count) {
          SumRows(partial + col, chunks.count, 2 * cols, count, dgamma + col);
          SumRows(partial + cols + col, chunks.count, 2 * cols, count, dbeta + col);
        });
      },
      scratch);
}

}  // namespace

void RegisterLayerNorm(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "LayerNorm", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) {
      return VisitFloat(spec.out(0).dtype,
                        [&](auto y) { return MakeLayerNorm<decltype(x), decltype(y)>(spec); });
    });
  });
  AddFloat32OrBfloat16(table, "LayerNormGrad", [](const graph::KernelSpec& spec) {
    return VisitFloat(spec.in(0).dtype, [&](auto x) {
      return VisitFloat(spec.in(4).dtype, [&](auto dy) {
        return MakeLayerNormGrad<decltype(x), decltype(dy)>(spec);
      });
    });
  });
}

}  // namespace backends::cpu
#endif  // HWY_ONCE
