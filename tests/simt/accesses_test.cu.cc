// Bounds, life, unwritten memory, alignment: a kernel that is right, and the bug that is found.
#include <gtest/gtest.h>

#include "tests/simt/find.h"

namespace {

using simt::DeviceArray;

// What takes 16 bytes at once.
struct alignas(16) Four {
  float v[4];
};
Four LoadFour(const float* p, SIMT_HERE) {
  Four four;
  simt::LoadVector(p, &four, sizeof(four), SIMT_SITE);
  return four;
}

__global__ void Fill(float* x, int64_t by) { x[blockIdx.x * blockDim.x + threadIdx.x + by] = 1; }
__global__ void CopyByte(const unsigned char* x, unsigned char* y) {
  y[threadIdx.x] = x[threadIdx.x];
}
__global__ void LocalArray(float* y, int n) {
  float local[4] = {};
  for (int i = 0; i < n; ++i) local[i] = static_cast<float>(i);
  y[threadIdx.x] = local[n - 1];
}
template <int kCount>
__global__ void SharedArray(float* y, int by) {
  __shared__ float tile[kCount];
  float* const p = tile;  // without the array's type the compiler cannot know where it ends
  p[threadIdx.x + by] = 1;
  __syncthreads();
  y[threadIdx.x] = tile[threadIdx.x];
}
__global__ void DynamicArray(float* y, int by) {
  float* const tile = static_cast<float*>(simt::DynamicShared());
  tile[threadIdx.x + by] = 1;
  __syncthreads();
  y[threadIdx.x] = 1;
}
__global__ void Deref(const float* p, float* y) { y[threadIdx.x] = *p; }
__constant__ float kTable[4] = {1, 2, 3, 4};
__global__ void Constant(float* y) { y[threadIdx.x] = kTable[threadIdx.x]; }
// The address of a thread's own variable is of no use to another.
__global__ void Neighbour(float* y) {
  __shared__ float* addresses[2];
  float mine = static_cast<float>(threadIdx.x);
  addresses[threadIdx.x] = &mine;
  __syncthreads();
  y[threadIdx.x] = *addresses[1 - threadIdx.x];
}
__global__ void PartlyWritten(float* y, unsigned count) {
  __shared__ float tile[64];
  if (threadIdx.x < count) tile[threadIdx.x] = 1;
  __syncthreads();
  y[blockIdx.x * 64 + threadIdx.x] = tile[threadIdx.x];
}
// The first block leaves something in shared memory, and the second one takes it.
__global__ void FromTheBlockBefore(float* y, bool all) {
  float* const tile = static_cast<float*>(simt::DynamicShared());
  if (all || blockIdx.x == 0) tile[threadIdx.x] = 1;
  y[blockIdx.x * 32 + threadIdx.x] = tile[threadIdx.x];
}
__global__ void Vector(const float* x, float* y, int step) {
  y[threadIdx.x] = LoadFour(x + threadIdx.x * step).v[0];
}
__global__ void VectorByCast(const float* x, float* y, int step) {
  y[threadIdx.x] = reinterpret_cast<const Four*>(x + threadIdx.x * step)->v[3];
}
__global__ void StoreByte(unsigned char* x) { x[3] = 1; }

class Accesses : public testing::Test {
 protected:
  DeviceArray<float> x{std::vector<float>(128, 1.0f), "x"}, y{128, "y"};
};

TEST_F(Accesses, EndWhereTheAllocationEnds) {
  EXPECT_EQ(FIND(Fill, 2, 64, 0, x.data(), 0), "");
  EXPECT_EQ(
      FIND(Fill, 2, 64, 0, x.data(), 1),
      "out of bounds: Fill, block (1,0,0), thread (63,0,0), LINE: writes 4 bytes past the end "
      "of 'x' of 512 bytes, at byte 512");
  EXPECT_EQ(FIND(Fill, 2, 64, 0, x.data(), -1),
            "out of bounds: Fill, block (0,0,0), thread (0,0,0), LINE: touches device memory of no "
            "allocation");
  // A vector that begins inside and ends outside.
  DeviceArray<float> odd(std::vector<float>(6, 1.0f), "odd");
  EXPECT_EQ(FIND(Vector, 1, 1, 0, odd.data(), y.data(), 4), "");
  EXPECT_EQ(
      FIND(Vector, 1, 2, 0, odd.data(), y.data(), 4),
      "out of bounds: Vector, block (0,0,0), thread (1,0,0), LINE: reads 16 bytes past the end "
      "of 'odd' of 24 bytes, at byte 16");
}

TEST_F(Accesses, EndWhereALocalArrayEnds) {
  EXPECT_EQ(FIND(LocalArray, 1, 32, 0, y.data(), 4), "");
  EXPECT_EQ(FIND(LocalArray, 1, 32, 0, y.data(), 5),
            "out of bounds: LocalArray, block (0,0,0), thread (0,0,0), LINE: index 4 of an array "
            "that ends before");
}

TEST_F(Accesses, EndWhereSharedMemoryEnds) {
  EXPECT_EQ(FIND(SharedArray<40>, 1, 40, 0, y.data(), 0), "");
  EXPECT_EQ(FIND(SharedArray<40>, 1, 40, 0, y.data(), 1),
            "out of bounds: SharedArray<40>, block (0,0,0), thread (39,0,0), LINE: writes 4 bytes "
            "past the end of 'tile' of 160 bytes, at byte 160");
  EXPECT_EQ(FIND(DynamicArray, 1, 64, 256, y.data(), 0), "");
  EXPECT_EQ(
      FIND(DynamicArray, 1, 64, 252, y.data(), 0),
      "out of bounds: DynamicArray, block (0,0,0), thread (63,0,0), LINE: writes 4 bytes past "
      "the end of 'dynamic shared memory' of 252 bytes, at byte 252");
  EXPECT_EQ(FIND(DynamicArray, 1, 1, 0, y.data(), 0),
            "out of bounds: DynamicArray, block (0,0,0), thread (0,0,0), LINE: writes 4 bytes past "
            "the end of 'dynamic shared memory' of 0 bytes, at byte 0");
}

TEST_F(Accesses, EndWithTheLifeOfTheAllocation) {
  float* const short_lived = static_cast<float*>(simt::Allocate(512, "short-lived"));
  EXPECT_EQ(FIND(Fill, 1, 64, 0, short_lived, 0), "");
  simt::Free(short_lived);
  EXPECT_EQ(FIND(Fill, 1, 64, 0, short_lived, 0),
            "freed: Fill, block (0,0,0), thread (0,0,0), LINE: touches freed 'short-lived' of 512 "
            "bytes, at byte 0");
  EXPECT_NE(simt::Allocate(512), short_lived) << "or the next access would be a right one";
  EXPECT_THROW(simt::Free(short_lived), simt::Finding);
  EXPECT_THROW(simt::Free(x.data() + 1), simt::Finding);
}

TEST_F(Accesses, AreOfDeviceMemory) {
  std::vector<float> heap(128);
  static float variable = 1;
  float stack = 1;
  EXPECT_EQ(
      FIND(Fill, 1, 64, 0, heap.data(), 0),
      "host memory: Fill, block (0,0,0), thread (0,0,0), LINE: writes 4 bytes of host memory");
  EXPECT_EQ(
      FIND(Fill, 1, 1, 0, &variable, 0),
      "host memory: Fill, block (0,0,0), thread (0,0,0), LINE: writes 4 bytes of host memory");
  EXPECT_EQ(
      FIND(Deref, 1, 1, 0, &stack, y.data()),
      "host memory: Deref, block (0,0,0), thread (0,0,0), LINE: reads 4 bytes of host memory");
  EXPECT_EQ(FIND(Constant, 1, 4, 0, y.data()), "");
  EXPECT_EQ(FIND(Neighbour, 1, 2, 0, y.data()),
            "host memory: Neighbour, block (0,0,0), thread (0,0,0), LINE: reads 4 bytes of host "
            "memory");
}

TEST_F(Accesses, ReadGlobalMemoryThatSomebodyWrote) {
  EXPECT_EQ(FIND(Deref, 1, 1, 0, x.data(), y.data()), "");
  EXPECT_EQ(FIND(Deref, 1, 1, 0, y.data() + 5, x.data()),
            "uninitialized: Deref, block (0,0,0), thread (0,0,0), LINE: reads what nobody wrote in "
            "'y' of 512 bytes, at byte 20");
  EXPECT_THROW(y.Get(), simt::Finding) << "y[0] alone was written";
  // A byte more makes no word of it.
  DeviceArray<unsigned char> bytes(4, "bytes"), copy(4, "copy");
  EXPECT_EQ(FIND(StoreByte, 1, 1, 0, bytes.data()), "");
  EXPECT_EQ(FIND(CopyByte, 1, 4, 0, bytes.data(), copy.data()),
            "uninitialized: CopyByte, block (0,0,0), thread (0,0,0), LINE: reads what nobody wrote "
            "in 'bytes' of 4 bytes, at byte 0");
}

TEST_F(Accesses, ReadSharedMemoryThatTheBlockWrote) {
  EXPECT_EQ(FIND(PartlyWritten, 2, 64, 0, y.data(), 64u), "");
  EXPECT_EQ(FIND(PartlyWritten, 2, 64, 0, y.data(), 63u),
            "uninitialized: PartlyWritten, block (0,0,0), thread (63,0,0), LINE: reads what nobody "
            "wrote in this block in 'tile' of 256 bytes, at byte 252");
  EXPECT_EQ(FIND(FromTheBlockBefore, 2, 32, 128, y.data(), true), "");
  EXPECT_EQ(FIND(FromTheBlockBefore, 2, 32, 128, y.data(), false),
            "uninitialized: FromTheBlockBefore, block (1,0,0), thread (0,0,0), LINE: reads what "
            "nobody wrote in this block in 'dynamic shared memory' of 128 bytes, at byte 0");
}

TEST_F(Accesses, OfVectorsAreAligned) {
  EXPECT_EQ(FIND(Vector, 1, 2, 0, x.data(), y.data(), 4), "");
  EXPECT_EQ(
      FIND(Vector, 1, 2, 0, x.data(), y.data(), 2),
      "misaligned: Vector, block (0,0,0), thread (1,0,0), LINE: an access of 16 bytes, 8 bytes "
      "behind a multiple of that");
  EXPECT_EQ(FIND(VectorByCast, 1, 2, 0, x.data(), y.data(), 4), "");
  EXPECT_EQ(FIND(VectorByCast, 1, 2, 0, x.data(), y.data(), 3),
            "misaligned: VectorByCast, block (0,0,0), thread (1,0,0), LINE: an address 12 bytes "
            "behind a multiple of 16");
}

constexpr int kLine = __LINE__ + 1;
__global__ void OnThisLine(float* x) { x[threadIdx.x] = 1; }

TEST_F(Accesses, AreNamedByTheirLine) {
  try {
    simt::LaunchKernel("OnThisLine", OnThisLine, {1, 1, 1}, {129}, 0, nullptr, x.data());
    FAIL() << "an element too many";
  } catch (const simt::Finding& finding) {
    EXPECT_EQ(finding.kind, simt::Finding::kOutOfBounds);
    EXPECT_NE(
        std::string(finding.what()).find("accesses_test.cu.cc:" + std::to_string(kLine) + ":"),
        std::string::npos)
        << finding.what();
  }
}

TEST_F(Accesses, AfterAFindingAreRightAgain) {
  EXPECT_NE(FIND(Fill, 2, 64, 0, x.data(), 1), "");
  EXPECT_EQ(FIND(Fill, 2, 64, 0, x.data(), 0), "");
}

TEST(AccessesDeathTest, OfHostCodeAreNone) {
  DeviceArray<float> x(std::vector<float>(4, 1.0f), "x");
  EXPECT_DEATH(x.data()[0] = 2, "host code touched device memory");
  const simt::DeviceAccess access;
  x.data()[0] = 2;
}

__attribute__((noinline)) float Deep(int n) {
  volatile float local[256];
  local[n % 256] = static_cast<float>(n);
  return n == 0 ? local[0] : Deep(n - 1) + local[n % 256];
}
__global__ void Recursive(float* y, int depth) { y[0] = Deep(depth); }

TEST(AccessesDeathTest, OfTheStackEndWithIt) {
  DeviceArray<float> y(1, "y");
  EXPECT_EQ(FIND(Recursive, 1, 1, 0, y.data(), 10), "");
  EXPECT_DEATH(FIND(Recursive, 1, 1, 0, y.data(), 1000), "needs more stack");
}

}  // namespace
