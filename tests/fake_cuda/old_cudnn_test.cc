// A cuDNN that is too old is as none, and its version is said.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "backends/cuda/cudnn.h"

namespace backends::cuda {
namespace {

TEST(OldCudnn, IsRefused) {
  // Loaded under the name that the backend asks for.
  ASSERT_NE(dlopen("tests/fake_cuda/old_cudnn.so", RTLD_NOW), nullptr) << dlerror();
  const auto cudnn = LoadCudnn(/*sm_version=*/90);
  EXPECT_TRUE(absl::IsUnavailable(cudnn.status())) << cudnn.status();
  EXPECT_EQ(cudnn.status().message(), "libcudnn.so.9 is 9.10.2, and 9.16.0 is needed");
}

}  // namespace
}  // namespace backends::cuda
