// What makes the real cuDNN plan graphs for a GPU that is not there, for tests.
#ifndef TESTS_FAKE_CUDA_DEVICELESS_H_
#define TESTS_FAKE_CUDA_DEVICELESS_H_

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "backends/cuda/cudnn_graphs.h"

namespace fake_cuda {

// A file of this folder, without the end of its last line.
inline std::string ReadText(const std::string& name) {
  std::ifstream file("tests/fake_cuda/" + name);
  std::string text(std::istreambuf_iterator<char>(file), {});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// Loaded under the name that libraries look for, it is the driver for all of them.
inline void LoadDriverDouble() {
  ASSERT_NE(dlopen("tests/fake_cuda/driver_double.so", RTLD_NOW | RTLD_GLOBAL), nullptr)
      << dlerror();
}

inline backends::cuda::CudnnTarget H100() {
  backends::cuda::CudnnTarget target;
  target.sm_version = 90;
  target.properties = ReadText("h100_properties.json");
  return target;
}

}  // namespace fake_cuda

#endif  // TESTS_FAKE_CUDA_DEVICELESS_H_
