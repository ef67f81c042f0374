#include "tests/harness/guard_device.h"

#include <vector>

#include "graph/compiler/compiler.h"
#include "graph/ir/text.h"
#include "graph/runtime/workspace.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"

namespace harness {
namespace {

constexpr graph::DType kF32Type = graph::DType::kF32;

TEST(GuardDevice, CopiesReachItsMemory) {
  graph::Workspace workspace(MakeGuardDevice(1));
  const auto made = workspace.Create("w", {kF32Type, {3}});
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(*made->Read<float>(), std::vector<float>({0, 0, 0}));
  ASSERT_TRUE(made->Write(std::vector<float>{1, 2, 3}).ok());
  EXPECT_EQ(*workspace.Read<float>("w"), std::vector<float>({1, 2, 3}));
  EXPECT_FALSE(made->Write(std::vector<float>{1, 2}).ok());
  ASSERT_TRUE(workspace.Create("v", {kF32Type, {3}})->CopyFrom(*made).ok());
  EXPECT_EQ(*workspace.Read<float>("v"), std::vector<float>({1, 2, 3}));
}

TEST(GuardDevice, KernelsOfTheCpuRunOnIt) {
  graph::Backend backend = TestBackends().back();
  backend.device = MakeGuardDevice(2);
  graph::CompileOptions options;
  options.registry = &TestRegistry();
  options.backend = &backend;
  graph::Workspace workspace(backend.device);
  auto exe = graph::Compile(
      graph::ParseText("net n\ninput x f32[4]\nstate w f32[4] -> w.out\n"
                       "y f32[4] = Gelu(x) @gelu\nw.out f32[4] = Add(w, y) @add\noutput y\n")
          .value(),
      options, &workspace);
  ASSERT_TRUE(exe.ok()) << exe.status();
  for (const graph::Allocation& a : (*exe)->plan().allocations) EXPECT_EQ(a.offset % 256, 0u);
  ASSERT_TRUE((*exe)->Write("x", absl::MakeConstSpan({0.0f, 0.0f, 100.0f, -100.0f})).ok());
  ASSERT_TRUE((*exe)->Run().ok());
  ASSERT_TRUE((*exe)->Run().ok());
  EXPECT_EQ(*(*exe)->Read<float>("y"), std::vector<float>({0, 0, 100, 0}));
  EXPECT_EQ(*(*exe)->Read<float>("w"), std::vector<float>({0, 0, 200, 0}));
}

// Writes to a slot are copied beside a run; the device copies as late as it may.
TEST(GuardDevice, RunsWaitForWhatWasWritten) {
  graph::Backend backend = TestBackends().back();
  backend.device = MakeGuardDevice(1);
  graph::CompileOptions options;
  options.registry = &TestRegistry();
  options.backend = &backend;
  graph::Workspace workspace(backend.device);
  auto made = graph::Compile(graph::ParseText("net n\ninput x f32[1]\ninput y f32[1]\n"
                                              "z f32[1] = Add(x, y) @add\noutput z\n")
                                 .value(),
                             options, &workspace);
  ASSERT_TRUE(made.ok()) << made.status();
  graph::Executable& exe = **made;
  const auto first = exe.slot();
  const auto second = std::make_shared<graph::InputSlot>(backend.device);
  ASSERT_TRUE(exe.Use(second).ok());
  ASSERT_TRUE(exe.Use(first).ok());
  const auto write = [](graph::InputSlot* slot, const std::string& name, float value) {
    EXPECT_TRUE(slot->Write(name, absl::MakeConstSpan(&value, 1)).ok());
  };
  write(first.get(), "x", 1);
  write(first.get(), "x", 2);  // over a write that may not be copied yet
  write(first.get(), "y", 10);
  ASSERT_TRUE(exe.Submit().ok());
  write(second.get(), "x", 3);  // beside the run
  write(second.get(), "y", 20);
  ASSERT_TRUE(exe.Wait().ok());
  EXPECT_EQ(*exe.Read<float>("z"), std::vector<float>({12}));
  ASSERT_TRUE(exe.Use(second).ok());
  write(second.get(), "y", 30);
  ASSERT_TRUE(exe.Run().ok());
  EXPECT_EQ(*exe.Read<float>("z"), std::vector<float>({33}));
  EXPECT_EQ(*exe.Read<float>("y"), std::vector<float>({30}));
  const float two[] = {1, 2};
  EXPECT_EQ(exe.Write("x", absl::MakeConstSpan(two)).code(), absl::StatusCode::kInvalidArgument);
}

TEST(GuardDevice, AWorkspaceOfAnotherDeviceIsRefused) {
  const graph::Backend backend = TestBackends().back();
  graph::CompileOptions options;
  options.registry = &TestRegistry();
  options.backend = &backend;
  graph::Workspace workspace(MakeGuardDevice(1));
  const auto exe = graph::Compile(
      graph::ParseText("net n\ninput x f32[4]\ny f32[4] = Gelu(x) @gelu\noutput y\n").value(),
      options, &workspace);
  EXPECT_EQ(exe.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(exe.status().message().find("'guard'"), std::string::npos) << exe.status();
}

// Reads results in place, like a careless tool.
class Careless : public graph::TraceHook {
 public:
  void BeforeOp(const graph::Net&, graph::OpId) override {}
  void AfterOp(const graph::Net&, graph::OpId,
               absl::Span<const graph::ConstTensor> outputs) override {
    sum += *static_cast<const float*>(outputs[0].data);
  }
  float sum = 0;
};

TEST(GuardDeviceDeathTest, TheHostMayNotTouchIt) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  graph::Backend backend = TestBackends().back();
  backend.device = MakeGuardDevice(1);
  graph::CompileOptions options;
  options.registry = &TestRegistry();
  options.backend = &backend;
  graph::Workspace workspace(backend.device);
  auto exe = graph::Compile(
      graph::ParseText("net n\ninput x f32[4]\ny f32[4] = Gelu(x) @gelu\noutput y\n").value(),
      options, &workspace);
  ASSERT_TRUE(exe.ok()) << exe.status();
  const graph::Tensor x = (*exe)->Find("x").value();
  constexpr char kSaid[] = "the host touched memory of the device 'guard'";
  EXPECT_DEATH(*static_cast<volatile float*>(x.data) = 1, kSaid);
  EXPECT_DEATH(static_cast<void>(*static_cast<volatile float*>(x.data)), kSaid);
  Careless hook;
  (*exe)->AddTraceHook(&hook);
  EXPECT_DEATH(static_cast<void>((*exe)->Run()), kSaid);
  EXPECT_DEATH(x.as<float>(), "host_accessible");
  float value = 0;
  EXPECT_DEATH(static_cast<void>(backend.device->CopyIn(&value, &value, 4)), "IsOurs");
  EXPECT_DEATH(static_cast<void>(backend.device->CopyOut(x.data, x.data, 4)), "IsOurs");
}

}  // namespace
}  // namespace harness
