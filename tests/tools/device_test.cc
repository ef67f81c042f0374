#include "tools/device.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/cuda_backend.h"
#include "tools/machine.h"
#include "tools/plugins.h"

namespace tools {
namespace {

using ::testing::HasSubstr;

// Gives a name, and nothing else.
class NamedDevice : public graph::Device {
 public:
  NamedDevice(int index, int threads) : index_(index), threads_(threads) {}
  std::string name() const override { return absl::StrCat("cuda:", index_); }
  int threads() const override { return threads_; }
  bool host_accessible() const override { return false; }
  absl::optional<size_t> AvailableBytes() const override { return absl::nullopt; }
  absl::StatusOr<graph::Block> Allocate(size_t, graph::Contents) override { return No(); }
  absl::Status CopyIn(void*, const void*, size_t) override { return No(); }
  absl::Status CopyOut(void*, const void*, size_t) override { return No(); }
  absl::Status CopyWithin(void*, const void*, size_t) override { return No(); }
  absl::Status Launch(absl::FunctionRef<absl::Status()>) override { return No(); }

 private:
  static absl::Status No() { return absl::UnimplementedError("a name only"); }
  const int index_;
  const int threads_;
};

int g_made = 0;  // backends, by UseTwoGpus

void UseTwoGpus() {
  UseLinkedCudaBackend([](int index, int threads) -> absl::StatusOr<graph::Backend> {
    if (index > 1) return absl::UnavailableError(absl::StrCat("there is no cuda:", index));
    ++g_made;
    graph::Backend backend;
    backend.name = "cuda";
    backend.device = std::make_shared<NamedDevice>(index, threads);
    backend.capabilities = {/*bf16_products=*/true, /*int8_products=*/false,
                            /*fast_bf16_products=*/true};
    return backend;
  });
}

void UseNoGpu() {
  UseLinkedCudaBackend([](int, int) -> absl::StatusOr<graph::Backend> {
    return absl::UnavailableError("no driver; install one, or use --device=cpu");
  });
}

TEST(Device, AutoTakesTheFirstGpu) {
  UseTwoGpus();
  const absl::StatusOr<DeviceChoice> choice = ChooseDevice("auto", 1);
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->device, "cuda:0");
  EXPECT_EQ(choice->Text(), "cuda:0, chosen by auto: it is the first GPU");
  EXPECT_EQ(choice->Line(), "on     cuda:0, chosen by auto: it is the first GPU\n");
  EXPECT_FALSE(choice->capabilities.int8_products);
  const MachineDefaults machine = DetectMachine(*choice);
  EXPECT_EQ(machine.device, "cuda:0");
  EXPECT_TRUE(machine.capabilities.fast_bf16_products);
}

TEST(Device, AutoTakesTheCpuWhereThereIsNoGpuAndSaysWhy) {
  UseNoGpu();
  const absl::StatusOr<DeviceChoice> choice = ChooseDevice("auto", 1);
  ASSERT_TRUE(choice.ok()) << choice.status();
  EXPECT_EQ(choice->device, "cpu");
  EXPECT_EQ(choice->Text(), "cpu, chosen by auto: no driver");
  EXPECT_EQ(choice->capabilities.bf16_products, CpuDevice().capabilities.bf16_products);
}

TEST(Device, WhatIsAskedForIsTakenOrRefused) {
  UseTwoGpus();
  for (const auto& [asked, is] :
       {std::pair{"cpu", "cpu"}, {"cuda", "cuda:0"}, {"cuda:1", "cuda:1"}}) {
    const absl::StatusOr<DeviceChoice> choice = ChooseDevice(asked, 1);
    ASSERT_TRUE(choice.ok()) << choice.status();
    EXPECT_EQ(choice->Text(), is);
    const absl::StatusOr<graph::Backend> backend = MakeBackend(*choice, 1);
    ASSERT_TRUE(backend.ok()) << backend.status();
    EXPECT_EQ(backend->device->name(), is);
  }
  EXPECT_EQ(ChooseDevice("cpu", 1)->Line(), "");
  EXPECT_EQ(ChooseDevice("cuda:2", 1).status().message(), "--device=cuda:2: there is no cuda:2");
  UseNoGpu();
  const absl::Status missing = ChooseDevice("cuda", 1).status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(missing.message(), "--device=cuda: no driver; install one, or use --device=cpu");
  for (const char* wrong : {"gpu", "cuda:x", "cuda:99", ""}) {
    const absl::Status status = ChooseDevice(wrong, 1).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("must be auto, cpu, cuda or cuda:N"));
  }
}

// A context and its libraries' handles take seconds and hundreds of megabytes.
TEST(Device, AGpuIsMadeOnce) {
  UseTwoGpus();
  g_made = 0;
  const absl::StatusOr<DeviceChoice> choice = ChooseDevice("cuda:1", 3);
  ASSERT_TRUE(choice.ok()) << choice.status();
  const absl::StatusOr<graph::Backend> backend = MakeBackend(*choice, 3);
  ASSERT_TRUE(backend.ok()) << backend.status();
  EXPECT_EQ(backend->device, choice->gpu->device);
  EXPECT_EQ(g_made, 1);
  EXPECT_EQ(MakeBackend(*choice, 2)->device->threads(), 2);
}

}  // namespace
}  // namespace tools
