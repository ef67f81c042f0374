#include "tests/graph/passes/pass_testing.h"

#include <gtest/gtest.h>

#include "backends/cpu/ops/op_table.h"
#include "backends/cpu/passes/passes.h"
#include "backends/cuda/ops/op_table.h"
#include "backends/cuda/passes/passes.h"
#include "graph/ir/text.h"
#include "graph/ir/verify.h"
#include "ops/op_table.h"

namespace graph {

const SchemaRegistry& CoreOps() {
  static const SchemaRegistry* const registry = [] {
    auto* r = new SchemaRegistry;
    ops::RegisterOps(r);
    ops::cpu::RegisterOps(r);
    ops::cuda::RegisterOps(r);
    return r;
  }();
  return *registry;
}

Passes CpuPasses(const PipelineOptions& options) {
  return MakePasses(options, backends::cpu::MakeLowering(options));
}

Passes CudaPasses(const PipelineOptions& options) {
  return MakePasses(options, backends::cuda::MakeLowering(options));
}

Net ParseAndVerify(absl::string_view text, const SchemaRegistry& registry) {
  absl::StatusOr<Net> net = ParseText(text);
  EXPECT_TRUE(net.ok()) << net.status() << "\n" << text;
  if (!net.ok()) return Net();
  for (Op& op : net->ops) {
    const absl::Status completed = registry.CompleteAttrs(&op);
    EXPECT_TRUE(completed.ok()) << completed << "\n" << text;
  }
  const absl::Status status = Verify(*net, registry);
  EXPECT_TRUE(status.ok()) << status << "\n" << text;
  return *std::move(net);
}

namespace {

void ExpectRun(const Pass& pass, bool changed, const SchemaRegistry& registry, Net* net) {
  const absl::StatusOr<bool> result = pass.run(net, registry);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(*result, changed) << ToText(*net);
  const absl::Status status = Verify(*net, registry);
  EXPECT_TRUE(status.ok()) << status << "\n" << ToText(*net);
}

}  // namespace

void ExpectRewrite(const Pass& pass, absl::string_view before, absl::string_view after,
                   const SchemaRegistry& registry) {
  Net net = ParseAndVerify(before, registry);
  ExpectRun(pass, true, registry, &net);
  const Net wanted = ParseAndVerify(after, registry);
  EXPECT_EQ(ToText(net), ToText(wanted));
  EXPECT_EQ(net.blobs.size(), wanted.blobs.size()) << "blobs were left behind";
  ExpectRun(pass, false, registry, &net);
  EXPECT_EQ(ToText(net), ToText(wanted)) << "the second run changed something";
}

void ExpectUnchanged(const Pass& pass, absl::string_view text, const SchemaRegistry& registry) {
  Net net = ParseAndVerify(text, registry);
  const std::string before = ToText(net);
  ExpectRun(pass, false, registry, &net);
  EXPECT_EQ(ToText(net), before);
}

}  // namespace graph
