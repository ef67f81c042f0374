// Launches: what CUDA refuses, limits of the emulator, order, traffic, matrix functions.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/simt/find.h"

namespace {

using simt::DeviceArray;
using simt::Dim;
using simt::Finding;
using simt::LaunchKernel;

__global__ void Nothing(float*) {}
__global__ void LastByte(float* x, int bytes) {
  unsigned char* const tile = static_cast<unsigned char*>(simt::DynamicShared());
  tile[bytes - 1] = 1;
  x[0] = tile[bytes - 1];
}
__global__ void Where(unsigned* x) {
  const unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  x[block * 24 + thread] = blockIdx.x + 10 * blockIdx.y + 100 * blockIdx.z + 1000 * threadIdx.x +
                           10000 * threadIdx.y + 100000 * threadIdx.z;
}

int Launch(Dim grid, Dim block, size_t shared = 0) {
  return LaunchKernel("Nothing", Nothing, grid, block, shared, nullptr,
                      static_cast<float*>(nullptr));
}

constexpr int kInvalidValue = 1, kInvalidConfiguration = 9;  // cudaErrorInvalid...

TEST(Launches, HaveTheGridsOfCuda) {
  EXPECT_EQ(Launch(1, 1024), 0);
  EXPECT_EQ(Launch(1, 1025), kInvalidConfiguration);
  EXPECT_EQ(Launch(1, {32, 32}), 0);
  EXPECT_EQ(Launch(1, {32, 33}), kInvalidConfiguration);
  EXPECT_EQ(Launch(1, {1, 1, 64}), 0);
  EXPECT_EQ(Launch(1, {1, 1, 65}), kInvalidConfiguration);
  EXPECT_EQ(Launch(0, 32), kInvalidConfiguration);
  EXPECT_EQ(Launch({1, 0}, 32), kInvalidConfiguration);
  EXPECT_EQ(Launch({1, 1, 0}, 32), kInvalidConfiguration);
  EXPECT_EQ(Launch(1, 0), kInvalidConfiguration);
  EXPECT_EQ(Launch({1, 65535}, 1), 0);
  EXPECT_EQ(Launch({1, 65536}, 1), kInvalidConfiguration);
  EXPECT_EQ(Launch({1, 1, 65535}, 1), 0);
  EXPECT_EQ(Launch({1, 1, 65536}, 1), kInvalidConfiguration);
  EXPECT_EQ(Launch(65537, 1), 0);
  EXPECT_EQ(Launch(0x80000000u, 1), kInvalidConfiguration);
  EXPECT_THROW(simt::Run(
                   "too large", [] {}, 1, 1025, 0),
               Finding);
}

TEST(Launches, HaveTheSharedMemoryThatWasAllowed) {
  DeviceArray<float> x(1, "x");
  EXPECT_EQ(Launch(1, 1, 48 << 10), 0);
  EXPECT_EQ(Launch(1, 1, (48 << 10) + 1), kInvalidValue);
  const void* const kernel = reinterpret_cast<const void*>(LastByte);
  EXPECT_EQ(FIND(LastByte, 1, 1, 100 << 10, x.data(), 100 << 10), "cudaError_t 1");
  EXPECT_EQ(simt::AllowShared(kernel, 227 << 10), 0);
  EXPECT_EQ(FIND(LastByte, 1, 1, 227 << 10, x.data(), 227 << 10), "");
  EXPECT_EQ(FIND(LastByte, 1, 1, (227 << 10) + 1, x.data(), 1), "cudaError_t 1");
  EXPECT_EQ(simt::AllowShared(kernel, (227 << 10) + 1), kInvalidValue);
  EXPECT_EQ(Launch(1, 1, 100 << 10), kInvalidValue) << "allowed to another kernel";
}

TEST(Launches, KnowWhereTheyAre) {
  DeviceArray<unsigned> x(24 * 24, "x");
  EXPECT_EQ(FIND(Where, Dim(2, 3, 4), Dim(4, 3, 2), 0, x.data()), "");
  const std::vector<unsigned> values = x.Get();
  EXPECT_EQ(values[0], 0u);
  EXPECT_EQ(values[24 * 24 - 1], 321u - 0u + 123000u);
}

// ---- Limits of the emulator are said, not passed over.

__global__ void ManyBarriers(float* x, int count, bool warp) {
  for (int i = 0; i < count; ++i) {
    if (warp) {
      __syncwarp();
    } else {
      __syncthreads();
    }
  }
  x[threadIdx.x] = 1;
}

TEST(Launches, HaveLimitsHere) {
  DeviceArray<float> x(32, "x");
  EXPECT_EQ(FIND(ManyBarriers, 1, 32, 0, x.data(), 4000, false), "");
  EXPECT_EQ(FIND(ManyBarriers, 1, 32, 0, x.data(), 4200, false),
            "limit: ManyBarriers, block (0,0,0), thread (0,0,0), LINE: the emulator tells no more "
            "than 4095 barriers of a block apart");
  EXPECT_EQ(FIND(ManyBarriers, 1, 32, 0, x.data(), 500, true), "");
  EXPECT_EQ(FIND(ManyBarriers, 1, 32, 0, x.data(), 600, true),
            "limit: ManyBarriers, block (0,0,0), thread (0,0,0), LINE: the emulator tells no more "
            "than 511 __syncwarps between two __syncthreads apart");
  EXPECT_EQ(FIND(Nothing, 300000, 1, 0, nullptr),
            "limit: Nothing: the emulator tells no more than 262142 blocks apart");
}

// Of a grid of more blocks than are told apart, in memory that the host has not.
__global__ void WriteFrom(uint64_t least, unsigned char* x) {
  const uint64_t i = blockIdx.x + uint64_t{blockIdx.y} * gridDim.x;
  if (i < least) x[-1] = 0;
  x[i << 16] = 1;
}

TEST(Launches, MayRunTheirLastBlocks) {
  constexpr uint64_t kBlocks = 300000 * 2, kLast = 5;
  const DeviceArray<unsigned char> x(((kBlocks - 1) << 16) + 1, "x");
  simt::RunLastBlocks(kLast);
  EXPECT_EQ(FIND(WriteFrom, Dim(300000, 2), 1, 0, kBlocks - kLast, x.data()), "");
  EXPECT_EQ(simt::GlobalTraffic().stores, kLast);
  EXPECT_EQ(FIND(WriteFrom, Dim(300000, 2), 1, 0, kBlocks, x.data()),
            "out of bounds: WriteFrom, block (299995,1,0), thread (0,0,0), LINE: touches device "
            "memory of no allocation");
  simt::RunLastBlocks(0);
}

// ---- Order.

__global__ void SumFixed(const float* x, float* y) {
  float sum = x[threadIdx.x];
  for (int i = 16; i > 0; i /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, i);
  y[threadIdx.x] = sum;
}
__global__ void SumAsTheyCome(const float* x, float* y) { atomicAdd(y, x[threadIdx.x]); }
__global__ void Ticket(unsigned* next, unsigned* y) {
  y[blockIdx.x * 32 + threadIdx.x] = atomicAdd(next, 1u);
}

std::vector<float> Thirds() {
  std::vector<float> values(32);
  for (int i = 0; i < 32; ++i) values[i] = std::pow(3.0f, static_cast<float>(i % 7) - 3) * 1.1f;
  return values;
}
template <typename Run>
std::string OrderOf(const char* name, const Run& run) {
  try {
    simt::SameInEveryOrder(name, run);
  } catch (const Finding& finding) {
    EXPECT_EQ(finding.kind, Finding::kOrder);
    return finding.what();
  }
  return "";
}

TEST(Launches, MustNotDependOnTheirOrder) {
  const DeviceArray<float> x(Thirds(), "x");
  DeviceArray<float> y(std::vector<float>(32, 0.0f), "y");
  EXPECT_EQ(OrderOf("SumFixed",
                    [&] {
                      LaunchKernel("SumFixed", SumFixed, 1, 32, 0, nullptr, x.data(), y.data());
                      return y.Get();
                    }),
            "");
  const auto as_they_come = [&] {
    y.Set(std::vector<float>(32, 0.0f));
    LaunchKernel("SumAsTheyCome", SumAsTheyCome, 1, 32, 0, nullptr, x.data(), y.data());
    return y.Get();
  };
  EXPECT_EQ(OrderOf("SumAsTheyCome", as_they_come),
            "order: SumAsTheyCome: element 0 depends on the order of blocks, warps and lanes");
  DeviceArray<unsigned> next(1, "next"), tickets(64, "tickets");
  EXPECT_NE(OrderOf("Ticket",
                    [&] {
                      next.Set({0});
                      LaunchKernel("Ticket", Ticket, 2, 32, 0, nullptr, next.data(),
                                   tickets.data());
                      return tickets.Get();
                    }),
            "");
  size_t runs = 0;
  EXPECT_NE(OrderOf("size", [&] { return std::vector<int>(runs++); }), "");
}

// ---- Traffic.

__global__ void Scale(const float* x, float* y, float factor, int width) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (width == 4) {
    float v[4];
    simt::LoadVector(x + 4 * i, v, 16, {__FILE__, __LINE__});
    for (float& one : v) one *= factor;
    simt::StoreVector(v, y + 4 * i, 16, {__FILE__, __LINE__});
  } else {
    y[i] = x[i] * factor;
  }
}
__global__ void ThroughShared(const float* x, float* y) {
  __shared__ float tile[32];
  tile[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = tile[31 - threadIdx.x] + tile[0];
}

TEST(Launches, CountTheirTraffic) {
  const DeviceArray<float> x(std::vector<float>(1024, 1.0f), "x");
  DeviceArray<float> y(1024, "y");
  for (const int width : {1, 4}) {
    LaunchKernel("Scale", Scale, 1024 / width / 32, 32, 0, nullptr, x.data(), y.data(), 2.0f,
                 width);
    const simt::Traffic all = simt::GlobalTraffic(), of_x = simt::TrafficOf(x.data()),
                        of_y = simt::TrafficOf(y.data());
    EXPECT_EQ(all.load_bytes, 4096u);
    EXPECT_EQ(all.store_bytes, 4096u);
    EXPECT_EQ(all.loads, 1024u / width);
    EXPECT_EQ(all.stores, 1024u / width);
    EXPECT_EQ(of_x.load_bytes, 4096u);
    EXPECT_EQ(of_x.store_bytes, 0u);
    EXPECT_EQ(of_y.load_bytes, 0u);
    EXPECT_EQ(of_y.stores, 1024u / width);
    EXPECT_EQ(simt::SharedTraffic().loads, 0u);
  }
  LaunchKernel("ThroughShared", ThroughShared, 1, 32, 0, nullptr, x.data(), y.data());
  EXPECT_EQ(simt::SharedTraffic().load_bytes, 256u);
  EXPECT_EQ(simt::SharedTraffic().stores, 32u);
  EXPECT_EQ(simt::GlobalTraffic().load_bytes, 128u) << "of the last launch alone";
  DeviceArray<unsigned> next(std::vector<unsigned>(1, 0u), "next"), tickets(32, "tickets");
  LaunchKernel("Ticket", Ticket, 1, 32, 0, nullptr, next.data(), tickets.data());
  EXPECT_EQ(simt::TrafficOf(next.data()).loads, 32u);
  EXPECT_EQ(simt::TrafficOf(next.data()).stores, 32u);
}

// ---- Matrices, by the PTX ISA's figures of fragments.

uint32_t Bf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits >> 16;
}
// C = A (16 x 16) · B (16 x 8); `tile` is A by rows, then B by rows.
__global__ void Product(const uint16_t* ab, float* c) {
  __shared__ uint16_t tile[16 * 16 + 16 * 8];
  for (unsigned i = threadIdx.x; i < 384; i += 32) tile[i] = ab[i];
  __syncthreads();
  const unsigned lane = threadIdx.x, row = lane % 16, half = lane / 16;
  uint32_t a[4], b[4];
  simt::LdMatrixX4(&tile[row * 16 + half * 8], false, a, {__FILE__, __LINE__});
  // Two matrices are enough for B; the others are read again.
  simt::LdMatrixX4(&tile[256 + row * 8], true, b, {__FILE__, __LINE__});
  float sums[4] = {1, 1, 1, 1};
  simt::MmaBf16(a, b, sums, {__FILE__, __LINE__});
  for (unsigned i = 0; i < 4; ++i) {
    c[(lane / 4 + i / 2 * 8) * 8 + lane % 4 * 2 + i % 2] = sums[i];
  }
}
__global__ void OddRows(float* y) {
  float* const tile = static_cast<float*>(simt::DynamicShared());
  for (unsigned i = threadIdx.x; i < 256; i += 32) tile[i] = 1;
  __syncthreads();
  uint32_t to[4];
  simt::LdMatrixX4(tile + threadIdx.x * 6, false, to, {__FILE__, __LINE__});
  y[threadIdx.x] = static_cast<float>(to[0]);
}

