// What the tables of DropPos refuse.
#include <string>
#include <vector>

#include "backends/cpu/droppos/kernel_table.h"
#include "gtest/gtest.h"
#include "tests/harness/op_runner.h"

namespace harness {
namespace {

TEST(DropPosTables, CpuRefusesF64ByName) {
  graph::Backend cpu;
  backends::cpu::droppos::RegisterKernels(&cpu.kernels);
  const graph::Attrs grid = {{"grid_h", int64_t{3}}, {"grid_w", int64_t{3}}};
  const graph::Attrs pixels = {{"patch", int64_t{2}}, {"norm_pix_loss", int64_t{1}}};
  const graph::Attrs counts = {
      {"num_patches", int64_t{9}}, {"num_visible", int64_t{3}}, {"num_pos_kept", int64_t{1}}};
  const auto x = F64({2, 3, 9}), one = F64({1});
  const auto ids = I32({2, 3});
  const auto mask = U8({2, 3});
  const struct {
    std::string type;
    graph::Attrs attrs;
    std::vector<graph::TensorType> inputs;
  } uses[] = {
      {"MaskSample", counts, {F64({2, 9}), F64({2, 3})}},
      {"EmbeddingDrop", {{"kind", std::string("param")}}, {x, F64({9, 9}), F64({9}), ids, mask}},
      {"EmbeddingDropGrad", {{"shape", std::vector<int64_t>{9}}}, {x, mask}},
      {"PositionWeights", {}, {F64({2, 10, 4}), ids}},
      {"RandomOrder", {{"count", int64_t{9}}, {"purpose", std::string("shuffle")}}, {F64({2, 9})}},
      {"RestoreRows", {{"prefix", int64_t{0}}}, {x, F64({9}), ids, U8({2, 5})}},
      {"RestoreRowsGrad",
       {{"prefix", int64_t{0}}, {"shape", std::vector<int64_t>{9}}},
       {x, ids, U8({2, 3})}},
      {"PixelLoss", pixels, {F64({2, 3, 12}), F64({2, 3, 2, 6}), mask}},
      {"PixelLossGrad", pixels, {F64({2, 3, 12}), F64({2, 3, 2, 6}), mask, one}},
      {"SmoothedPositionCE", grid, {x, ids, mask, one}},
      {"SmoothedPositionCEGrad", grid, {x, ids, mask, one, one}},
  };
  for (const auto& use : uses) {
    const auto op = MakeOp(use.type, use.attrs, use.inputs);
    ASSERT_TRUE(op.ok()) << op.status();
    const absl::Status status = OpRunner::Create(cpu, *op, 1).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented) << use.type;
    const std::string message(status.message());
    EXPECT_NE(message.find(use.type + " 'case'"), std::string::npos) << message;
    EXPECT_NE(message.find("f64"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace harness
