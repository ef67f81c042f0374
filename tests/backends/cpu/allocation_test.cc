// Our kernels, those of DropPos included, allocate nothing in Run().
//
// This program replaces operator new, malloc, posix_memalign and aligned_alloc.
// While a kernel runs, each call belongs to the library that holds its return
// address, or where that is the C++ library, to that library's caller. Calls of
// the OpenMP runtime (libgomp) are its own to make. oneDNN (libdnnl) may take the
// small map of arguments that its execute call builds, but no memory to work in:
// its calls for 1 KiB or more count. Every call that is neither's is ours and
// counts whatever its size. One exception: without AVX-512, oneDNN 3.2 has no
// product of plain f32 matrices but the one over its sgemm, whose packing buffer
// no setting makes ours; there MatMul, MatMulWeightGrad and Linear may take it. Nor
// are products in bf16 or 8 bits looked at where the processor has none.
#include <dlfcn.h>
#include <execinfo.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "backends/cpu/droppos/kernel_table.h"
#include "backends/cpu/kernel_table.h"
#include "gtest/gtest.h"
#include "tests/harness/host_tensor.h"
#include "tests/harness/op_runner.h"

extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}

namespace {

std::atomic<bool> g_counting{false};
std::atomic<int> g_counted{0};
std::atomic<const void*> g_first_caller{nullptr};  // of those, for the message
constexpr size_t kLarge = 1024;
size_t g_large = kLarge;  // what oneDNN may not take

bool IsIn(const void* address, const char* library) {
  Dl_info info;
  return dladdr(address, &info) != 0 && info.dli_fname != nullptr &&
         std::strstr(info.dli_fname, library) != nullptr;
}

// The first caller outside the standard library, whose containers and strings
// allocate for others.
const void* Responsible(const void* caller) {
  if (!IsIn(caller, "libstdc++")) return caller;
  void* frames[32];
  const int depth = backtrace(frames, 32);
  int i = std::find(frames, frames + depth, caller) - frames;
  while (i < depth && IsIn(frames[i], "libstdc++")) ++i;
  return i < depth ? frames[i] : caller;
}

void Count(size_t bytes, const void* caller) {
  if (!g_counting.load(std::memory_order_relaxed)) return;
  caller = Responsible(caller);
  if (IsIn(caller, "libgomp") || (IsIn(caller, "libdnnl") && bytes < g_large)) return;
  if (g_counted++ == 0) g_first_caller = caller;
}

std::string FirstCaller() {
  Dl_info info;
  if (g_counted == 0 || dladdr(g_first_caller, &info) == 0) return "";
  return absl::StrCat("first by ", info.dli_sname != nullptr ? info.dli_sname : "?", " in ",
                      info.dli_fname);
}

void* CheckedNew(size_t bytes, const void* caller) {
  Count(bytes, caller);
  if (void* p = __libc_malloc(bytes)) return p;
  throw std::bad_alloc();
}

void* CheckedNew(size_t bytes, std::align_val_t alignment, const void* caller) {
  Count(bytes, caller);
  if (void* p = __libc_memalign(static_cast<size_t>(alignment), bytes)) return p;
  throw std::bad_alloc();
}

}  // namespace

