// The real cuDNN takes the backend's graphs for an H100, with no GPU and no driver: it validates,
// plans and compiles them. What its frontend then prints of them is what cudnn_graphs/*.json holds,
// which cudnn_interpreter_test executes.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "backends/cuda/cudnn_graphs.h"
#include "nlohmann/json.hpp"
#include "tests/fake_cuda/deviceless.h"

namespace backends::cuda {
namespace {

using fake_cuda::H100;
using fake_cuda::ReadText;

// Without what differs from version to version and from run to run.
nlohmann::json Comparable(const std::string& text) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  for (const char* key : {"cudnn_backend_version", "cudnn_frontend_version", "gid"})
    json.erase(key);
  return json;
}

class CudnnPlans : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    fake_cuda::LoadDriverDouble();
    const auto version = OpenCudnn();
    ASSERT_TRUE(version.ok()) << version.status();
    std::cout << "cuDNN " << CudnnVersionText(*version) << "\n";
  }
  // Plans it; what is printed of it is in the file `name`, if there is one.
  static void ExpectPlanned(const CudnnGraphSpec& spec, const std::string& name = "") {
    SCOPED_TRACE(Describe(spec));
    CudnnGraph graph(spec, H100());
    const auto workspace = graph.Plan();
    ASSERT_TRUE(workspace.ok()) << workspace.status();
    EXPECT_LT(*workspace, int64_t{256} << 20);
    if (name.empty()) return;
    const std::string text = graph.Json();
    const char* const outputs = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
    if (outputs != nullptr) std::ofstream(outputs + ("/" + name)) << text << "\n";
    EXPECT_EQ(Comparable(text), Comparable(ReadText("cudnn_graphs/" + name)))
        << "what is printed now is in the test's outputs";
  }
};

TEST_F(CudnnPlans, Attention) {
  ExpectPlanned(CudnnAttention{2, 50, 3, 64, /*grad=*/false}, "sdpa.json");
  ExpectPlanned(CudnnAttention{2, 50, 3, 64, /*grad=*/true}, "sdpa_backward.json");
}

TEST_F(CudnnPlans, Products) {
  ExpectPlanned(CudnnProduct{40, 96, 64, true, CudnnProduct::kGelu});
  ExpectPlanned(CudnnProduct{40, 96, 64, true, CudnnProduct::kGelu, /*keep_pre=*/true},
                "product_gelu.json");
  ExpectPlanned(CudnnProduct{40, 96, 64, false, CudnnProduct::kGeluGrad}, "product_gelu_grad.json");
}

TEST_F(CudnnPlans, WhatCudnnRefusesIsSaid) {
  CudnnGraph graph(CudnnAttention{2, 50, 3, 63, false}, H100());  // rows that are no 16 bytes
  const auto workspace = graph.Plan();
  ASSERT_TRUE(absl::IsUnimplemented(workspace.status())) << workspace.status();
  EXPECT_EQ(workspace.status().message().find("cuDNN, validation: "), 0u) << workspace.status();
  CudnnTarget target = H100();
  target.properties = "{}";
  EXPECT_EQ(CudnnGraph(CudnnAttention{2, 50, 3, 64, false}, target)
                .Plan()
                .status()
                .message()
                .find("cuDNN, device: "),
            0u);
}

TEST(CudnnVersion, IsWrittenAsNvidiaDoes) {
  EXPECT_EQ(CudnnVersionText(91900), "9.19.0");
  EXPECT_EQ(CudnnVersionText(91002), "9.10.2");
}

}  // namespace
}  // namespace backends::cuda
