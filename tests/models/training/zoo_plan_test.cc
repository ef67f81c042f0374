// The memory plans of the zoo's training nets, beside the least that any plan needs.
#include <string>
#include <vector>

#include "backends/cpu/passes/passes.h"
#include "graph/passes/pipeline.h"
#include "graph/runtime/memory_plan.h"
#include "gtest/gtest.h"
#include "models/training/nets.h"
#include "models/training/recompute.h"
#include "models/zoo/zoo.h"
#include "ops/adamw.h"
#include "tools/plugins.h"

namespace models {
namespace {

// Kernels' own depends on the machine: for every third operator, up to the size of its output.
std::vector<size_t> SomeScratch(const graph::Net& net) {
  std::vector<size_t> scratch(net.ops.size(), 0);
  for (size_t i = 0; i < scratch.size(); i += 3) {
    scratch[i] = net.type(net.ops[i].outputs[0]).bytes() * (i % 5) / 4;
  }
  return scratch;
}

graph::Passes CpuPasses(const graph::PipelineOptions& options) {
  return graph::MakePasses(options, backends::cpu::MakeLowering(options));
}

void ExpectTight(graph::ComputePrecision precision) {
  const graph::SchemaRegistry registry = tools::MakeRegistry();
  const Zoo zoo = tools::MakeZoo();
  size_t none_total = 0, block_total = 0;
  for (const ZooEntry& entry : zoo.entries()) {
    for (const int batch : {16, 64}) {
      for (const char* mode : {"none", "mlp", "block"}) {
        const auto model = entry.make(entry, 10);
        auto built = BuildTrainingNet(registry, *model, entry.recipe, batch, MicroStep::kWhole, 1);
        ASSERT_TRUE(built.ok()) << built.status();
        graph::PipelineOptions options;
        options.precision = precision;
        options.recompute_segment = RecomputeSegments(mode).value();
        const auto passes = graph::RunPipeline(&built->net, registry, CpuPasses(options), options);
        ASSERT_TRUE(passes.ok()) << passes.status();
        const std::vector<size_t> none(built->net.ops.size(), 0);
        const graph::MemoryPlan plan = graph::PlanMemory(built->net, none);
        for (const auto& p : {plan, graph::PlanMemory(built->net, SomeScratch(built->net))}) {
          EXPECT_GE(p.arena_bytes, p.lower_bound_bytes);
          // 1.035 seen.
          EXPECT_LE(static_cast<double>(p.arena_bytes),
                    1.05 * static_cast<double>(p.lower_bound_bytes))
              << entry.name << ", batch " << batch << ", --recompute=" << mode;
        }
        if (batch == 64 && std::string(mode) == "none") none_total += plan.arena_bytes;
        if (batch == 64 && std::string(mode) == "block") block_total += plan.arena_bytes;
      }
    }
  }
  EXPECT_LT(static_cast<double>(block_total), 0.8 * static_cast<double>(none_total));
}

TEST(ZooPlan, Float32IsNearTheLowerBound) { ExpectTight(graph::ComputePrecision::kF32); }
TEST(ZooPlan, Bfloat16IsNearTheLowerBound) { ExpectTight(graph::ComputePrecision::kBF16); }

// The clip factors need the norms of all gradients, so all of them are alive there;
// each one's memory is free after its update.
TEST(ZooPlan, GradientsEndWithTheirUpdate) {
  const graph::SchemaRegistry registry = tools::MakeRegistry();
  const ZooEntry entry = tools::MakeZoo().Find("droppos_tiny").value();
  const auto model = entry.make(entry, 0);
  auto built = BuildTrainingNet(registry, *model, entry.recipe, 16, MicroStep::kWhole, 1);
  ASSERT_TRUE(built.ok()) << built.status();
  const graph::PipelineOptions options;
  ASSERT_TRUE(graph::RunPipeline(&built->net, registry, CpuPasses(options), options).ok());
  const graph::Net& net = built->net;
  const graph::MemoryPlan plan = graph::PlanMemory(net, std::vector<size_t>(net.ops.size(), 0));
  int updates = 0;
  for (size_t i = 0; i < net.ops.size(); ++i) {
    const graph::Op& op = net.ops[i];
    if (op.type != "AdamW") continue;
    using Args = ops::AdamWArgs;
    for (int p = 0; p < Args::NumParameters(op.inputs.size()); ++p) {
      ++updates;
      const int allocation = plan.allocation_of_blob[op.inputs[Args::FirstIn(p) + Args::kG]];
      ASSERT_NE(allocation, graph::kNone);
      EXPECT_EQ(plan.allocations[allocation].last, static_cast<graph::OpId>(i)) << op.Describe();
    }
  }
  EXPECT_GT(updates, 50);
}

// Gradients that wait for the others of their group are no more than those that wait
// for the norms.
TEST(ZooPlan, GroupedUpdatesNeedNoMoreMemory) {
  const graph::SchemaRegistry registry = tools::MakeRegistry();
  for (const char* name : {"droppos_tiny", "droppos_vitb"}) {
    const ZooEntry entry = tools::MakeZoo().Find(name).value();
    const auto model = entry.make(entry, 0);
    for (const graph::ComputePrecision precision :
         {graph::ComputePrecision::kF32, graph::ComputePrecision::kBF16}) {
      size_t bytes[2], updates[2] = {0, 0};
      for (const bool grouped : {false, true}) {
        auto built = BuildTrainingNet(registry, *model, entry.recipe, 16, MicroStep::kWhole, 1);
        ASSERT_TRUE(built.ok()) << built.status();
        graph::PipelineOptions options;
        options.precision = precision;
        if (!grouped) options.disabled = {"tensor_grouping"};
        ASSERT_TRUE(graph::RunPipeline(&built->net, registry, CpuPasses(options), options).ok());
        const std::vector<size_t> scratch(built->net.ops.size(), 0);
        bytes[grouped] = graph::PlanMemory(built->net, scratch).lower_bound_bytes;
        for (const graph::Op& op : built->net.ops) {
          updates[grouped] += op.type == "AdamW" || op.type == "GradNorm";
        }
      }
      EXPECT_EQ(bytes[0], bytes[1]) << name;
      EXPECT_GT(updates[0], 100u) << name;
      EXPECT_EQ(updates[1], 3u) << name;  // the norms, with and without weight decay
    }
  }
}

}  // namespace
}  // namespace models
