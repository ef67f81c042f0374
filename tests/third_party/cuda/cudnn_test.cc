// A program with cuDNN and its frontend is compiled, links and loads. Graphs are not made here.
#include <cudnn.h>
#include <cudnn_frontend_version.h>
#include <gtest/gtest.h>

namespace {

TEST(Cudnn, IsWhatItsHeadersSay) {
  EXPECT_EQ(cudnnGetVersion(), static_cast<size_t>(CUDNN_VERSION));
  EXPECT_EQ(CUDNN_FRONTEND_MAJOR_VERSION, 1);
}

// It was built for the CUDA that it finds here.
TEST(Cudnn, FitsTheToolkit) { EXPECT_EQ(cudnnGetCudartVersion() / 1000, 13u); }

}  // namespace
