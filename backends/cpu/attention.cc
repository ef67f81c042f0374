// Each thread computes one (image, head) at a time, so scratch is one head per
// thread, and no (B, H, T, T) exists.
//
// The products are our own, called per head from our parallel loop, because
// oneDNN's batched matmul writes all heads' scores to memory first and allocates
// at every run. bf16 runs on AMX if there is AMX (attention_amx.h), else head by
// head in f32 (attention_float.h).
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/cpu/amx_session.h"
#include "backends/cpu/attention_amx.h"
#include "backends/cpu/attention_float.h"
#include "backends/cpu/kernel_util.h"
#include "backends/cpu/simd.h"
#include "graph/base/bfloat16.h"

namespace backends::cpu {
namespace {

using graph::BFloat16;

struct Sizes {
  explicit Sizes(const graph::KernelSpec& spec)
      : batch(spec.in(0).dim(0)),
        tokens(spec.in(0).dim(1)),
        queries(spec.op->type == "Attention" ? spec.out(0).dim(1) : tokens),
        width(spec.in(0).dim(2) / 3),
        heads(spec.op->Int("heads")),
        head_width(width / heads),
        scale(1.0f / std::sqrt(static_cast<float>(head_width))) {}

  int64_t batch, tokens, queries, width, heads, head_width;
  float scale;
};

// The places of one head of one image in the tensors.
class Head {
 public:
  Head(const Sizes& sizes, int64_t index)
      : s_(sizes), b_(index / sizes.heads), h_(index % sizes.heads) {}

  // The next head, which the same thread computes; the last one returns itself.
  Head Next() const { return {s_, std::min(b_ * s_.heads + h_ + 1, s_.batch * s_.heads - 1)}; }

  // Of a (B, T, 3D) tensor; `which` is 0, 1, 2 for q, k, v.
  template <typename T>
  MatrixView<T> OfQkv(T* qkv, int which) const {
    return {qkv + b_ * s_.tokens * 3 * s_.width + which * s_.width + h_ * s_.head_width, s_.tokens,
            s_.head_width, 3 * s_.width};
  }
  // Of a (B, Q, D) tensor.
  template <typename T>
  MatrixView<T> OfY(T* y) const {
    return {y + b_ * s_.queries * s_.width + h_ * s_.head_width, s_.queries, s_.head_width,
            s_.width};
  }
  // Of a (B, H, Q) tensor.
  template <typename T>
  T* OfLse(T* lse) const {
    return lse + (b_ * s_.heads + h_) * s_.queries;
  }
  // Of a (B, Q) tensor, or null.
  const int32_t* OfIds(const int32_t* ids) const {
    return ids == nullptr ? nullptr : ids + b_ * s_.queries;
  }

 private:
  const Sizes& s_;
  const int64_t b_, h_;
};

struct NoSession {
  NoSession() {}
};

// Runs `fn(sizes, args, head, scratch)` for every head of every image if all query_ids are rows, in
// a team in which each thread holds a `Session` and `bytes` of scratch.
template <typename Session, typename Function>
class HeadKernel final : public graph::Kernel {
 public:
  HeadKernel(const graph::KernelSpec& spec, size_t bytes, Function fn)
      : sizes_(spec),
        threads_(spec.threads),
        has_ids_(spec.op->type == "Attention" && spec.inputs.size() > 1),
        bytes_(graph::AlignUp(bytes)),
        fn_(std::move(fn)) {}

  size_t scratch_bytes() const override { return threads_ * bytes_; }

  std::string implementation() const override {
    if (!std::is_same_v<Session, NoSession>) return "own:amx-bf16";
    return UseAvx512() ? "own:avx512" : "own:avx2";
  }

  absl::Status Run() override {
    const int64_t queries = sizes_.batch * sizes_.queries;
    if (has_ids_ && !IdsAreRows(args(), 1, queries, sizes_.tokens)) return absl::OkStatus();
#pragma omp parallel num_threads(threads_)
    {
      [[maybe_unused]] const Session session;
      char* const own = static_cast<char*>(scratch()) + omp_get_thread_num() * bytes_;
#pragma omp for schedule(static)
      for (int64_t i = 0; i < sizes_.batch * sizes_.heads; ++i) {
        fn_(sizes_, args(), Head(sizes_, i), own);
      }
    }
    return absl::OkStatus();
  }

