// The device on the runtime of tests/fake_cuda, which does work as late as it may, in many orders:
// what copies, events, captures and nets wait for. What the emulator finds fails the test, too.
#include "backends/cuda/cuda_device.h"

#include <cstring>
#include <numeric>
#include <thread>
#include <vector>

#include "backends/cuda/elementwise_launch.h"
#include "graph/base/status.h"
#include "graph/compiler/compiler.h"
#include "graph/schema/builder.h"
#include "gtest/gtest.h"
#include "tests/fake_cuda/control.h"
#include "tests/harness/backends.h"
#include "tests/harness/cuda.h"

namespace backends::cuda {
namespace {

using graph::Block;
using graph::Contents;
using graph::StreamRole;
using Floats = std::vector<float>;

constexpr size_t kCount = 300, kBytes = kCount * sizeof(float);

Floats Counting(float from) {
  Floats values(kCount);
  std::iota(values.begin(), values.end(), from);
  return values;
}

// Starts a kernel.
absl::Status FillOn(graph::Device* device, const Block& to, float value) {
  return device->Launch([&] {
    return ToStatus(Fill(PatternOf(value), to.data(), kBytes,
                         static_cast<Stream>(device->stream(StreamRole::kCompute))),
                    "starting a kernel");
  });
}

class CudaDeviceTest : public ::testing::Test {
 protected:
  // Another machine. What was found before is forgotten with the old one.
  void Begin(const fake_cuda::Options& options = {}) {
    for (const std::string& finding : fake_cuda::TakeFindings()) ADD_FAILURE() << finding;
    backend_ = graph::Backend();
    fake_cuda::Reset(options);
    backend_ = harness::MakeCuda();
  }
  void SetUp() override { Begin(); }

  graph::Device& device() { return *backend_.device; }
  Block Allocate(Contents contents = Contents::kGarbage) {
    return device().Allocate(kBytes, contents).value();
  }
  Block Page(float from) {
    Block page = device().AllocateHost(kBytes).value();
    std::memcpy(page.data(), Counting(from).data(), kBytes);
    return page;
  }
  absl::Status Fill(const Block& to, float value) { return FillOn(&device(), to, value); }
  Floats Read(const Block& from) {
    Floats values(kCount);
    EXPECT_TRUE(device().CopyOut(values.data(), from.data(), kBytes).ok());
    return values;
  }

