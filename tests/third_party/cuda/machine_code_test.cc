// usage: machine_code_test OBJECT REPORT
// What nvcc made of a cuda_library, and that a program with it and CUDA's libraries links.
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/third_party/cuda/saxpy.h"

namespace {

std::string object_path, report_path;

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

template <typename T>
T At(const std::string& bytes, size_t offset) {
  T value = {};
  if (offset + sizeof(T) > bytes.size()) {
    ADD_FAILURE() << "the object ends within its device code";
  } else {
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
  }
  return value;
}

// "elf 80": machine code, "ptx 90": what drivers compile. The format of a fat binary, as far as it
// is needed here: a header (magic number, version, own size, size of what follows), then entries,
// each with a header (kind, version, own size, size of what follows, ..., architecture).
std::vector<std::string> DeviceCode(const std::string& object) {
  const uint32_t magic = 0xba55ed50;
  const size_t begin = object.find(std::string(reinterpret_cast<const char*>(&magic), 4));
  if (begin == std::string::npos) return {};
  size_t at = begin + At<uint16_t>(object, begin + 6);
  const size_t end = at + At<uint64_t>(object, begin + 8);
  std::vector<std::string> code;
  while (at < end && !testing::Test::HasFailure()) {
    const uint16_t kind = At<uint16_t>(object, at);
    const std::string name = kind == 1 ? "ptx" : kind == 2 ? "elf" : "kind " + std::to_string(kind);
    code.push_back(name + " " + std::to_string(At<uint32_t>(object, at + 28)));
    at += At<uint32_t>(object, at + 4) + At<uint64_t>(object, at + 8);
  }
  return code;
}

TEST(MachineCode, IsForA100AndH100AndPtxForLaterOnes) {
  std::vector<std::string> code = DeviceCode(ReadFile(object_path));
  std::sort(code.begin(), code.end());
  EXPECT_EQ(code, (std::vector<std::string>{"elf 80", "elf 90", "ptx 90"}));
}

TEST(MachineCode, IsReportedByKernelAndArchitecture) {
  const std::string report = ReadFile(report_path);
  const std::string kernel =
      "(anonymous namespace)::SaxpyKernel(float, float const*, long, float*)";
  for (const char* chip : {"sm_80", "sm_90"}) {
    EXPECT_NE(report.find("function '" + kernel + "' for '" + chip + "'"), std::string::npos)
        << report;
    EXPECT_NE(report.find("launch of '" + kernel + "' for '" + chip + "': 128 threads\n"),
              std::string::npos)
        << report;
  }
  EXPECT_NE(report.find("0 bytes spill stores"), std::string::npos) << report;
  EXPECT_NE(report.find(" registers"), std::string::npos) << report;
  EXPECT_NE(report.find("facts        : compiler V13."), std::string::npos) << report;
  EXPECT_EQ(report.find("Compile time"), std::string::npos) << "it differs from run to run";
}

TEST(MachineCode, LinksWithItsLibraries) {
  int runtime = 0;
  EXPECT_EQ(cudaRuntimeGetVersion(&runtime), cudaSuccess);
  EXPECT_EQ(runtime, CUDART_VERSION);
  EXPECT_EQ(cublasLtGetVersion() / 10000, 13u);
}

// Without a GPU the launch says so.
TEST(MachineCode, RunsWhereThereIsAGpu) {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    EXPECT_NE(Saxpy(2.0f, nullptr, 1, nullptr, nullptr), cudaSuccess);
    return;
  }
  const std::vector<float> x(1030, 3.0f);
  std::vector<float> y(1030, 1.0f);
  const size_t bytes = x.size() * sizeof(float);
  float *device_x = nullptr, *device_y = nullptr;
  ASSERT_EQ(cudaMalloc(reinterpret_cast<void**>(&device_x), bytes), cudaSuccess);
  ASSERT_EQ(cudaMalloc(reinterpret_cast<void**>(&device_y), bytes), cudaSuccess);
  ASSERT_EQ(cudaMemcpy(device_x, x.data(), bytes, cudaMemcpyHostToDevice), cudaSuccess);
  ASSERT_EQ(cudaMemcpy(device_y, y.data(), bytes, cudaMemcpyHostToDevice), cudaSuccess);
  ASSERT_EQ(Saxpy(2.0f, device_x, 1030, device_y, nullptr), cudaSuccess);
  ASSERT_EQ(cudaMemcpy(y.data(), device_y, bytes, cudaMemcpyDeviceToHost), cudaSuccess);
  EXPECT_EQ(y, std::vector<float>(1030, 7.0f));
  cudaFree(device_x);
  cudaFree(device_y);
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (argc != 3) return 2;
  object_path = argv[1];
  report_path = argv[2];
  return RUN_ALL_TESTS();
}