extern "C" void* malloc(size_t bytes) {
  Count(bytes, __builtin_return_address(0));
  return __libc_malloc(bytes);
}
extern "C" int posix_memalign(void** result, size_t alignment, size_t bytes) {
  Count(bytes, __builtin_return_address(0));
  *result = __libc_memalign(alignment, bytes);
  return *result == nullptr ? ENOMEM : 0;
}
extern "C" void* aligned_alloc(size_t alignment, size_t bytes) {
  Count(bytes, __builtin_return_address(0));
  return __libc_memalign(alignment, bytes);
}
void* operator new(size_t bytes) { return CheckedNew(bytes, __builtin_return_address(0)); }
void* operator new[](size_t bytes) { return CheckedNew(bytes, __builtin_return_address(0)); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return CheckedNew(bytes, alignment, __builtin_return_address(0));
}
void* operator new[](size_t bytes, std::align_val_t alignment) {
  return CheckedNew(bytes, alignment, __builtin_return_address(0));
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, size_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { std::free(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { std::free(p); }

namespace harness {
namespace {

// An operator by its types; the memory holds ones where floats and masks lie, else zeros.
struct Use {
  std::string type;
  graph::Attrs attrs;
  std::vector<graph::TensorType> inputs;
};

std::vector<Use> CoreUses() {
  const auto x = F32({8, 50, 128}), one = F32({1}), vector = F32({128}), rows = F32({8, 50});
  const auto qkv = F32({8, 50, 384}), lse = F32({8, 4, 50});
  const auto qkv16 = BF16({8, 50, 384}), y16 = BF16({8, 50, 128});
  const auto small_qkv = F32({8, 17, 384}), small_y = F32({8, 17, 128}),
             small_lse = F32({8, 4, 17});
  const graph::Attrs heads = {{"heads", int64_t{4}}};
  const graph::Attrs eps = {{"eps", 1e-6f}};
  const graph::Attrs fill = {
      {"shape", std::vector<int64_t>{8, 50, 128}}, {"dtype", std::string("f32")}, {"value", 0.5f}};
  graph::Attrs xavier = fill;
  xavier["initializer"] = std::string("xavier_uniform");
  xavier["seed"] = int64_t{1};
  xavier["fan_in"] = xavier["fan_out"] = int64_t{128};
  xavier["grid"] = std::vector<int64_t>{};
  graph::Attrs constant = fill;
  constant["initializer"] = std::string("constant");
  const graph::Attrs clip = {{"max_norm", 1.0f}, {"mode", std::string("parameter")}};
  const graph::Attrs adamw = {{"beta1", 0.9f},
                              {"beta2", 0.95f},
                              {"eps", 1e-8f},
                              {"weight_decay", 0.05f},
                              {"indices", std::vector<int64_t>{0, 0}}};
  const graph::Attrs square = {{"shape", std::vector<int64_t>{384, 128}}};
  return {
      {"AdamW", adamw, {one, one, I32({1}), x, x, x, x, vector, vector, vector, vector}},
      {"Add", {}, {x, x}},
      {"AddLayerNorm", eps, {x, x, vector, vector}},
      {"Attention", heads, {qkv}},
      {"Attention", heads, {small_qkv}},
      {"Attention", heads, {qkv, I32({8, 5})}},
      {"Attention", heads, {qkv16}},
      {"Attention", heads, {qkv16, I32({8, 5})}},
      {"AttentionGrad", heads, {qkv, x, lse, x}},
      {"AttentionGrad", heads, {small_qkv, small_y, small_lse, small_y}},
      {"AttentionGrad", heads, {qkv16, y16, lse, y16}},
      {"BiasAdd", {}, {x, vector}},
      {"Cast", {{"dtype", std::string("bf16")}}, {x}},
      {"ClipFactors", clip, {one, one, one}},
      {"ConstantFill", constant, {}},
      {"Fill", fill, {}},
      {"GatherRows", {}, {x, I32({8, 5})}},
      {"Gelu", {}, {x}},
      {"GeluGrad", {}, {x, x}},
      {"GeluWithDerivative", {}, {x}},
      {"GradNorm", {}, {x, vector}},
      {"Increment", {}, {I32({1})}},
      {"LayerNorm", eps, {x, vector, vector}},
      {"LayerNormGrad", eps, {x, vector, rows, rows, x}},
      {"Linear", {{"activation", std::string("gelu")}}, {x, F32({384, 128}), F32({384})}},
      {"MatMul", {{"trans_w", int64_t{0}}}, {x, F32({128, 384})}},
      {"MatMul", {{"trans_w", int64_t{1}}}, {x, F32({384, 128})}},
      {"MatMul", {{"trans_w", int64_t{0}}}, {y16, BF16({128, 384}), qkv16}},
      {"MatMul",
       {{"trans_w", int64_t{1}}, {"packed", int64_t{1}}, {"cols", int64_t{384}}},
       {x, F32({128, 384}), qkv}},
      {"MatMulWeightGrad", square, {qkv, x}},
      {"MatMulWeightGrad", square, {qkv16, y16}},
      {"MatMulWeightGrad", {{"shape", std::vector<int64_t>{128, 3072}}}, {x, F32({8, 50, 3072})}},
      {"PackWeights", {{"trans_w", int64_t{1}}}, {F32({384, 120})}},
      {"PadRows", {{"start", int64_t{1}}, {"rows", int64_t{53}}}, {x}},
      {"Patchify", {{"patch", int64_t{8}}}, {F32({8, 3, 32, 32})}},
      {"PrependToken", {}, {x, F32({1, 1, 128})}},
      {"QuantizeWeights", {}, {F32({384, 128})}},
      {"QuantizedLinear",
       {{"activation", std::string("none")}},
       {x, I8({144, 384}), F32({384}), F32({384})}},
      {"Scale", {{"value", 0.5f}, {"index", int64_t{2}}}, {x, F32({3})}},
      {"ScatterRows", {{"rows", int64_t{60}}}, {x, I32({8, 50})}},
      {"SliceRows", {{"start", int64_t{1}}, {"count", int64_t{7}}}, {x}},
      {"SlicedRows", {{"start", int64_t{1}}}, {I32({8, 5})}},
      {"SoftmaxCrossEntropy", {}, {F32({64, 10}), I32({64})}},
      {"SoftmaxCrossEntropyGrad", {}, {F32({64, 10}), I32({64}), one}},
      {"StopGradient", {}, {x}},
      {"SumToShape", {{"shape", std::vector<int64_t>{128}}}, {x}},
      {"XavierFill", xavier, {}},
  };
}

std::vector<Use> DropPosUses() {
  const graph::Attrs grid = {{"grid_h", int64_t{14}}, {"grid_w", int64_t{14}}};
  const graph::Attrs official = {{"grid_h", int64_t{16}},
                                 {"grid_w", int64_t{16}},
                                 {"targets", std::string("official")},
                                 {"conf_ignore", int64_t{1}}};
  const graph::Attrs pixels = {{"patch", int64_t{8}}, {"norm_pix_loss", int64_t{1}}};
  const graph::Attrs counts = {
      {"num_patches", int64_t{196}}, {"num_visible", int64_t{49}}, {"num_pos_kept", int64_t{12}}};
  const graph::Attrs order = {{"count", int64_t{49}}, {"purpose", std::string("shuffle")}};
  const graph::Attrs prefix = {{"prefix", int64_t{1}}};
  const auto logits = F32({8, 49, 196}), tokens = F32({8, 49, 64}), one = F32({1}),
             rows = F32({8, 49}), embeddings = F32({196, 64}), token = F32({64});
  const auto ids = I32({8, 49});
  const auto mask = U8({8, 49}), patches = U8({8, 196});
  return {
      {"EmbeddingDrop", {{"kind", std::string("param")}}, {tokens, embeddings, token, ids, mask}},
      {"EmbeddingDrop",
       {{"kind", std::string("wrong_pos")}},
       {tokens, embeddings, token, ids, mask, ids, ids}},
      {"EmbeddingDropGrad", {{"shape", std::vector<int64_t>{64}}}, {tokens, mask}},
      {"GatheredPositionWeights", {}, {F32({8, 50, 64})}},
      {"MaskSample", counts, {I64({8})}},
      {"MaskSample", counts, {F32({8, 196}), rows}},
      {"PixelLoss", pixels, {F32({8, 49, 192}), F32({8, 3, 56, 56}), mask}},
      {"PixelLossGrad", pixels, {F32({8, 49, 192}), F32({8, 3, 56, 56}), mask, one}},
      {"PositionWeights", {}, {F32({8, 197, 64}), ids}},
      {"RandomOrder", order, {I64({8})}},
      {"RandomOrder", order, {rows}},
      {"RestoreRows", prefix, {F32({8, 50, 64}), token, ids, patches}},
      {"RestoreRowsGrad",
       {{"prefix", int64_t{1}}, {"shape", std::vector<int64_t>{64}}},
       {F32({8, 197, 64}), ids, patches}},
      {"ScoredRows", {{"scored", int64_t{49}}}, {mask}},
      {"SmoothedPositionCE", grid, {logits, ids, mask, one, rows}},
      {"SmoothedPositionCE", official, {logits, ids, mask, one, rows}},
      {"SmoothedPositionCEGrad", grid, {logits, ids, mask, one, one, rows}},
      {"SmoothedPositionCEGrad", official, {logits, ids, mask, one, one, rows}},
      {"TokenRows", {}, {ids}},
  };
}

bool IsProduct(const std::string& type) {
  return type == "MatMul" || type == "MatMulWeightGrad" || type == "Linear";
}

// Products of types that this processor has no instructions for: refused, or made of
// other products in memory that oneDNN takes.
bool IsEmulated(const Use& use) {
  if (use.type == "QuantizedLinear" || use.type == "QuantizeWeights")
    return !backends::cpu::HasInt8Products();
  return IsProduct(use.type) && use.inputs[0].dtype == graph::DType::kBF16 &&
         !backends::cpu::HasBfloat16Products();
}

// A kernel bound to memory of its own.
struct Bound {
  std::unique_ptr<graph::Kernel> kernel;
  std::vector<std::unique_ptr<GuardedBuffer>> buffers;

  void* NewBuffer(size_t bytes) {
    buffers.push_back(std::make_unique<GuardedBuffer>(bytes));
    std::memset(buffers.back()->data(), 0, bytes);
    return buffers.back()->data();
  }
  void* NewInput(const graph::TensorType& type) {
    HostTensor values(type);
    const bool ones = values.is_float() || type.dtype == graph::DType::kU8;
    for (int64_t i = 0; ones && i < values.size(); ++i) values.Set(i, 1);
    void* data = NewBuffer(type.bytes());
    std::memcpy(data, values.data(), type.bytes());
    return data;
  }
};

int AllocationsOf(const std::function<void()>& run) {
  g_counted = 0;
  g_counting = true;
  run();
  g_counting = false;
  return g_counted;
}

TEST(CpuAllocation, TheCounterCounts) {
  void* frame;
  backtrace(&frame, 1);  // its first call allocates
  EXPECT_EQ(AllocationsOf([] { ::operator delete(::operator new(8)); }), 1);
  EXPECT_EQ(AllocationsOf([] { ::operator delete[](::operator new[](8)); }), 1);
  EXPECT_EQ(AllocationsOf([] {
              void* volatile p = malloc(8);
              std::free(p);
            }),
            1);
  // Through the C++ library, for us.
  std::string text;
  EXPECT_EQ(AllocationsOf([&] { text.reserve(1000); }), 1);
}

// oneDNN's sgemm packs its factors into memory from the heap.
TEST(CpuAllocation, TheCounterCountsBuffersOfOneDnn) {
  void* frame;
  backtrace(&frame, 1);
  using Sgemm = int (*)(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t,
                        const float*, int64_t, float, float*, int64_t);
  // By name, as only the backend's files include oneDNN's headers.
  const auto sgemm = reinterpret_cast<Sgemm>(dlsym(RTLD_DEFAULT, "dnnl_sgemm"));
  ASSERT_NE(sgemm, nullptr);
  const std::vector<float> a(64 * 64, 1.0f);
  std::vector<float> c(64 * 64);
  EXPECT_GT(AllocationsOf([&] {
              sgemm('N', 'N', 64, 64, 64, 1.0f, a.data(), 64, a.data(), 64, 0.0f, c.data(), 64);
            }),
            0);
}

TEST(CpuAllocation, NoKernelAllocatesInRun) {
  void* frame;
  backtrace(&frame, 1);
  std::vector<Use> uses = CoreUses();
  for (Use& use : DropPosUses()) uses.push_back(std::move(use));
  std::set<std::string> covered;
  for (int threads : {1, 2}) {
    graph::Backend backend = *backends::cpu::MakeBackend(threads);
    backends::cpu::droppos::RegisterKernels(&backend.kernels);
    for (const Use& use : uses) {
      SCOPED_TRACE(absl::StrCat(use.type, ", ", threads, " threads"));
      covered.insert(use.type);
      if (IsEmulated(use)) continue;
      const auto typed = MakeOp(use.type, use.attrs, use.inputs);
      ASSERT_TRUE(typed.ok()) << typed.status();
      graph::KernelSpec spec;
      spec.op = &typed->op;
      spec.inputs = typed->inputs;
      spec.outputs = typed->outputs;
      spec.threads = threads;
      const graph::KernelFactory* factory = backend.kernels.Find(use.type);
      ASSERT_NE(factory, nullptr);
      auto made = (*factory)(spec);
      ASSERT_TRUE(made.ok()) << made.status();
      Bound bound;
      bound.kernel = std::move(*made);
      graph::KernelArgs args;
      for (const auto& type : spec.inputs) args.inputs.push_back(bound.NewInput(type));
      for (const auto& type : spec.outputs) args.outputs.push_back(bound.NewBuffer(type.bytes()));
      args.scratch = bound.NewBuffer(bound.kernel->scratch_bytes());
      ASSERT_TRUE(bound.kernel->Bind(args).ok());
      g_large = IsProduct(use.type) && !__builtin_cpu_supports("avx512dq") ? SIZE_MAX : kLarge;
      bool ok = true;
      EXPECT_EQ(AllocationsOf([&] {
                  for (int i = 0; i < 3; ++i) ok = bound.kernel->Run().ok() && ok;
                }),
                0)
          << FirstCaller();
      EXPECT_TRUE(ok);
      g_large = kLarge;
    }
    // A new kernel must be added above.
    for (const std::string& type : backend.kernels.Types()) {
      EXPECT_EQ(covered.count(type), 1u) << type;
    }
  }
}

}  // namespace
}  // namespace harness
