// Every operator that a program can name has a kernel on every backend.
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
  EXPECT_EQ(Lines(CheckKernels(tools::MakeRegistry().Types(), "cpu",
                               tools::MakeCpuBackend(1)->kernels.Types())),
            "");
}

TEST(Kernels, TheReferenceBackendIsComplete) {
  EXPECT_EQ(Lines(CheckKernels(tools::MakeRegistry().Types(), "reference",
                               tools::MakeReferenceBackend().kernels.Types())),
            "");
}

TEST(Kernels, CoreAndPluginAreBothThere) {
  const graph::SchemaRegistry registry = tools::MakeRegistry();
  EXPECT_NE(registry.Find("LayerNormGrad"), nullptr);
  EXPECT_NE(registry.Find("SmoothedPositionCE"), nullptr);
}

}  // namespace
}  // namespace structure
