// Which operators the CUDA backend has kernels for.
#include <string>
#include <vector>

#include "backends/cuda/droppos/kernel_table.h"
#include "backends/cuda/kernel_table.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/harness/cuda.h"
#include "tools/operator_report.h"
#include "tools/plan/gpu_chips.h"
#include "tools/plugins.h"

namespace harness {
namespace {

using ::testing::HasSubstr;

std::vector<tools::OperatorSupport> Support(const graph::Backend& backend) {
  return tools::ListSupport(tools::MakeRegistryOf("cuda"), backend);
}

TEST(CudaSupport, NoOperatorLacksAKernel) {
  const graph::Backend backend = MakeCuda();
  EXPECT_EQ(tools::MissingText(Support(backend)), "");
  EXPECT_EQ(backend.kernels.Types(), tools::MakeRegistryOf("cuda").Types());
  EXPECT_FALSE(backend.capabilities.int8_products);
}

TEST(CudaSupport, IsKnownWithoutAGpu) {
  const tools::GpuChip chip = tools::GpuChips({"h100"})->front();
  graph::Backend described = backends::cuda::DescribeBackend(chip.properties, 1).value();
  backends::cuda::droppos::RegisterKernels(&described);
  EXPECT_EQ(tools::SupportTable(Support(described)),
            tools::SupportTable(Support(MakeCuda())));
}

TEST(CudaSupport, AMissingKernelIsFound) {
  const graph::Backend whole = MakeCuda();
  graph::Backend less;
  less.name = "cuda";
  for (const std::string& type : whole.kernels.Types()) {
    graph::KernelTraits traits = *whole.kernels.FindTraits(type);
    if (type == "Gelu") continue;
    if (type == "AttentionGrad") traits.floats.pop_back();
    less.kernels.Add(type, *whole.kernels.Find(type), traits);
  }
  EXPECT_EQ(tools::MissingText(Support(less)),
            "cuda: no kernel for AttentionGrad in bf16\n"
            "cuda: no kernel for Gelu in f32\n"
            "cuda: no kernel for Gelu in bf16\n");
}

TEST(CudaSupport, SaysWhoseCodeItIs) {
  const std::string table = tools::SupportTable(Support(MakeCuda()));
  EXPECT_THAT(table, HasSubstr("MatMul                   cublaslt, own"));
}

}  // namespace
}  // namespace harness
