// Attention with one (image, head) at a time per thread: scratch is one (two for
// the gradient) T×T matrix per thread, and no (B, H, T, T) exists.
//
// The products are gemm.h's, called per head from our parallel loop, as oneDNN's
// batched matmul has to write all heads' scores to memory first and takes
// memory from the heap at every run.
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <eigen3/Eigen/Core>

#include "backends/cpu/gemm.h"
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/kernels.h"
#include "graph/runtime/workspace.h"

namespace backends::cpu {
namespace {

using Row = Eigen::Map<Eigen::ArrayXf>;
using ConstRow = Eigen::Map<const Eigen::ArrayXf>;

struct Sizes {
  explicit Sizes(const graph::KernelSpec& spec)
      : batch(spec.in(0).dim(0)),
        tokens(spec.in(0).dim(1)),
        width(spec.in(0).dim(2) / 3),
        heads(spec.op->Int("heads")),
        head_width(width / heads),
        scale(1.0f / std::sqrt(static_cast<float>(head_width))),
        score_floats(graph::AlignUp(tokens * tokens * sizeof(float)) / sizeof(float)),
        panel_floats(PanelFloats(std::max(tokens, head_width))) {}

  int64_t batch, tokens, width, heads, head_width;
  float scale;
  size_t score_floats;  // of one T×T matrix, rounded up to a whole cache line
  size_t panel_floats;  // of what every product here needs
};

// One head of one image: where its parts of the tensors lie.
class Head {
 public:
  Head(const Sizes& sizes, int64_t index)
      : s_(sizes), b_(index / sizes.heads), h_(index % sizes.heads) {}

  // Of a (B, T, 3D) tensor; `which` is 0, 1, 2 for q, k, v.
  template <typename T>
  MatrixView<T> OfQkv(T* qkv, int which) const {
    return {qkv + b_ * s_.tokens * 3 * s_.width + which * s_.width + h_ * s_.head_width, s_.tokens,
            s_.head_width, 3 * s_.width};
  }
  // Of a (B, T, D) tensor.
  template <typename T>
  MatrixView<T> OfY(T* y) const {
    return {y + b_ * s_.tokens * s_.width + h_ * s_.head_width, s_.tokens, s_.head_width, s_.width};
  }
  // Of a (B, H, T) tensor.
  template <typename T>
  T* OfLse(T* lse) const {
    return lse + (b_ * s_.heads + h_) * s_.tokens;
  }

 private:
  const Sizes& s_;
  const int64_t b_, h_;
};

// The running thread's own memory.
struct Scratch {
  float* panel;   // for Multiply()
  float* scores;  // T×T matrices, score_floats apart
};

size_t ScratchFloats(const Sizes& s, int matrices) {
  return s.panel_floats + matrices * s.score_floats;
}

// `fn(head, scratch)` for every head of every image.
template <typename Function>
void ForEachHead(const Sizes& s, int threads, int matrices, void* memory, const Function& fn) {
#pragma omp parallel for schedule(static) num_threads(threads)
  for (int64_t i = 0; i < s.batch * s.heads; ++i) {
    float* own = static_cast<float*>(memory) + omp_get_thread_num() * ScratchFloats(s, matrices);
    fn(Head(s, i), Scratch{own, own + s.panel_floats});
  }
}

size_t ScratchBytes(const Sizes& s, int threads, int matrices) {
  return threads * ScratchFloats(s, matrices) * sizeof(float);
}

// Over the whole matrix at once, as short rows would fill few vectors.
void Exp(float* x, int64_t n) {
  Row row(x, n);
  row = row.exp();
}

// Rows of scores q·k, yet to be scaled, to probabilities; lse[i] becomes the
// log-sum-exp of row i's scaled scores.
void Softmax(float* scores, int64_t n, float scale, float* lse) {
  for (int64_t i = 0; i < n; ++i) {
    Row row(scores + i * n, n);
    const float max = row.maxCoeff();
    row = (row - max) * scale;
    lse[i] = max * scale;
  }
  Exp(scores, n * n);
  for (int64_t i = 0; i < n; ++i) {
    Row row(scores + i * n, n);
    const float sum = row.sum();
    row *= 1.0f / sum;
    lse[i] += std::log(sum);
  }
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeAttention(const graph::KernelSpec& spec) {
  const Sizes s(spec);
  return MakeKernel(
      [s, threads = spec.threads](const graph::KernelArgs& args) {
        const float* qkv = In<float>(args, 0);
        float* y = Out<float>(args, 0);
        float* lse = Out<float>(args, 1);
        ForEachHead(s, threads, 1, args.scratch, [&](const Head& head, Scratch scratch) {
          const int64_t n = s.tokens;
          const MutableMatrix p = {scratch.scores, n, n, n};
          Multiply(head.OfQkv(qkv, 0), head.OfQkv(qkv, 1).Transposed(), p, scratch.panel);
          Softmax(p.data, n, s.scale, head.OfLse(lse));
          Multiply(Const(p), head.OfQkv(qkv, 2), head.OfY(y), scratch.panel);
        });
      },
      ScratchBytes(s, spec.threads, 1));
}

// dp = p ∘ (dp - rowsum(dy ∘ y)) · scale: the gradient of the unscaled scores.
void ScoreGradient(const Sizes& s, const float* p, ConstMatrix y, ConstMatrix dy, float* dp) {
  const int64_t n = s.tokens;
  for (int64_t i = 0; i < n; ++i) {
    const float dot = (ConstRow(y.data + i * y.row_stride, y.cols) *
                       ConstRow(dy.data + i * dy.row_stride, dy.cols))
                          .sum();
    Row row(dp + i * n, n);
    row = ConstRow(p + i * n, n) * ((row - dot) * s.scale);
  }
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeAttentionGrad(const graph::KernelSpec& spec) {
  const Sizes s(spec);
  return MakeKernel(
      [s, threads = spec.threads](const graph::KernelArgs& args) {
        const float* qkv = In<float>(args, 0);
        const float* y = In<float>(args, 1);
        const float* lse = In<float>(args, 2);
        const float* dy = In<float>(args, 3);
        float* dqkv = Out<float>(args, 0);
        ForEachHead(s, threads, 2, args.scratch, [&](const Head& head, Scratch scratch) {
          const int64_t n = s.tokens;
          const ConstMatrix q = head.OfQkv(qkv, 0), k = head.OfQkv(qkv, 1), v = head.OfQkv(qkv, 2);
          const MutableMatrix p = {scratch.scores, n, n, n};
          const MutableMatrix ds = {scratch.scores + s.score_floats, n, n, n};
          Multiply(q, k.Transposed(), p, scratch.panel);
          for (int64_t i = 0; i < n; ++i) {
            Row row(p.data + i * n, n);
            row = row * s.scale - head.OfLse(lse)[i];
          }
          Exp(p.data, n * n);
          Multiply(Const(p).Transposed(), head.OfY(dy), head.OfQkv(dqkv, 2), scratch.panel);
          Multiply(head.OfY(dy), v.Transposed(), ds, scratch.panel);
          ScoreGradient(s, p.data, head.OfY(y), head.OfY(dy), ds.data);
          Multiply(Const(ds), k, head.OfQkv(dqkv, 0), scratch.panel);
          Multiply(Const(ds).Transposed(), q, head.OfQkv(dqkv, 1), scratch.panel);
        });
      },
      ScratchBytes(s, spec.threads, 2));
}

}  // namespace

void RegisterAttention(graph::KernelTable* table) {
  AddFloat32(table, "Attention", MakeAttention);
  AddFloat32(table, "AttentionGrad", MakeAttentionGrad);
}

}  // namespace backends::cpu
