// The CPU kernels of DropPos allocate nothing in Run(), once the OpenMP runtime
// has its team: this program replaces malloc and its kin and counts.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/cpu/droppos/kernel_table.h"
#include "gtest/gtest.h"
#include "tests/harness/op_runner.h"

extern "C" {
void* __libc_malloc(size_t bytes);
void* __libc_memalign(size_t alignment, size_t bytes);
}

namespace {
std::atomic<int> g_calls{0};
}

// operator new of the C++ library calls malloc or aligned_alloc.
extern "C" void* malloc(size_t bytes) {
  ++g_calls;
  return __libc_malloc(bytes);
}
extern "C" int posix_memalign(void** result, size_t alignment, size_t bytes) {
  ++g_calls;
  *result = __libc_memalign(alignment, bytes);
  return *result == nullptr ? ENOMEM : 0;
}
extern "C" void* aligned_alloc(size_t alignment, size_t bytes) {
  ++g_calls;
  return __libc_memalign(alignment, bytes);
}

namespace harness {
namespace {

int CallsOf(const std::function<void()>& run) {
  const int before = g_calls;
  run();
  return g_calls - before;
}

TEST(DropPosAllocation, TheCounterCounts) {
  EXPECT_EQ(CallsOf([] { ::operator delete(::operator new(8)); }), 1);
  EXPECT_EQ(CallsOf([] {
              void* volatile p = malloc(8);
              std::free(p);
            }),
            1);
}

TEST(DropPosAllocation, NoKernelAllocatesInRun) {
  graph::KernelTable table;
  backends::cpu::droppos::RegisterKernels(&table);
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
             rows = F32({8, 49});
  const auto ids = I32({8, 49});
  const auto mask = U8({8, 49});
  const struct {
    std::string type;
    graph::Attrs attrs;
    std::vector<graph::TensorType> inputs;
  } uses[] = {
      {"MaskSample", counts, {I64({8})}},
      {"MaskSample", counts, {F32({8, 196}), F32({8, 49})}},
      {"EmbeddingDrop",
       {{"kind", std::string("param")}},
       {tokens, F32({196, 64}), F32({64}), ids, mask}},
      {"EmbeddingDrop",
       {{"kind", std::string("wrong_pos")}},
       {tokens, F32({196, 64}), F32({64}), ids, mask, ids, ids}},
      {"EmbeddingDropGrad", {{"shape", std::vector<int64_t>{64}}}, {tokens, mask}},
      {"RandomOrder", order, {I64({8})}},
      {"RandomOrder", order, {F32({8, 49})}},
      {"RestoreRows", prefix, {F32({8, 50, 64}), F32({64}), ids, U8({8, 196})}},
      {"RestoreRowsGrad",
       {{"prefix", int64_t{1}}, {"shape", std::vector<int64_t>{64}}},
       {F32({8, 197, 64}), ids, U8({8, 196})}},
      {"PositionWeights", {}, {F32({8, 197, 64}), ids}},
      {"SmoothedPositionCE", grid, {logits, ids, mask, one, rows}},
      {"SmoothedPositionCEGrad", grid, {logits, ids, mask, one, one, rows}},
      {"SmoothedPositionCE", official, {logits, ids, mask, one, rows}},
      {"SmoothedPositionCEGrad", official, {logits, ids, mask, one, one, rows}},
      {"PixelLoss", pixels, {F32({8, 49, 192}), F32({8, 3, 56, 56}), mask}},
      {"PixelLossGrad", pixels, {F32({8, 49, 192}), F32({8, 3, 56, 56}), mask, one}},
  };
  for (const auto& use : uses) {
    for (int threads : {1, 2}) {
      SCOPED_TRACE(use.type + " " + std::to_string(threads));
      const auto typed = MakeOp(use.type, use.attrs, use.inputs);
      ASSERT_TRUE(typed.ok()) << typed.status();
      graph::KernelSpec spec;
      spec.op = &typed->op;
      spec.inputs = typed->inputs;
      spec.outputs = typed->outputs;
      spec.threads = threads;
      auto kernel = (*table.Find(use.type))(spec);
      ASSERT_TRUE(kernel.ok()) << kernel.status();
      std::vector<std::unique_ptr<GuardedBuffer>> buffers;
      const auto buffer = [&](size_t bytes, int value) {
        buffers.push_back(std::make_unique<GuardedBuffer>(bytes));
        std::memset(buffers.back()->data(), value, bytes);
        return buffers.back()->data();
      };
      graph::KernelArgs args;
      // Zeros, and masks of ones: every row is scored.
      for (const auto& t : spec.inputs) {
        args.inputs.push_back(buffer(t.bytes(), t.dtype == graph::DType::kU8 ? 1 : 0));
      }
      for (const auto& t : spec.outputs) args.outputs.push_back(buffer(t.bytes(), 0));
      args.scratch = buffer((*kernel)->scratch_bytes(), 0);
      // Weights of zero would skip the rows.
      if (use.inputs.back() == rows) {
        float* weights = static_cast<float*>(const_cast<void*>(args.inputs.back()));
        std::fill(weights, weights + rows.elements(), 1.0f);
      }
      ASSERT_TRUE((*kernel)->Bind(args).ok());
      ASSERT_TRUE((*kernel)->Run().ok());
      bool ok = true;
      EXPECT_EQ(CallsOf([&] {
                  for (int i = 0; i < 3; ++i) ok = (*kernel)->Run().ok() && ok;
                }),
                0);
      EXPECT_TRUE(ok);
    }
  }
}

}  // namespace
}  // namespace harness
