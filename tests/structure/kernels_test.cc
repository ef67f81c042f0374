// Every operator that a program can name has a kernel on the CPU, and on the reference backend; but
// those that the passes of one backend make have theirs on that one.
#include <gtest/gtest.h>

#include "backends/cpu/ops/op_table.h"
#include "ops/droppos/op_table.h"
#include "ops/op_table.h"
#include "tests/structure/table_rules.h"
#include "tools/plugins.h"
#include "tools/reference_backend.h"

namespace structure {
namespace {

std::string Lines(const Findings& findings) {
  std::string text;
  for (const std::string& finding : findings) text += finding + "\n";
  return text;
}

graph::SchemaRegistry Neutral() {
  graph::SchemaRegistry neutral;
  ops::RegisterOps(&neutral);
  ops::droppos::RegisterOps(&neutral);
  return neutral;
}

TEST(Kernels, TheCpuBackendIsComplete) {
  graph::SchemaRegistry registry = Neutral();
  ops::cpu::RegisterOps(&registry);
  EXPECT_EQ(Lines(CheckKernels(registry.Types(), "cpu",
                               tools::MakeBackend("cpu", 1)->kernels.Types())),
            "");
}

TEST(Kernels, TheReferenceBackendIsComplete) {
  EXPECT_EQ(Lines(CheckKernels(Neutral().Types(), "reference",
                               tools::MakeReferenceBackend().kernels.Types())),
            "");
}

TEST(Kernels, CorePluginAndBackendsAreThere) {
  const graph::SchemaRegistry registry = tools::MakeRegistry();
  EXPECT_NE(registry.Find("LayerNormGrad"), nullptr);
  EXPECT_NE(registry.Find("SmoothedPositionCE"), nullptr);
  EXPECT_NE(registry.Find("PackedLinear"), nullptr);
  EXPECT_NE(registry.Find("LinearResidual"), nullptr);
}

}  // namespace
}  // namespace structure
