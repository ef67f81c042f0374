// Barriers, warp functions, asynchronous copies: a kernel that is right, and the bug that is found.
#include <gtest/gtest.h>

#include <type_traits>

#include "tests/simt/find.h"

namespace {

using simt::DeviceArray;

constexpr unsigned kAll = 0xffffffffu;

// ---- Barriers.

enum Where { kTogether, kSomeOnly, kTwoPlaces, kAfterReturn };
__global__ void Barrier(float* x, Where where) {
  if (where == kTogether) __syncthreads();
  if (where == kAfterReturn) {
    if (threadIdx.x >= 40) return;
    __syncthreads();
  }
  if (where == kSomeOnly && threadIdx.x < 40) __syncthreads();
  if (where == kTwoPlaces) {
    if (threadIdx.x < 40) {
      __syncthreads();
    } else {
      __syncthreads();
    }
  }
  x[threadIdx.x] = 1;
}
__global__ void Votes(int* x) {
  const int thread = static_cast<int>(threadIdx.x);
  const int count = __syncthreads_count(thread < 5);
  const int any = __syncthreads_or(thread == 70), none = __syncthreads_or(0);
  const int all = __syncthreads_and(1), most = __syncthreads_and(thread != 70);
  x[thread] = count * 10000 + any * 1000 + none * 100 + all * 10 + most;
}
// The votes' barriers order memory like the plain one.
__global__ void VoteOrders(float* x, bool vote) {
  __shared__ float tile[64];
  tile[threadIdx.x] = 1;
  if (vote) __syncthreads_or(0);
  x[threadIdx.x] = tile[63 - threadIdx.x];
}

// ---- Warps.

__global__ void Sum(float* x, int kind) {
  const unsigned lane = threadIdx.x % 32;
  float v = static_cast<float>(lane);
  if (kind == 0) {
    for (int i = 16; i > 0; i /= 2) v += __shfl_xor_sync(kAll, v, i);
  } else if (kind == 1) {  // each half for itself
    const unsigned mask = lane < 16 ? 0xffffu : 0xffff0000u;
    for (int i = 8; i > 0; i /= 2) v += __shfl_xor_sync(mask, v, i);
  } else if (kind == 2) {  // of a warp's half the whole mask
    if (lane < 16) v += __shfl_xor_sync(kAll, v, 1);
  } else if (kind == 3) {  // two calls for one
    if (lane < 16) {
      v += __shfl_xor_sync(kAll, v, 1);
    } else {
      v += __shfl_xor_sync(kAll, v, 1);
    }
  } else if (kind == 4) {  // a step too many for the mask
    const unsigned mask = lane < 16 ? 0xffffu : 0xffff0000u;
    for (int i = 16; i > 0; i /= 2) v += __shfl_xor_sync(mask, v, i);
  } else if (kind == 5) {  // not in its own mask
    v += __shfl_xor_sync(0xffffu, v, 1);
  } else if (kind == 6) {  // after some have left
    if (lane == 31) return;
    v += __shfl_xor_sync(kAll, v, 1);
  }
  x[threadIdx.x] = v;
}
__global__ void PartlySync(float* x, bool own) {
  if (threadIdx.x < 8) __syncwarp(own ? 0xffu : 0xfff00u);
  x[threadIdx.x] = 1;
}
__global__ void Shuffles(int* x) {
  const int lane = static_cast<int>(threadIdx.x);
  x[lane] = __shfl_sync(kAll, lane, 3);
  x[32 + lane] = __shfl_sync(kAll, lane, 3, 8);
  x[64 + lane] = __shfl_up_sync(kAll, lane, 2);
  x[96 + lane] = __shfl_down_sync(kAll, lane, 3, 8);
  x[128 + lane] = __shfl_xor_sync(kAll, lane, 8, 8);
  x[160 + lane] = static_cast<int>(__shfl_sync(kAll, lane + 1e10, 5) - 1e10);  // 8 bytes
}
__global__ void WarpVotes(unsigned* x) {
  const unsigned lane = threadIdx.x;
  x[0 + lane] = __ballot_sync(kAll, lane % 2);
  x[32 + lane] = static_cast<unsigned>(__any_sync(kAll, lane == 3) * 2 + __all_sync(kAll, 1));
  x[64 + lane] = static_cast<unsigned>(__any_sync(kAll, 0) * 2 + __all_sync(kAll, lane != 3));
  x[96 + lane] = __reduce_add_sync(kAll, lane + 0xfffffff0u) + __reduce_max_sync(kAll, lane);
  x[128 + lane] = static_cast<unsigned>(__reduce_min_sync(kAll, -static_cast<int>(lane)));
  x[160 + lane] = __reduce_or_sync(kAll, 1u << lane) ^ __reduce_and_sync(kAll, lane | 64u) ^
                  __reduce_xor_sync(kAll, lane == 4 ? 8u : 0u);
}

// What CUDA has no shuffle for, the emulator has none for.
struct alignas(16) Four {
  float v[4];
};
template <typename T, typename = void>
struct HasShuffle : std::false_type {};
template <typename T>
struct HasShuffle<T, std::void_t<decltype(__shfl_xor_sync(0u, std::declval<T>(), 1))>>
    : std::true_type {};
static_assert(HasShuffle<float>::value && HasShuffle<double>::value &&
              HasShuffle<unsigned long long>::value);
static_assert(!HasShuffle<Four>::value && !HasShuffle<short>::value);

// ---- Asynchronous copies.

enum Copy { kRight, kNoWait, kNoCommit, kTooFewWaited, kNoBarrier, kNeverWaited, kStillRead };
__global__ void Pipeline(const float* x, float* y, Copy bug) {
  float* const tile = static_cast<float*>(simt::DynamicShared());  // two of 128 floats
  const unsigned thread = threadIdx.x;
  constexpr int kTiles = 3;
  const auto fetch = [&](int i) SIMT_NO_CHECKS {
    simt::CpAsync16(tile + i % 2 * 128 + thread * 4, x + i * 128 + thread * 4, false,
                    {__FILE__, __LINE__});
    if (bug != kNoCommit) simt::CpAsyncCommit();
  };
  fetch(0);
  for (int i = 0; i < kTiles; ++i) {
    if (i + 1 < kTiles) fetch(i + 1);
    if (bug == kNeverWaited) return;
    if (bug != kNoWait) simt::CpAsyncWait(i + 1 < kTiles || bug == kTooFewWaited ? 1 : 0);
    if (bug != kNoBarrier) __syncthreads();
    y[i * 32 + thread] = tile[i % 2 * 128 + 127 - thread];
    if (bug != kStillRead) __syncthreads();
  }
}
__global__ void ZeroFill(float* y) {
  float* const tile = static_cast<float*>(simt::DynamicShared());
  simt::CpAsync16(tile + threadIdx.x * 4, nullptr, true, {__FILE__, __LINE__});
  simt::CpAsyncCommit();
  simt::CpAsyncWait(0);
  y[threadIdx.x] = tile[threadIdx.x * 4 + 3];
}
__global__ void CopyToOdd(const float* x, int by) {
  float* const tile = static_cast<float*>(simt::DynamicShared());
  simt::CpAsync16(tile + by, x, false, {__FILE__, __LINE__});
  simt::CpAsyncCommit();
  simt::CpAsyncWait(0);
}

class Barriers : public testing::Test {
 protected:
  DeviceArray<float> x{std::vector<float>(384, 1.0f), "x"}, y{128, "y"};
};

TEST_F(Barriers, OfABlockAreForAll) {
  EXPECT_EQ(FIND(Barrier, 1, 64, 0, x.data(), kTogether), "");
  EXPECT_EQ(FIND(Barrier, 1, 40, 0, x.data(), kSomeOnly), "");
  const char* const left =
      "divergence: Barrier, block (0,0,0), thread (0,0,0), LINE: thread (0,0,0) waits in "
      "__syncthreads (LINE), and thread (40,0,0) has left the kernel";
  EXPECT_EQ(FIND(Barrier, 1, 64, 0, x.data(), kSomeOnly), left);
  EXPECT_EQ(FIND(Barrier, 1, 64, 0, x.data(), kAfterReturn), left);
  EXPECT_EQ(FIND(Barrier, 1, 64, 0, x.data(), kTwoPlaces),
            "divergence: Barrier, block (0,0,0), thread (0,0,0), LINE: thread (0,0,0) waits in "
            "__syncthreads (LINE), and thread (40,0,0) waits in __syncthreads (LINE)");
}
TEST_F(Barriers, OfABlockCountVotes) {
  DeviceArray<int> votes(96, "votes");
  EXPECT_EQ(FIND(Votes, 1, 96, 0, votes.data()), "");
  EXPECT_EQ(votes.Get(), std::vector<int>(96, 51010));
  EXPECT_EQ(FIND(VoteOrders, 1, 64, 0, x.data(), true), "");
  EXPECT_NE(FIND(VoteOrders, 1, 64, 0, x.data(), false), "");
}

TEST_F(Barriers, OfAWarpAreForItsMask) {
  EXPECT_EQ(FIND(Sum, 1, 32, 0, x.data(), 0), "");
  EXPECT_EQ(x.Get()[7], 496);
  EXPECT_EQ(FIND(Sum, 2, 32, 0, x.data(), 1),
            "race: Sum, block (1,0,0), thread (0,0,0), LINE: writes what was written by block "
            "(0,0,0), thread (0,0,0) in 'x' of 1536 bytes, at byte 0, and blocks have no order");
  EXPECT_EQ(FIND(Sum, 1, 64, 0, x.data(), 1), "");
  EXPECT_EQ(x.Get()[3], 120);
  EXPECT_EQ(x.Get()[20], 376);
  EXPECT_EQ(FIND(Sum, 1, 32, 0, x.data(), 2),
            "divergence: Sum, block (0,0,0), thread (0,0,0), LINE: thread (0,0,0) waits in "
            "__shfl_xor_sync (LINE, mask ffffffff), and thread (16,0,0) has left the kernel");
  EXPECT_EQ(FIND(Sum, 1, 32, 0, x.data(), 3),
            "divergence: Sum, block (0,0,0), thread (0,0,0), LINE: thread (0,0,0) waits in "
            "__shfl_xor_sync (LINE, mask ffffffff), and thread (16,0,0) waits in __shfl_xor_sync "
            "(LINE, mask ffffffff)");
  EXPECT_EQ(FIND(Sum, 1, 32, 0, x.data(), 4),
            "shuffle: Sum, block (0,0,0), thread (0,0,0), LINE: __shfl_xor_sync reads lane 16, "
            "which mask 0000ffff leaves out");
  EXPECT_EQ(
      FIND(Sum, 1, 32, 0, x.data(), 5),
      "shuffle: Sum, block (0,0,0), thread (16,0,0), LINE: __shfl_xor_sync by a lane that its "
      "mask leaves out");
  EXPECT_EQ(FIND(Sum, 1, 32, 0, x.data(), 6),
            "divergence: Sum, block (0,0,0), thread (0,0,0), LINE: thread (0,0,0) waits in "
            "__shfl_xor_sync (LINE, mask ffffffff), and thread (31,0,0) has left the kernel");
  EXPECT_EQ(FIND(Sum, 1, 31, 0, x.data(), 0),
            "divergence: Sum, block (0,0,0), thread (0,0,0), LINE: thread (0,0,0) waits in "
            "__shfl_xor_sync (LINE, mask ffffffff) for lanes that the block has not");
  EXPECT_EQ(FIND(PartlySync, 1, 32, 0, x.data(), true), "");
  EXPECT_EQ(FIND(PartlySync, 1, 32, 0, x.data(), false),
            "shuffle: PartlySync, block (0,0,0), thread (0,0,0), LINE: __syncwarp by a lane that "
            "its mask leaves out");
}

TEST(WarpFunctions, GiveWhatCudaGives) {
  DeviceArray<int> out(192, "out");
  EXPECT_EQ(FIND(Shuffles, 1, 32, 0, out.data()), "");
  const std::vector<int> x = out.Get();
  for (int lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(x[lane], 3);
    EXPECT_EQ(x[32 + lane], lane / 8 * 8 + 3);
    EXPECT_EQ(x[64 + lane], lane < 2 ? lane : lane - 2);
    EXPECT_EQ(x[96 + lane], lane % 8 < 5 ? lane + 3 : lane);
    EXPECT_EQ(x[128 + lane], lane / 8 % 2 == 1 ? lane - 8 : lane) << "earlier groups, not later";
    EXPECT_EQ(x[160 + lane], 5);
  }
  DeviceArray<unsigned> votes(192, "votes");
  EXPECT_EQ(FIND(WarpVotes, 1, 32, 0, votes.data()), "");
  const std::vector<unsigned> v = votes.Get();
  for (int lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(v[lane], 0xaaaaaaaau);
    EXPECT_EQ(v[32 + lane], 3u);
    EXPECT_EQ(v[64 + lane], 0u);
    EXPECT_EQ(v[96 + lane], 496u - 512u + 31u);
    EXPECT_EQ(static_cast<int>(v[128 + lane]), -31);
    EXPECT_EQ(v[160 + lane], ~0u ^ 64u ^ 8u);
  }
}

TEST_F(Barriers, OfAsynchronousCopiesAreTheWaitAndSyncthreads) {
  EXPECT_EQ(FIND(Pipeline, 1, 32, 1024, x.data(), y.data(), kRight), "");
  const std::string brings =
      " brings, which has not waited for it, in 'dynamic shared memory' of 1024 bytes, at byte ";
  const std::string first = "async copy: Pipeline, block (0,0,0), thread (0,0,0), LINE: ";
  EXPECT_EQ(FIND(Pipeline, 1, 32, 1024, x.data(), y.data(), kNoWait),
            first + "reads what a cp.async of thread (31,0,0)" + brings + "508");
  EXPECT_EQ(FIND(Pipeline, 1, 32, 1024, x.data(), y.data(), kNoCommit),
            first + "reads what a cp.async of thread (31,0,0)" + brings + "508");
  EXPECT_EQ(FIND(Pipeline, 1, 32, 1024, x.data(), y.data(), kTooFewWaited),
            first + "reads what a cp.async of thread (31,0,0)" + brings + "508");
  EXPECT_EQ(FIND(Pipeline, 1, 32, 1024, x.data(), y.data(), kNeverWaited),
            first + "the thread leaves the kernel before this cp.async is waited for");
  EXPECT_EQ(FIND(Pipeline, 1, 32, 1024, x.data(), y.data(), kNoBarrier),
            "uninitialized: Pipeline, block (0,0,0), thread (0,0,0), LINE: reads what nobody wrote "
            "in this block in 'dynamic shared memory' of 1024 bytes, at byte 508");
  // The next copy into a buffer that others still read.
  EXPECT_EQ(
      FIND(Pipeline, 1, 32, 1024, x.data(), y.data(), kStillRead),
      "race: Pipeline, block (0,0,0), thread (25,0,0), LINE: writes what was read by block "
      "(0,0,0), thread (24,0,0) in 'dynamic shared memory' of 1024 bytes, at byte 412 with no "
      "__syncwarp between");
}
TEST_F(Barriers, OfAsynchronousCopiesOfZerosReadNothing) {
  EXPECT_EQ(FIND(ZeroFill, 2, 1, 16, y.data()),
            "race: ZeroFill, block (1,0,0), thread (0,0,0), LINE: writes what was written by block "
            "(0,0,0), thread (0,0,0) in 'y' of 512 bytes, at byte 0, and blocks have no order");
  EXPECT_EQ(FIND(ZeroFill, 1, 8, 128, y.data()), "");
  EXPECT_EQ(simt::GlobalTraffic().load_bytes, 0u);
}
TEST_F(Barriers, OfAsynchronousCopiesAreForAlignedSharedMemory) {
  EXPECT_EQ(FIND(CopyToOdd, 1, 1, 64, x.data(), 4), "");
  EXPECT_EQ(FIND(CopyToOdd, 1, 1, 64, x.data(), 2),
            "misaligned: CopyToOdd, block (0,0,0), thread (0,0,0), LINE: an access of 16 bytes, 8 "
            "bytes behind a multiple of that");
  EXPECT_EQ(FIND(CopyToOdd, 1, 1, 64, x.data() + 1, 4),
            "misaligned: CopyToOdd, block (0,0,0), thread (0,0,0), LINE: an access of 16 bytes, 4 "
            "bytes behind a multiple of that");
  EXPECT_EQ(
      FIND(CopyToOdd, 1, 1, 16, x.data(), 4),
      "out of bounds: CopyToOdd, block (0,0,0), thread (0,0,0), LINE: writes 16 bytes past the "
      "end of 'dynamic shared memory' of 16 bytes, at byte 16");
}

}  // namespace
