// Races within a warp, a block, a grid, between streams: a kernel that is right, and the bug.
#include <gtest/gtest.h>

#include "tests/simt/find.h"

namespace {

using simt::DeviceArray;

constexpr unsigned kAll = 0xffffffffu;

// ---- Of a warp.

enum Between { kNothing, kSyncWarp, kShuffle };
__global__ void Exchange(float* x, Between between) {
  __shared__ float tile[32];
  tile[threadIdx.x] = 1;
  if (between == kSyncWarp) __syncwarp();
  if (between == kShuffle) __shfl_xor_sync(kAll, 1, 1);  // orders no memory
  x[threadIdx.x] = tile[threadIdx.x ^ 1];
}
// All read a word that lane 0 makes anew.
__global__ void Broadcast(float* x, bool second) {
  __shared__ float word[1];
  if (threadIdx.x == 0) word[0] = 1;
  __syncwarp();
  for (int i = 0; i < 3; ++i) {
    x[threadIdx.x] = word[0];
    __syncwarp();
    if (threadIdx.x == 0) word[0] = word[0] + 1;
    if (second) __syncwarp();
  }
}
// Two halves of a warp, each for itself; `wrong`: the lower half reads the upper half's.
__global__ void Halves(float* x, bool wrong) {
  __shared__ float tile[32];
  const unsigned half = threadIdx.x / 16;
  const unsigned mask = half == 0 ? 0xffffu : 0xffff0000u;
  tile[threadIdx.x] = 1;
  __syncwarp(mask);
  float sum = 0;
  for (unsigned i = 0; i < 16; ++i) sum += tile[(wrong ? 0 : half * 16) + i];
  __syncwarp(mask);
  tile[threadIdx.x] = sum;
  x[threadIdx.x] = sum;
}
// What lane 0 wrote comes to lane 2 through lane 1.
__global__ void Chain(float* x, bool second) {
  __shared__ float word[1];
  if (threadIdx.x == 0) word[0] = 1;
  if (threadIdx.x < 2) __syncwarp(0x3);
  if (second && (threadIdx.x == 1 || threadIdx.x == 2)) __syncwarp(0x6);
  if (threadIdx.x == 2) x[0] = word[0];
}

// ---- Of a block.

__global__ void Reverse(float* x, bool barrier) {
  __shared__ float tile[64];
  tile[threadIdx.x] = x[threadIdx.x];
  if (barrier) __syncthreads();
  x[threadIdx.x] = tile[63 - threadIdx.x];
}
// Buffers in turn need a barrier after the read, too.
__global__ void Reuse(float* x, bool barrier) {
  __shared__ float tile[64];
  for (int i = 0; i < 3; ++i) {
    tile[threadIdx.x] = static_cast<float>(i);
    __syncthreads();
    x[threadIdx.x] = tile[63 - threadIdx.x];
    if (barrier) __syncthreads();
  }
}
__global__ void InGlobalMemory(float* x, bool barrier) {
  x[threadIdx.x] = 1;
  if (barrier) __syncthreads();
  if (threadIdx.x < 32) x[threadIdx.x] = x[threadIdx.x + 32];
}

// ---- Of a grid.

__global__ void OneWord(float* x, bool own) { x[own ? blockIdx.x : 0] = 1; }
__global__ void NeighbourBlock(float* x, unsigned by) {
  x[blockIdx.x] = x[(blockIdx.x + by) % gridDim.x] + 1;
}
__global__ void Read(const float* x, float* y) { y[blockIdx.x * blockDim.x + threadIdx.x] = x[0]; }

enum How { kAtomically, kPlainRead, kPlainWrite, kBarrier };
__global__ void CountUp(unsigned* count, unsigned* y, How how) {
  atomicAdd(count, 1u);
  if (how == kPlainRead) y[blockIdx.x * blockDim.x + threadIdx.x] = *count;
  if (how == kPlainWrite && threadIdx.x == 1) *count = 0;
  if (how == kBarrier) {  // enough for one block
    __syncthreads();
    if (threadIdx.x == 0) y[blockIdx.x] = *count;
  }
}
__global__ void ReadThenCount(unsigned* count, unsigned* y, bool barrier) {
  y[threadIdx.x] = *count;
  if (barrier) __syncthreads();
  atomicAdd(count, 1u);
}
__global__ void CountAgain(unsigned* count, unsigned* y, bool barrier) {
  atomicAdd(count, 1u);
  __syncthreads();
  if (threadIdx.x == 0) y[0] = *count;
  if (barrier) __syncthreads();
  atomicAdd(count, 1u);
}
// The last block adds up what all have left: needs an order of blocks, and there is none here.
__global__ void LastBlock(float* parts, unsigned* count, float* sum) {
  parts[blockIdx.x] = 1;
  if (atomicAdd(count, 1u) + 1 < gridDim.x) return;
  float all = 0;
  for (unsigned i = 0; i < gridDim.x; ++i) all += parts[i];
  *sum = all;
}
// A fault word: the smallest code that any thread brings.
__global__ void Fault(unsigned* word, const float* x, int how) {
  const unsigned code = blockIdx.x * blockDim.x + threadIdx.x + 1;
  if (how == 0) atomicMin(word, code);
  if (how == 1) atomicCAS(word, 0u, code);
  if (how == 2 && x[threadIdx.x] > 0) *word = code;
}
__global__ void AllAtomics(int* x) {
  atomicAdd(&x[0], 2);
  atomicMin(&x[1], -static_cast<int>(threadIdx.x));
  atomicMax(&x[2], static_cast<int>(threadIdx.x));
  atomicAnd(&x[3], ~(1 << threadIdx.x));
  atomicOr(&x[4], 1 << threadIdx.x);
  atomicCAS(&x[5], 0, 7);
  if (threadIdx.x == 9) atomicExch(&x[6], 5);
}

class Races : public testing::Test {
 protected:
  DeviceArray<float> x{std::vector<float>(128, 1.0f), "x"}, y{128, "y"}, z{32, "z"};
  DeviceArray<unsigned> count{std::vector<unsigned>(1, 0u), "count"}, counts{128, "counts"};
};

TEST_F(Races, OfAWarpNeedSyncwarp) {
  EXPECT_EQ(FIND(Exchange, 1, 32, 0, x.data(), kSyncWarp), "");
  // Which of the two is found depends on the order; forward, lane 0 comes first.
  EXPECT_EQ(FIND(Exchange, 1, 32, 0, x.data(), kNothing),
            "uninitialized: Exchange, block (0,0,0), thread (0,0,0), LINE: reads what nobody wrote "
            "in this block in 'tile' of 128 bytes, at byte 4");
  EXPECT_EQ(FIND(Exchange, 1, 32, 0, x.data(), kShuffle),
            "race: Exchange, block (0,0,0), thread (0,0,0), LINE: reads what was written by block "
            "(0,0,0), thread (1,0,0) in 'tile' of 128 bytes, at byte 4 with no __syncwarp between");
}
TEST_F(Races, OfAWarpAreNoneWhereAllReadAndOneWrites) {
  EXPECT_EQ(FIND(Broadcast, 1, 32, 0, x.data(), true), "");
  EXPECT_EQ(FIND(Broadcast, 1, 32, 0, x.data(), false),
            "race: Broadcast, block (0,0,0), thread (1,0,0), LINE: reads what was written by block "
            "(0,0,0), thread (0,0,0) in 'word' of 4 bytes, at byte 0 with no __syncwarp between");
}
TEST_F(Races, OfPartsOfAWarpNeedTheirOwnMask) {
  EXPECT_EQ(FIND(Halves, 1, 32, 0, x.data(), false), "");
  EXPECT_EQ(FIND(Halves, 1, 32, 0, x.data(), true),
            "race: Halves, block (0,0,0), thread (16,0,0), LINE: reads what was written by block "
            "(0,0,0), thread (0,0,0) in 'tile' of 128 bytes, at byte 0 with no __syncwarp between");
  EXPECT_EQ(FIND(Chain, 1, 32, 0, x.data(), true), "");
  EXPECT_EQ(FIND(Chain, 1, 32, 0, x.data(), false),
            "race: Chain, block (0,0,0), thread (2,0,0), LINE: reads what was written by block "
            "(0,0,0), thread (0,0,0) in 'word' of 4 bytes, at byte 0 with no __syncwarp between");
}

TEST_F(Races, OfABlockNeedSyncthreads) {
  EXPECT_EQ(FIND(Reverse, 1, 64, 0, x.data(), true), "");
  EXPECT_NE(FIND(Reverse, 1, 64, 0, x.data(), false), "");
  EXPECT_EQ(FIND(Reuse, 1, 64, 0, x.data(), true), "");
  EXPECT_EQ(FIND(Reuse, 1, 64, 0, x.data(), false),
            "race: Reuse, block (0,0,0), thread (32,0,0), LINE: reads what was written by block "
            "(0,0,0), thread (31,0,0) in 'tile' of 256 bytes, at byte 124 with no __syncthreads "
            "between");
  EXPECT_EQ(FIND(InGlobalMemory, 1, 64, 0, x.data(), true), "");
  EXPECT_EQ(FIND(InGlobalMemory, 1, 64, 0, x.data(), false),
            "race: InGlobalMemory, block (0,0,0), thread (32,0,0), LINE: writes what was read by "
            "block (0,0,0), thread (0,0,0) in 'x' of 512 bytes, at byte 128 with no __syncthreads "
            "between");
}

TEST_F(Races, OfBlocksHaveNoBarrier) {
  EXPECT_EQ(FIND(OneWord, 2, 1, 0, x.data(), true), "");
  EXPECT_EQ(FIND(OneWord, 2, 1, 0, x.data(), false),
            "race: OneWord, block (1,0,0), thread (0,0,0), LINE: writes what was written by block "
            "(0,0,0), thread (0,0,0) in 'x' of 512 bytes, at byte 0, and blocks have no order");
  EXPECT_EQ(FIND(OneWord, 1, 2, 0, x.data(), true),
            "race: OneWord, block (0,0,0), thread (1,0,0), LINE: writes what was written by block "
            "(0,0,0), thread (0,0,0) in 'x' of 512 bytes, at byte 0 with no __syncwarp between");
  EXPECT_EQ(
      FIND(NeighbourBlock, simt::Dim(2, 2), 1, 0, x.data(), 0u),
      "race: NeighbourBlock, block (0,1,0), thread (0,0,0), LINE: reads what was written by "
      "block (0,0,0), thread (0,0,0) in 'x' of 512 bytes, at byte 0, and blocks have no order");
  EXPECT_EQ(FIND(NeighbourBlock, 4, 1, 0, x.data(), 0u), "");
  EXPECT_EQ(
      FIND(NeighbourBlock, 4, 1, 0, x.data(), 1u),
      "race: NeighbourBlock, block (1,0,0), thread (0,0,0), LINE: writes what was read by "
      "block (0,0,0), thread (0,0,0) in 'x' of 512 bytes, at byte 4, and blocks have no order");
  EXPECT_EQ(FIND(Read, 4, 32, 0, x.data(), y.data()), "") << "all may read one word";
}

TEST_F(Races, OfAtomicsAreWithPlainAccesses) {
  EXPECT_EQ(FIND(CountUp, 4, 32, 0, count.data(), counts.data(), kAtomically), "");
  EXPECT_EQ(count.Get()[0], 4u * 4 * 32) << "four orders, four blocks of 32";
  EXPECT_EQ(FIND(CountUp, 1, 64, 0, count.data(), counts.data(), kBarrier), "");
  EXPECT_EQ(
      FIND(CountUp, 2, 64, 0, count.data(), counts.data(), kBarrier),
      "race: CountUp, block (1,0,0), thread (0,0,0), LINE: updates by an atomic what was read "
      "by block (0,0,0), thread (0,0,0) in 'count' of 4 bytes, at byte 0, and blocks have no "
      "order");
  EXPECT_EQ(
      FIND(CountUp, 1, 32, 0, count.data(), counts.data(), kPlainRead),
      "race: CountUp, block (0,0,0), thread (1,0,0), LINE: updates by an atomic what was read "
      "by block (0,0,0), thread (0,0,0) in 'count' of 4 bytes, at byte 0 with no __syncwarp "
      "between");
  EXPECT_EQ(
      FIND(CountUp, 1, 32, 0, count.data(), counts.data(), kPlainWrite),
      "race: CountUp, block (0,0,0), thread (1,0,0), LINE: writes what was updated by an "
      "atomic by block (0,0,0), threads among 0 to 1 in 'count' of 4 bytes, at byte 0 with no "
      "__syncwarp between");
  EXPECT_EQ(FIND(ReadThenCount, 1, 64, 0, count.data(), counts.data(), true), "");
  EXPECT_NE(FIND(ReadThenCount, 1, 64, 0, count.data(), counts.data(), false), "");
  EXPECT_EQ(FIND(CountAgain, 1, 64, 0, count.data(), counts.data(), true), "");
  EXPECT_EQ(FIND(CountAgain, 1, 64, 0, count.data(), counts.data(), false),
            "race: CountAgain, block (0,0,0), thread (1,0,0), LINE: updates by an atomic what was "
            "read by block (0,0,0), thread (0,0,0) in 'count' of 4 bytes, at byte 0 with no "
            "__syncwarp between");
  DeviceArray<unsigned> unwritten(1, "unwritten");
  EXPECT_EQ(FIND(CountUp, 1, 1, 0, unwritten.data(), counts.data(), kAtomically),
            "uninitialized: CountUp, block (0,0,0), thread (0,0,0), LINE: reads what nobody wrote "
            "in 'unwritten' of 4 bytes, at byte 0");
}
TEST_F(Races, OfFaultWords) {
  EXPECT_EQ(FIND(Fault, 4, 32, 0, count.data(), x.data(), 0), "");
  EXPECT_EQ(FIND(Fault, 4, 32, 0, count.data(), x.data(), 1), "");
  EXPECT_NE(FIND(Fault, 4, 32, 0, count.data(), x.data(), 2), "");
}
TEST_F(Races, AreNotInTheValueOfAtomics) {
  DeviceArray<int> values({0, 0, 0, -1, 0, 0, 0}, "values");
  simt::LaunchKernel("AllAtomics", AllAtomics, {2}, {32}, 0, nullptr, values.data());
  EXPECT_EQ(values.Get(), std::vector<int>({128, -31, 31, 0, -1, 7, 5}));
}
// Allowed on a GPU with __threadfence(); our rule is two launches, because blocks have no order.
TEST_F(Races, OfTheLastBlockAreFound) {
  EXPECT_EQ(FIND(LastBlock, 3, 1, 0, x.data(), count.data(), y.data()),
            "race: LastBlock, block (2,0,0), thread (0,0,0), LINE: reads what was written by block "
            "(0,0,0), thread (0,0,0) in 'x' of 512 bytes, at byte 0, and blocks have no order");
}

// ---- Of streams.

__global__ void Write(float* x) { x[threadIdx.x] = 1; }

// A launch as operation `time` of a chain that has waited for `clock`.
template <typename Kernel, typename... Args>
std::string Launch(const char* name, int chain, simt::Clock clock, Kernel kernel, Args... args) {
  try {
    simt::BeginOperation(name, chain, clock);
    simt::Run(
        name,
        [=]() SIMT_NO_CHECKS {
          simt::in_kernel = true;
          kernel(args...);
          simt::in_kernel = false;
        },
        1, 32, 0);
  } catch (const simt::Finding& finding) {
    return std::regex_replace(std::string(finding.what()),
                              std::regex("LINE|[a-z_]+[.]cu[.]cc:[0-9]+"), "LINE");
  }
  return "";
}
constexpr char kReadBeforeWrite[] =
    "stream race: read, block (0,0,0), thread (0,0,0), LINE: reads what was written by write, "
    "which "
    "nothing orders before it, in 'x' of 512 bytes, at byte 0";

TEST_F(Races, OfStreamsNeedEvents) {
  EXPECT_EQ(Launch("write", 1, {0, 1}, Write, x.data()), "");
  EXPECT_EQ(Launch("read", 1, {0, 2}, Read, x.data(), y.data()), "") << "one stream";
  EXPECT_EQ(Launch("aside", 2, {0, 1, 1}, Read, x.data(), z.data()), "") << "an event";
  EXPECT_EQ(Launch("write", 1, {0, 3}, Write, x.data()),
            "stream race: write, block (0,0,0), thread (0,0,0), LINE: writes what was read by read "
            "and aside, which nothing orders before it, in 'x' of 512 bytes, at byte 0");
  EXPECT_EQ(Launch("write", 1, {0, 4, 1}, Write, x.data()), "");
  EXPECT_EQ(Launch("read", 2, {0, 2, 2}, Read, x.data(), z.data()), kReadBeforeWrite)
      << "the event is of an older launch";
}
TEST_F(Races, OfStreamsThatBothReadAreWithWhoWrites) {
  EXPECT_EQ(Launch("write", 1, {0, 1}, Write, x.data()), "");
  EXPECT_EQ(Launch("first", 2, {0, 1, 1}, Read, x.data(), y.data()), "");
  EXPECT_EQ(Launch("second", 3, {0, 1, 0, 1}, Read, x.data(), z.data()), "");
  // Has waited for the second reader only.
  EXPECT_EQ(
      Launch("again", 1, {0, 2, 0, 1}, Write, x.data()),
      "stream race: again, block (0,0,0), thread (0,0,0), LINE: writes what was read by first "
      "and second, which nothing orders before it, in 'x' of 512 bytes, at byte 0");
  EXPECT_EQ(Launch("again", 1, {0, 3, 1, 1}, Write, x.data()), "");
}
TEST_F(Races, OfCopiesAreWithLaunches) {
  EXPECT_EQ(Launch("write", 1, {0, 1}, Write, x.data()), "");
  simt::BeginOperation("copy", 2, {0, 0, 1});
  try {
    simt::Touch(x.data(), 128, false);
    FAIL() << "nothing orders the copy behind the launch";
  } catch (const simt::Finding& finding) {
    EXPECT_STREQ(finding.what(),
                 "stream race: copy: reads what was written by write, which nothing orders before "
                 "it, in 'x' of 512 bytes, at byte 0");
  }
  simt::BeginOperation("copy", 2, {0, 1, 2});
  simt::Touch(x.data(), 128, false);
}
// Stamps have room for some thousand operations.
TEST_F(Races, OfManyLaunchesAreStillFound) {
  z.Set(std::vector<float>(32, 1.0f));
  for (uint32_t i = 1; i < 20000; ++i) {
    simt::BeginOperation("nothing", 1, {0, i});
  }
  EXPECT_EQ(Launch("write", 1, {0, 20000}, Write, x.data()), "");
  EXPECT_EQ(Launch("read", 2, {0, 0, 1}, Read, x.data(), y.data()), kReadBeforeWrite);
  EXPECT_EQ(z.Get()[0], 1) << "what was written stays so";
  EXPECT_THROW(y.Get(), simt::Finding) << "and what was not";
}

}  // namespace