TEST(Matrices, MultiplyAsFragmentsSay) {
  std::vector<uint16_t> ab(384);
  std::vector<float> values(384);
  for (int i = 0; i < 384; ++i) {
    values[i] = static_cast<float>((i * 37 + i / 16 * 11) % 23 - 11);
    ab[i] = static_cast<uint16_t>(Bf16(values[i]));
  }
  const DeviceArray<uint16_t> in(ab, "ab");
  DeviceArray<float> out(128, "c");
  EXPECT_EQ(FIND(Product, 1, 32, 0, in.data(), out.data()), "");
  EXPECT_EQ(simt::counters.mmas, 1u);
  const std::vector<float> c = out.Get();
  for (int row = 0; row < 16; ++row) {
    for (int col = 0; col < 8; ++col) {
      float sum = 1;
      for (int k = 0; k < 16; ++k) sum += values[row * 16 + k] * values[256 + k * 8 + col];
      EXPECT_EQ(c[row * 8 + col], sum) << row << ", " << col;
    }
  }
}
TEST(Matrices, HaveRowsOf16Bytes) {
  DeviceArray<float> y(32, "y");
  EXPECT_EQ(FIND(OddRows, 1, 32, 1024, y.data()),
            "misaligned: OddRows, block (0,0,0), thread (1,0,0), LINE: an access of 16 bytes, 8 "
            "bytes behind a multiple of that");
}

}  // namespace
