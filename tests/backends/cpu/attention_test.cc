// Attention and its gradient at ViT's sequence lengths and on all sides of the products'
// tiles, and what their kernels take and say.
#include <cstdlib>

#include "absl/strings/match.h"
#include "backends/cpu/kernel_table.h"
#include "gtest/gtest.h"
#include "tests/harness/op_case.h"
#include "tests/harness/op_runner.h"

namespace harness {
namespace {

graph::Op MakeAttentionOp(const char* type, int64_t heads) {
  graph::Op op;
  op.type = type;
  op.name = "case";
  op.attrs["heads"] = heads;
  return op;
}

// Both operators against the reference backend, at 1 to 4 threads each.
void CheckCase(graph::DType dtype, int64_t batch, int64_t tokens, int64_t heads, int64_t head_width,
               double scale = 1) {
  SCOPED_TRACE(absl::StrCat(graph::DTypeName(dtype), " B ", batch, " T ", tokens, " H ", heads,
                            " dh ", head_width, " scale ", scale));
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  const int64_t width = heads * head_width;
  const graph::TensorType qkv = {dtype, {batch, tokens, 3 * width}},
                          y = {dtype, {batch, tokens, width}};
  const graph::Attrs attrs = {{"heads", heads}};
  OpCase c = {"Attention", attrs, {{qkv, Normal(scale)}}, {y, F32({batch, heads, tokens})}};
  RunCaseOn(backend, c);
  const std::vector<HostTensor> in = MakeInputs(c);
  const auto out = Reference("Attention", attrs, in);
  ASSERT_EQ(out.size(), 2u);
  OpCase backward = {"AttentionGrad",
                     attrs,
                     {{qkv, Values(in[0].Values())},
                      {y, Values(out[0].Values())},
                      {out[1].type(), Values(out[1].Values())},
                      {y, Normal()}},
                     {qkv}};
  // In bf16 of the whole only: what AMX leaves in each part has not been measured yet.
  if (dtype == graph::DType::kF32) backward.parts = 3;
  RunCaseOn(backend, backward);
  for (const int64_t queries : {int64_t{1}, tokens / 4 + 1, tokens + 3}) {
    OpCase some = c;
    some.inputs.push_back({I32({batch, queries}), Ids(tokens)});
    RunCaseOn(backend, some);
  }
}

// Scores of scale 5.5 reach 80 and more on both sides of zero.
void CheckCases(graph::DType dtype) {
  for (const int64_t tokens : {1, 5, 17, 50, 65}) {
    for (const int64_t head_width : {7, 8, 32, 64, 80}) {
      CheckCase(dtype, 2, tokens, 2, head_width);
    }
  }
  CheckCase(dtype, 1, 197, 2, 64);
  CheckCase(dtype, 2, 50, 2, 64, 5.5);
  CheckCase(dtype, 1, 17, 1, 32, 5.5);
}

TEST(CpuAttention, CasesInF32) {
  constexpr graph::DType kF32Type = graph::DType::kF32;
  CheckCases(kF32Type);
  CheckCase(kF32Type, 3, 32, 4, 16);
  CheckCase(kF32Type, 1, 33, 3, 33);
  CheckCase(kF32Type, 1, 49, 1, 15);  // a panel of three vectors, and less than one
  CheckCase(kF32Type, 1, 63, 1, 1);
}
TEST(CpuAttention, CasesInBf16) { CheckCases(graph::DType::kBF16); }

graph::KernelSpec VitBSpec(const graph::Op& op, graph::DType dtype, int64_t batch) {
  graph::KernelSpec spec;
  spec.op = &op;
  spec.inputs = {{dtype, {batch, 197, 3 * 768}}};
  spec.outputs = {{dtype, {batch, 197, 768}}, F32({batch, 12, 197})};
  if (op.type == "AttentionGrad") {
    spec.inputs.insert(spec.inputs.end(), {spec.outputs[0], spec.outputs[1], spec.outputs[0]});
    spec.outputs = {spec.inputs[0]};
  }
  spec.threads = 2;
  return spec;
}

TEST(CpuAttention, ScratchDoesNotGrowWithTheBatch) {
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  for (const auto dtype : {graph::DType::kF32, graph::DType::kBF16}) {
    for (const char* type : {"Attention", "AttentionGrad"}) {
      std::vector<size_t> bytes;
      for (int64_t batch : {1, 64}) {
        const graph::Op op = MakeAttentionOp(type, 12);
        const auto kernel = (*backend.kernels.Find(type))(VitBSpec(op, dtype, batch));
        ASSERT_TRUE(kernel.ok()) << kernel.status();
        bytes.push_back((*kernel)->scratch_bytes());
      }
      EXPECT_EQ(bytes[0], bytes[1]) << type;
      // Of each thread: a matrix of scores, and copies of the head in f32.
      EXPECT_LE(bytes[1], size_t{2} * (224 + 14 * 64) * 224 * 4) << type;
    }
  }
}

TEST(CpuAttention, SaysWhatRuns) {
  const graph::Backend backend = *backends::cpu::MakeBackend(2);
  const char* isa = std::getenv("ONEDNN_MAX_CPU_ISA");
  for (const char* type : {"Attention", "AttentionGrad"}) {
    const graph::Op op = MakeAttentionOp(type, 12);
    for (const auto dtype : {graph::DType::kF32, graph::DType::kBF16}) {
      const auto kernel = (*backend.kernels.Find(type))(VitBSpec(op, dtype, 1));
      ASSERT_TRUE(kernel.ok()) << kernel.status();
      const std::string name = (*kernel)->implementation();
      if (isa != nullptr && std::string(isa) == "AVX2") {
        EXPECT_EQ(name, "own:avx2");
      } else if (isa != nullptr && name != "own:avx2") {
        EXPECT_EQ(name, "own:avx512");
      } else {
        EXPECT_TRUE(absl::StartsWith(name, "own:")) << name;
        EXPECT_TRUE(dtype == graph::DType::kBF16 || name != "own:amx-bf16") << name;
      }
    }
  }
}

}  // namespace
}  // namespace harness