 private:
  const Sizes sizes_;
  const int threads_;
  const bool has_ids_;
  const size_t bytes_;  // of one thread
  const Function fn_;
};

template <typename Session, typename Function>
std::unique_ptr<graph::Kernel> MakeHeadKernel(const graph::KernelSpec& spec, size_t bytes,
                                              Function fn) {
  return std::make_unique<HeadKernel<Session, Function>>(spec, bytes, std::move(fn));
}

const int32_t* Ids(const graph::KernelArgs& args) {
  return args.inputs.size() > 1 ? In<int32_t>(args, 1) : nullptr;
}

// Rows in f32: `from` itself if it is f32 and all rows are wanted, else a copy in
// memory taken from *scratch.
template <typename T>
ConstMatrix AsFloat(MatrixView<const T> from, const int32_t* ids, int64_t count, float** scratch) {
  if constexpr (std::is_same_v<T, float>) {
    if (ids == nullptr) return from;
  }
  float* const to = *scratch;
  *scratch += PackedFloats(count, from.cols);
  for (int64_t i = 0; i < count; ++i) {
    const T* row = from.data + (ids == nullptr ? i : ids[i]) * from.row_stride;
    for (int64_t j = 0; j < from.cols; ++j) to[i * from.cols + j] = row[j];
  }
  return {to, count, from.cols, from.cols};
}

// Where to write a result: `to` itself, or a buffer that StoreResult() rounds to it.
template <typename T>
MutableMatrix ResultFor(MatrixView<T> to, float** scratch) {
  if constexpr (std::is_same_v<T, float>) {
    return to;
  } else {
    float* const at = *scratch;
    *scratch += PackedFloats(to.rows, to.cols);
    return {at, to.rows, to.cols, to.cols};
  }
}
template <typename T>
void StoreResult(MutableMatrix from, MatrixView<T> to) {
  if constexpr (!std::is_same_v<T, float>) {
    for (int64_t i = 0; i < to.rows; ++i) {
      for (int64_t j = 0; j < to.cols; ++j) {
        to.data[i * to.row_stride + j] = T(from.data[i * from.row_stride + j]);
      }
    }
  }
}

template <typename T>
std::unique_ptr<graph::Kernel> MakeFloatForward(const graph::KernelSpec& spec) {
  const Sizes sizes(spec);
  // For bf16 copies of q, k, v and y; for f32 one of q if ids name its rows.
  const size_t floats =
      FloatForwardFloats(sizes.tokens, sizes.head_width) +
      2 * PackedFloats(sizes.queries, sizes.head_width) +
      (std::is_same_v<T, float> ? 0 : 2) * PackedFloats(sizes.tokens, sizes.head_width);
  return MakeHeadKernel<NoSession>(
      spec, floats * sizeof(float),
      [](const Sizes& s, const graph::KernelArgs& args, const Head& head, char* scratch) {
        float* next = reinterpret_cast<float*>(scratch);
        const T* qkv = In<T>(args, 0);
        const MatrixView<T> to = head.OfY(Out<T>(args, 0));
        const FloatHead one = {AsFloat(head.OfQkv(qkv, 0), head.OfIds(Ids(args)), s.queries, &next),
                               AsFloat(head.OfQkv(qkv, 1), nullptr, s.tokens, &next),
                               AsFloat(head.OfQkv(qkv, 2), nullptr, s.tokens, &next), s.scale};
        const MutableMatrix y = ResultFor(to, &next);
        FloatForward(one, y, head.OfLse(Out<float>(args, 1)), next);
        StoreResult(y, to);
      });
}

template <typename T>
std::unique_ptr<graph::Kernel> MakeFloatBackward(const graph::KernelSpec& spec) {
  const Sizes sizes(spec);
  const size_t floats =
      FloatBackwardFloats(sizes.tokens, sizes.head_width) +
      (std::is_same_v<T, float> ? 0 : 8) * PackedFloats(sizes.tokens, sizes.head_width);
  return MakeHeadKernel<NoSession>(
      spec, floats * sizeof(float),
      [](const Sizes& s, const graph::KernelArgs& args, const Head& head, char* scratch) {
        float* next = reinterpret_cast<float*>(scratch);
        const auto part = [&](int which) {
          return AsFloat(head.OfQkv(In<T>(args, 0), which), nullptr, s.tokens, &next);
        };
        const FloatHead one = {part(0), part(1), part(2), s.scale};
        const ConstMatrix y = AsFloat(head.OfY(In<T>(args, 1)), nullptr, s.tokens, &next);
        const ConstMatrix dy = AsFloat(head.OfY(In<T>(args, 3)), nullptr, s.tokens, &next);
        const auto to = [&](int which) { return head.OfQkv(Out<T>(args, 0), which); };
        const MutableMatrix dq = ResultFor(to(0), &next), dk = ResultFor(to(1), &next),
                            dv = ResultFor(to(2), &next);
        FloatBackward(one, y, head.OfLse(In<float>(args, 2)), dy, {dq, dk, dv}, next);
        StoreResult(dq, to(0));
        StoreResult(dk, to(1));
        StoreResult(dv, to(2));
      });
}

AmxRows<const uint16_t> Bits(MatrixView<const BFloat16> m) {
  return {reinterpret_cast<const uint16_t*>(m.data), m.rows, m.row_stride};
}
AmxRows<uint16_t> Bits(MatrixView<BFloat16> m) {
  return {reinterpret_cast<uint16_t*>(m.data), m.rows, m.row_stride};
}

AmxHead AmxHeadOf(const Sizes& s, const Head& head, const BFloat16* qkv) {
  return {Bits(head.OfQkv(qkv, 0)), Bits(head.OfQkv(qkv, 1)), Bits(head.OfQkv(qkv, 2)),
          s.head_width, s.scale};
}

std::unique_ptr<graph::Kernel> MakeAmxForward(const graph::KernelSpec& spec) {
  const Sizes sizes(spec);
  return MakeHeadKernel<AmxSession>(
      spec, AmxForwardBytes(sizes.queries, sizes.tokens, sizes.head_width),
      [](const Sizes& s, const graph::KernelArgs& args, const Head& head, char* scratch) {
        const BFloat16* qkv = In<BFloat16>(args, 0);
        const int32_t* ids = Ids(args);
        const AmxHead after = AmxHeadOf(s, head.Next(), qkv);
        // ids may name only some rows of q.
        const AmxNext next = {{after.k, after.v, after.q}, ids == nullptr ? 3 : 2, s.head_width};
        AmxForward(AmxHeadOf(s, head, qkv), head.OfIds(ids), Bits(head.OfY(Out<BFloat16>(args, 0))),
                   head.OfLse(Out<float>(args, 1)), next, scratch);
      });
}

std::unique_ptr<graph::Kernel> MakeAmxBackward(const graph::KernelSpec& spec) {
  const Sizes sizes(spec);
  return MakeHeadKernel<AmxSession>(
      spec, AmxBackwardBytes(sizes.tokens, sizes.head_width),
      [](const Sizes& s, const graph::KernelArgs& args, const Head& head, char* scratch) {
        const BFloat16* qkv = In<BFloat16>(args, 0);
        const auto y_of = [&](const Head& one) { return Bits(one.OfY(In<BFloat16>(args, 1))); };
        const auto dy_of = [&](const Head& one) { return Bits(one.OfY(In<BFloat16>(args, 3))); };
        const auto to = [&](int which) { return Bits(head.OfQkv(Out<BFloat16>(args, 0), which)); };
        const Head later = head.Next();
        const AmxHead after = AmxHeadOf(s, later, qkv);
        const AmxNext next = {
            {after.k, after.v, after.q, dy_of(later), y_of(later)}, 5, s.head_width};
        AmxBackward(AmxHeadOf(s, head, qkv), y_of(head), head.OfLse(In<float>(args, 2)),
                    dy_of(head), {to(0), to(1), to(2)}, next, scratch);
      });
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeAttention(const graph::KernelSpec& spec) {
  if (spec.in(0).dtype == graph::DType::kF32) return MakeFloatForward<float>(spec);
  return HasAmx() ? MakeAmxForward(spec) : MakeFloatForward<BFloat16>(spec);
}

absl::StatusOr<std::unique_ptr<graph::Kernel>> MakeAttentionGrad(const graph::KernelSpec& spec) {
  if (spec.in(0).dtype == graph::DType::kF32) return MakeFloatBackward<float>(spec);
  return HasAmx() ? MakeAmxBackward(spec) : MakeFloatBackward<BFloat16>(spec);
}

}  // namespace

void RegisterAttention(graph::KernelTable* table) {
  AddFloat32OrBfloat16(table, "Attention", MakeAttention);
  AddFloat32OrBfloat16(table, "AttentionGrad", MakeAttentionGrad);
}

}  // namespace backends::cpu