  graph::Backend backend_;
};

TEST_F(CudaDeviceTest, NewMemoryIsZeroWhereThatIsAskedFor) {
  const Block block = device().Allocate(1001, Contents::kZero).value();
  std::vector<uint8_t> bytes(1001, 1);
  ASSERT_TRUE(device().CopyOut(bytes.data(), block.data(), bytes.size()).ok());
  EXPECT_EQ(bytes, std::vector<uint8_t>(1001));
}

TEST_F(CudaDeviceTest, MemoryOfNoBytesHasAnAddress) {
  EXPECT_NE(device().Allocate(0, Contents::kZero)->data(), nullptr);
  EXPECT_NE(device().AllocateHost(0)->data(), nullptr);
}

TEST_F(CudaDeviceTest, CopiesWaitForKernelsAndAreCompleteOnReturn) {
  const Block a = Allocate(), b = Allocate(), page = Page(7);
  ASSERT_TRUE(Fill(a, 5).ok());
  EXPECT_EQ(Read(a), Floats(kCount, 5));
  // Of page-locked memory, which the runtime itself would not wait for.
  ASSERT_TRUE(device().CopyIn(a.data(), page.data(), kBytes).ok());
  std::memset(page.data(), 0, kBytes);
  ASSERT_TRUE(device().CopyWithin(b.data(), a.data(), kBytes).ok());
  ASSERT_TRUE(device().CopyOut(page.data(), b.data(), kBytes).ok());
  EXPECT_EQ(std::memcmp(page.data(), Counting(7).data(), kBytes), 0);
}

TEST_F(CudaDeviceTest, CopiesWaitForThoseOfTheOtherStream) {
  const Block block = Allocate(), page = Page(3);
  ASSERT_TRUE(device().StartCopyIn(block.data(), page.data(), kBytes).ok());
  EXPECT_EQ(Read(block), Counting(3));
}

TEST_F(CudaDeviceTest, AnEventComesBehindTheCopy) {
  const Block block = Allocate(), page = Page(3);
  const graph::Event copied = device().MakeEvent().value();
  ASSERT_TRUE(device().StartCopyIn(block.data(), page.data(), kBytes).ok());
  ASSERT_TRUE(device().Record(copied, StreamRole::kCopyIn).ok());
  ASSERT_TRUE(device().HostWait(copied).ok());
  std::memset(page.data(), 0, kBytes);
  EXPECT_EQ(Read(block), Counting(3));
}

// A copy beside kernels that still run: only what it must not overtake is waited for.
TEST_F(CudaDeviceTest, ACopyRunsBesideKernels) {
  const Block a = Allocate(), b = Allocate(), page = Page(3);
  const graph::Event copied = device().MakeEvent().value();
  ASSERT_TRUE(Fill(a, 5).ok());
  ASSERT_TRUE(device().StartCopyIn(b.data(), page.data(), kBytes).ok());
  ASSERT_TRUE(device().Record(copied, StreamRole::kCopyIn).ok());
  fake_cuda::TakeCounters();
  ASSERT_TRUE(device().HostWait(copied).ok());
  const auto done = fake_cuda::TakeCounters().work;
  EXPECT_EQ(done.size(), 1u) << "the kernel was waited for, too";
  EXPECT_EQ(done.count("copy HtoD"), 1u);
  EXPECT_EQ(Read(a), Floats(kCount, 5));
}

TEST_F(CudaDeviceTest, CapturedWorkIsDoneWhenItIsReplayed) {
  const Block block = Allocate();
  ASSERT_TRUE(Fill(block, 1).ok());
  const auto work = device().Capture([&] { return Fill(block, 2); });
  ASSERT_TRUE(work.ok()) << work.status();
  EXPECT_EQ(Read(block), Floats(kCount, 1));
  ASSERT_TRUE(device().Replay(*work).ok());
  EXPECT_EQ(Read(block), Floats(kCount, 2));
}

TEST_F(CudaDeviceTest, ACaptureThatFailsIsOver) {
  const Block block = Allocate();
  const auto work = device().Capture([&]() -> absl::Status {
    RETURN_IF_ERROR(Fill(block, 2));
    return absl::UnimplementedError("no kernel");
  });
  EXPECT_EQ(work.status().message(), "no kernel");
  EXPECT_EQ(fake_cuda::CountLive().graphs, 0u);
  ASSERT_TRUE(Fill(block, 3).ok());
  EXPECT_EQ(Read(block), Floats(kCount, 3));
}

TEST_F(CudaDeviceTest, OtherThreadsMayAllocateDuringACapture) {
  const Block block = Allocate();
  const auto work = device().Capture([&] {
    std::thread([&] { EXPECT_TRUE(device().AllocateHost(100).ok()); }).join();
    return Fill(block, 2);
  });
  EXPECT_TRUE(work.ok()) << work.status();
}

// An error that is none of the device's is that call's alone.
TEST_F(CudaDeviceTest, AnErrorIsReportedOnce) {
  fake_cuda::Options options;
  options.memory_bytes = options.host_bytes = size_t{1} << 20;
  Begin(options);
  const Block block = Allocate();
  for (const absl::Status& status :
       {device().Allocate(size_t{2} << 20, Contents::kGarbage).status(),
        device().AllocateHost(size_t{2} << 20).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
    EXPECT_TRUE(Fill(block, 4).ok());
  }
  EXPECT_EQ(Read(block), Floats(kCount, 4));
}

// Whichever of them the thread has used last.
TEST_F(CudaDeviceTest, TwoGpusByTurns) {
  fake_cuda::Options options;
  options.devices = 2;
  Begin(options);
  const std::shared_ptr<CudaDevice> other = CudaDevice::Create(1, /*threads=*/1).value();
  graph::Device* const devices[] = {&device(), other.get()};
  std::vector<Block> blocks;
  for (graph::Device* d : devices) {
    const size_t before[] = {*devices[0]->AvailableBytes(), *devices[1]->AvailableBytes()};
    blocks.push_back(d->Allocate(kBytes, Contents::kZero).value());
    for (int i : {0, 1}) {
      EXPECT_EQ(before[i] - *devices[i]->AvailableBytes(), devices[i] == d ? kBytes : 0) << i;
    }
  }
  std::vector<graph::CapturedWork> work;
  for (const int i : {0, 1}) {
    ASSERT_TRUE(FillOn(devices[i], blocks[i], 1).ok());
    const auto captured = devices[i]->Capture([&] { return FillOn(devices[i], blocks[i], i + 5); });
    ASSERT_TRUE(captured.ok()) << captured.status();
    work.push_back(*captured);
  }
  for (const int i : {0, 1}) ASSERT_TRUE(devices[i]->Replay(work[i]).ok());
  for (const int i : {0, 1}) {
    Floats values(kCount);
    ASSERT_TRUE(devices[i]->CopyOut(values.data(), blocks[i].data(), kBytes).ok());
    EXPECT_EQ(values, Floats(kCount, i + 5));
  }
}

std::unique_ptr<graph::Executable> Compile(graph::Net net, const graph::Backend& backend,
                                           graph::Workspace* workspace) {
  graph::CompileOptions options;
  options.registry = &harness::TestRegistry();
  options.backend = &backend;
  auto made = graph::Compile(std::move(net), options, workspace);
  EXPECT_TRUE(made.ok()) << made.status();
  return *std::move(made);
}

// w += 2 x + y, in several kernels.
std::unique_ptr<graph::Executable> MakeStep(const graph::Backend& backend,
                                            graph::Workspace* workspace) {
  graph::NetBuilder builder(&harness::TestRegistry(), "step");
  const graph::TensorType type = {graph::DType::kF32, {kCount}};
  const graph::BlobId x = builder.Input("x", type), y = builder.Input("y", type);
  const graph::BlobId w = builder.State("w", type);
  const graph::BlobId twice = builder.Op("Scale", "twice", {x}, {{"value", 2.0f}});
  builder.SetExit(w, builder.Op("Add", "sum", {w, builder.Op("Add", "both", {twice, y})}));
  return Compile(builder.Finish().value(), backend, workspace);
}

// The host writes ahead of the device, into one slot or into two by turns, and waits for nothing:
// eager runs, then captured ones.
TEST_F(CudaDeviceTest, RunsReadWhatWasWrittenForThem) {
  constexpr int kSteps = 7;
  for (const int slots : {1, 2}) {
    for (const uint64_t seed : {0, 1, 2, 3}) {
      SCOPED_TRACE(testing::Message() << slots << " slots, seed " << seed);
      fake_cuda::Options options;
      options.seed = seed;
      Begin(options);
      graph::Workspace workspace(backend_.device);
      const auto step = MakeStep(backend_, &workspace);
      std::vector<std::shared_ptr<graph::InputSlot>> ring;
      for (int i = 0; i < slots; ++i) {
        ring.push_back(std::make_shared<graph::InputSlot>(workspace.shared_device()));
      }
      Floats expected(kCount);
      for (int i = 0; i < kSteps; ++i) {
        ASSERT_TRUE(step->Use(ring[i % slots]).ok());
        const Floats x = Counting(static_cast<float>(100 * i)), y = Counting(1000);
        for (size_t k = 0; k < kCount; ++k) expected[k] += 2 * x[k] + y[k];
        ASSERT_TRUE(step->Write<float>("x", x).ok());
        ASSERT_TRUE(step->Write<float>("y", y).ok());
        ASSERT_TRUE(step->Submit().ok());
      }
      ASSERT_TRUE(step->Wait().ok());
      EXPECT_EQ(step->Read<float>("w").value(), expected);
      EXPECT_EQ(fake_cuda::TakeCounters().graph_launches, static_cast<uint64_t>(kSteps - slots));
    }
  }
}

// Doubles w; without inputs, whose slot would wait, too.
std::unique_ptr<graph::Executable> MakeDoubling(const graph::Backend& backend,
                                                graph::Workspace* workspace) {
  graph::NetBuilder builder(&harness::TestRegistry(), "doubling");
  const graph::BlobId w = builder.State("w", {graph::DType::kF32, {kCount}});
  builder.SetExit(w, builder.Op("Scale", "twice", {w}, {{"value", 2.0f}}));
  return Compile(builder.Finish().value(), backend, workspace);
}

// Initial values come from the host's memory, the product from the library.
TEST_F(CudaDeviceTest, CopiesAndProductsAreCaptured) {
  graph::NetBuilder builder(&harness::TestRegistry(), "initial");
  const graph::BlobId x = builder.Op("XavierFill", "x", {},
                                     {{"shape", std::vector<int64_t>{16, 16}},
                                      {"initializer", std::string("normal")},
                                      {"value", 1.0f},
                                      {"seed", int64_t{3}}});
  const graph::BlobId twice = builder.Op("Scale", "twice", {x}, {{"value", 2.0f}});
  builder.Output(builder.Op("MatMul", "product", {twice, twice}, {{"trans_w", int64_t{1}}}));
  graph::Workspace workspace(backend_.device);
  const auto net = Compile(builder.Finish().value(), backend_, &workspace);
  Floats first;
  for (int run = 0; run < 3; ++run) {
    ASSERT_TRUE(net->Run().ok());
    const Floats product = net->Read<float>("product:y").value();
    if (run == 0) first = product;
    EXPECT_EQ(product, first) << run;
  }
  EXPECT_EQ(fake_cuda::TakeCounters().graph_launches, 2u);
}

TEST_F(CudaDeviceTest, WhatIsDestroyedWaitsForItsWork) {
  const size_t before = fake_cuda::CountLive().total();
  {
    graph::Workspace workspace(backend_.device);
    const auto doubling = MakeDoubling(backend_, &workspace);
    ASSERT_TRUE(doubling->Submit().ok());
  }
  // Late work that nobody waited for is done now, on memory that is gone.
  ASSERT_TRUE(device().Synchronize().ok());
  {
    graph::InputSlot slot(backend_.device);
    ASSERT_TRUE(slot.Create("x", {graph::DType::kF32, {kCount}}).ok());
    ASSERT_TRUE(slot.Write<float>("x", Counting(1)).ok());
  }
  ASSERT_TRUE(device().Synchronize().ok());
  {
    graph::Workspace workspace(backend_.device);
    const auto step = MakeStep(backend_, &workspace);
    for (const char* input : {"x", "y"}) {
      ASSERT_TRUE(step->Write<float>(input, Counting(1)).ok());
    }
    ASSERT_TRUE(step->Submit().ok());
    ASSERT_TRUE(step->Submit().ok());
    ASSERT_TRUE(step->Write<float>("x", Counting(2)).ok());
  }
  ASSERT_TRUE(device().Synchronize().ok());
  EXPECT_EQ(fake_cuda::CountLive().total(), before);
}

}  // namespace
}  // namespace backends::cuda
