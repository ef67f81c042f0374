// The real cuDNN takes the backend's graphs for an H100, with no GPU and no driver: it validates,
// plans and compiles them. What its frontend then prints of them is what cudnn_graphs/*.json holds,
// which cudnn_interpreter_test executes.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "backends/cuda/cudnn_graphs.h"
#include "nlohmann/json.hpp"

namespace backends::cuda {
namespace {

const std::string kFolder = "tests/fake_cuda/";

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::string text(std::istreambuf_iterator<char>(file), {});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

std::string H100() { return Read(kFolder + "h100_properties.json"); }

// Without what differs from version to version and from run to run.
nlohmann::json Comparable(const std::string& text) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  for (const char* key : {"cudnn_backend_version", "cudnn_frontend_version", "gid"})
    json.erase(key);
  return json;
}

class CudnnPlans : public testing::Test {
 protected:
  // Loaded under the name that libraries look for, it is the driver for all of them.
  static void SetUpTestSuite() {
    const std::string path = kFolder + "driver_double.so";
    ASSERT_NE(dlopen(path.c_str(), RTLD_NOW | RTLD_GLOBAL), nullptr) << dlerror();
  }
  // Plans `graph`; what is printed of it is in the file `name`, if there is one.
  static void ExpectPlanned(CudnnGraph graph, const std::string& name = "") {
    const auto workspace = graph.Plan();
    ASSERT_TRUE(workspace.ok()) << workspace.status();
    EXPECT_LT(*workspace, int64_t{256} << 20);
    if (name.empty()) return;
    const std::string text = graph.Json();
    const char* const outputs = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
    if (outputs != nullptr) std::ofstream(outputs + ("/" + name)) << text << "\n";
    EXPECT_EQ(Comparable(text), Comparable(Read(kFolder + "cudnn_graphs/" + name)))
        << "what is printed now is in the test's outputs";
  }
};

TEST_F(CudnnPlans, Attention) {
  ExpectPlanned(CudnnGraph::Attention({2, 50, 3, 64}, H100()), "sdpa.json");
  ExpectPlanned(CudnnGraph::AttentionGrad({2, 50, 3, 64}, H100()), "sdpa_backward.json");
}

TEST_F(CudnnPlans, Products) {
  ExpectPlanned(CudnnGraph::ProductBiasGelu({40, 96, 64, true}, H100()), "product_bias_gelu.json");
  ExpectPlanned(CudnnGraph::ProductTimes({40, 96, 64, false}, true, H100()),
                "product_times_sums.json");
  ExpectPlanned(CudnnGraph::ProductTimes({40, 96, 64, true}, false, H100()));
}

// As ViT-B has them: the MAE decoder's gradient over 197 tokens, for which our own kernel is too
// small, and fc1 at a batch of 64.
TEST_F(CudnnPlans, ShapesOfTheZoo) {
  ExpectPlanned(CudnnGraph::AttentionGrad({64, 197, 16, 32}, H100()));
  ExpectPlanned(CudnnGraph::ProductBiasGelu({64 * 50, 3072, 768, true}, H100()));
}

TEST_F(CudnnPlans, WhatCudnnRefusesIsSaid) {
  CudnnGraph graph = CudnnGraph::Attention({2, 50, 3, 63}, H100());  // rows that are no 16 bytes
  const auto workspace = graph.Plan();
  ASSERT_FALSE(workspace.ok());
  EXPECT_NE(workspace.status().message().find("cuDNN, "), std::string::npos);
  const auto none = CudnnGraph::Attention({2, 50, 3, 64}, "{}").Plan();
  EXPECT_NE(none.status().message().find("deviceVer"), std::string::npos);
}

}  // namespace
}  // namespace backends::cuda
