// A thread has whole columns, a few vectors of them at a time, and goes through their rows once
// for each sum, in order and in double: so sums do not depend on the number of threads. y may lie
// over x and dx over dy, because all sums of a column are done before its first element is written.
#include <cmath>

#include "backends/cpu/kernel_util.h"

namespace backends::cpu {
namespace {

constexpr int64_t kCols = 64;  // that a thread has at once

// Calls `fn(begin, count)` for pieces of columns of a matrix of `rows` rows.
template <typename Function>
void ForColumns(int threads, int64_t rows, int64_t cols, const Function& fn) {
  ParallelFor(threads, CeilDiv(cols, kCols), rows * kCols, [&](int64_t piece) {
    const int64_t begin = piece * kCols;
    fn(begin, std::min(kCols, cols - begin));
  });
}

struct Batch {
  int64_t rows, cols;
  float eps, momentum;
};

void Normalize(const Batch& p, const graph::KernelArgs& args, int64_t begin, int64_t count) {
  const float *x = In<float>(args, 0) + begin, *running_mean = In<float>(args, 1) + begin,
              *running_var = In<float>(args, 2) + begin;
  float *y = Out<float>(args, 0) + begin, *rstd = Out<float>(args, 1) + begin,
        *new_mean = Out<float>(args, 2) + begin, *new_var = Out<float>(args, 3) + begin;
  double sum[kCols] = {}, squares[kCols] = {}, center[kCols];
  for (int64_t r = 0; r < p.rows; ++r) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) sum[i] += double{x[r * p.cols + i]};
  }
  const double n = static_cast<double>(p.rows);
  for (int64_t i = 0; i < count; ++i) center[i] = sum[i] / n;
  for (int64_t r = 0; r < p.rows; ++r) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      const double d = double{x[r * p.cols + i]} - center[i];
      squares[i] += d * d;
    }
  }
  const double momentum = p.momentum;
  for (int64_t i = 0; i < count; ++i) {
    rstd[i] = static_cast<float>(1.0 / std::sqrt(squares[i] / n + double{p.eps}));
    new_mean[i] =
        static_cast<float>((1.0 - momentum) * double{running_mean[i]} + momentum * center[i]);
    new_var[i] = static_cast<float>((1.0 - momentum) * double{running_var[i]} +
                                    momentum * squares[i] / (n - 1.0));
  }
  for (int64_t r = 0; r < p.rows; ++r) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      // In double: far from zero the mean has few digits left in f32.
      const double d = double{x[r * p.cols + i]} - center[i];
      y[r * p.cols + i] = static_cast<float>(d) * rstd[i];
    }
  }
}

void Gradient(const Batch& p, const graph::KernelArgs& args, int64_t begin, int64_t count) {
  const float *y = In<float>(args, 0) + begin, *rstd = In<float>(args, 1) + begin,
              *dy = In<float>(args, 2) + begin;
  float* dx = Out<float>(args, 0) + begin;
  double sum[kCols] = {}, sum_normed[kCols] = {};
  for (int64_t r = 0; r < p.rows; ++r) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      const float d = dy[r * p.cols + i];
      sum[i] += double{d};
      sum_normed[i] += double{d} * double{y[r * p.cols + i]};
    }
  }
  float average[kCols], average_normed[kCols];
  const double n = static_cast<double>(p.rows);
  for (int64_t i = 0; i < count; ++i) {
    average[i] = static_cast<float>(sum[i] / n);
    average_normed[i] = static_cast<float>(sum_normed[i] / n);
  }
  for (int64_t r = 0; r < p.rows; ++r) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      const float normed = y[r * p.cols + i];
      dx[r * p.cols + i] = rstd[i] * (dy[r * p.cols + i] - average[i] - normed * average_normed[i]);
    }
  }
}

void Inference(const Batch& p, const graph::KernelArgs& args, int64_t begin, int64_t count) {
  const float *x = In<float>(args, 0) + begin, *mean = In<float>(args, 1) + begin,
              *variance = In<float>(args, 2) + begin;
  float* y = Out<float>(args, 0) + begin;
  float rstd[kCols];
  for (int64_t i = 0; i < count; ++i) {
    rstd[i] = static_cast<float>(1.0 / std::sqrt(double{variance[i]} + double{p.eps}));
  }
  for (int64_t r = 0; r < p.rows; ++r) {
#pragma omp simd
    for (int64_t i = 0; i < count; ++i) {
      y[r * p.cols + i] = (x[r * p.cols + i] - mean[i]) * rstd[i];
    }
  }
}

// A kernel that calls `columns` for pieces of x's columns.
graph::KernelFactory ByColumns(void (*columns)(const Batch&, const graph::KernelArgs&,
                                               int64_t begin, int64_t count)) {
  return [columns](const graph::KernelSpec& spec) {
    const auto attr = [&spec](const char* name) {  // which not all have
      return spec.op->attrs.count(name) > 0 ? spec.op->Float(name) : 0.0f;
    };
    const Batch batch = {spec.in(0).rows(), spec.in(0).cols(), attr("eps"), attr("momentum")};
    return MakeKernel([=, threads = spec.threads](const graph::KernelArgs& args) {
      ForColumns(threads, batch.rows, batch.cols,
                 [&](int64_t begin, int64_t count) { columns(batch, args, begin, count); });
    });
  };
}

}  // namespace

void RegisterBatchNorm(graph::KernelTable* table) {
  AddFloat32(table, "BatchNorm", ByColumns(Normalize));
  AddFloat32(table, "BatchNormGrad", ByColumns(Gradient));
  AddFloat32(table, "BatchNormInference", ByColumns(Inference));
}

}  // namespace backends::cpu
