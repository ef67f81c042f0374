// Every operator that a program can name has a kernel on the CPU, and on the reference backend; but
// those that the passes of one backend make have theirs on that one.
#include <gtest/gtest.h>

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

TEST(Kernels, TheCpuBackendIsComplete) {
  EXPECT_EQ(Lines(CheckKernels(tools::MakeRegistryOf("cpu").Types(), "cpu",
                               tools::MakeBackend("cpu", 1)->kernels.Types())),
            "");
}

TEST(Kernels, TheReferenceBackendIsComplete) {
  EXPECT_EQ(Lines(CheckKernels(tools::MakeRegistryOf("reference").Types(), "reference",
                               tools::MakeReferenceBackend().kernels.Types())),
            "");
}

TEST(Kernels, CoreAndPluginAreBothThere) {
  const graph::SchemaRegistry registry = tools::MakeRegistryOf("reference");
  EXPECT_NE(registry.Find("LayerNormGrad"), nullptr);
  EXPECT_NE(registry.Find("SmoothedPositionCE"), nullptr);
  EXPECT_EQ(registry.Find("PackWeights"), nullptr) << "the CPU's alone";
  EXPECT_NE(tools::MakeRegistry().Find("PackWeights"), nullptr);
  EXPECT_NE(tools::MakeRegistry().Find("LinearResidual"), nullptr) << "the GPU's alone";
}

}  // namespace
}  // namespace structure
