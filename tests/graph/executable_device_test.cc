// How an executable orders its work on a device that the host cannot reach.
#include <algorithm>
#include <cstring>

#include "graph/compiler/compiler.h"
#include "graph/ir/text.h"
#include "graph/runtime/executable.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_ops.h"

namespace graph {
namespace {

using Floats = std::vector<float>;

// Says in which order work is started on its streams.
class RecordingDevice : public Device {
 public:
  std::string name() const override { return "recording"; }
  int threads() const override { return 1; }
  bool host_accessible() const override { return false; }
  absl::optional<size_t> AvailableBytes() const override { return {}; }
  absl::StatusOr<Block> Allocate(size_t bytes, Contents contents) override {
    return host_->Allocate(bytes, contents);
  }
  absl::Status CopyIn(void* to, const void* from, size_t bytes) override {
    return host_->CopyIn(to, from, bytes);
  }
  absl::Status CopyOut(void* to, const void* from, size_t bytes) override {
    lines.push_back("read");
    return host_->CopyOut(to, from, bytes);
  }
  absl::Status StartCopyOut(void* to, const void* from, size_t bytes) override {
    brought.push_back({to, from, bytes});
    return absl::OkStatus();
  }
  absl::Status Synchronize() override {
    for (const Copy& copy : brought) std::memcpy(copy.to, copy.from, copy.bytes);
    brought.clear();
    return absl::OkStatus();
  }
  absl::Status CopyWithin(void* to, const void* from, size_t bytes) override {
    return host_->CopyWithin(to, from, bytes);
  }
  absl::Status Launch(absl::FunctionRef<absl::Status()> start_kernels) override {
    lines.push_back("run");
    return start_kernels();
  }
  absl::Status StartCopyIn(void* to, const void* from, size_t bytes) override {
    lines.push_back("copy");
    return CopyIn(to, from, bytes);
  }
  absl::StatusOr<Event> MakeEvent() override { return std::make_shared<std::string>(); }
  absl::Status Record(const Event& event, StreamRole stream) override {
    *static_cast<std::string*>(event.get()) =
        stream == StreamRole::kCompute ? "the run" : "the copy";
    return absl::OkStatus();
  }
  absl::Status StreamWait(StreamRole stream, const Event& event) override {
    return Waits(stream == StreamRole::kCompute ? "runs" : "copies", event);
  }
  absl::Status HostWait(const Event& event) override { return Waits("the host", event); }

  std::vector<std::string> lines;
  struct Copy {
    void* to;
    const void* from;
    size_t bytes;
  };
  std::vector<Copy> brought;  // by runs, until the host waits

 private:
  absl::Status Waits(const std::string& waiting, const Event& event) {
    const auto* const what = static_cast<const std::string*>(event.get());
    if (what != nullptr && !what->empty()) lines.push_back(waiting + " wait for " + *what);
    return absl::OkStatus();
  }

  const std::shared_ptr<Device> host_ = MakeHostDevice();
};

// Copies of inputs and runs that read them wait for each other, and for nothing else.
TEST(ExecutableOnADevice, WritesToASlotWaitForTheRunsThatReadIt) {
  const auto device = std::make_shared<RecordingDevice>();
  Backend backend = ToyBackend();
  backend.device = device;
  const CompileOptions options = {&ToyRegistry(), &backend, {}};
  Workspace workspace(device);
  const auto made =
      Compile(ParseText("net n\ninput x f32[1]\ny f32[1] = Square(x) @sq\noutput y\n").value(),
              options, &workspace);
  ASSERT_TRUE(made.ok()) << made.status();
  Executable& exe = **made;
  const auto write = [&](float x) { ASSERT_TRUE(exe.WriteScalar("x", x).ok()); };
  write(2);
  ASSERT_TRUE(exe.Submit().ok());
  EXPECT_EQ(device->lines, std::vector<std::string>({"copy", "runs wait for the copy", "run"}));
  device->lines.clear();
  write(3);
  ASSERT_TRUE(exe.Submit().ok());
  EXPECT_EQ(device->lines,
            std::vector<std::string>({"the host wait for the copy", "copies wait for the run",
                                      "copy", "runs wait for the copy", "run"}));
  EXPECT_TRUE(exe.Wait().ok());
  EXPECT_EQ(exe.Read<float>("y").value(), Floats({9}));
  device->lines.clear();
  ASSERT_TRUE(exe.Submit().ok());  // reads what is there
  EXPECT_EQ(device->lines, std::vector<std::string>({"run"}));
}

// A wait on a GPU's host costs as much as a small kernel.
TEST(ExecutableOnADevice, ARunBringsItsFaultAndItsSmallOutputsAlong) {
  const auto device = std::make_shared<RecordingDevice>();
  Backend backend = ToyBackend();
  backend.device = device;
  const CompileOptions options = {&ToyRegistry(), &backend, {}};
  Workspace workspace(device);
  const auto made = Compile(ParseText("net n\ninput x f32[1]\ninput z f32[2000]\n"
                                      "y f32[1] = Square(x) @sq\nw f32[2000] = Square(z) @large\n"
                                      "output y\noutput w\n")
                                .value(),
                            options, &workspace);
  ASSERT_TRUE(made.ok()) << made.status();
  Executable& exe = **made;
  const auto reads = [&](const char* blob) {
    device->lines.clear();
    EXPECT_TRUE(exe.Read<float>(blob).ok());
    return std::count(device->lines.begin(), device->lines.end(), "read");
  };
  ASSERT_TRUE(exe.Write<float>("z", Floats(2000, 2)).ok());
  for (const float x : {3.0f, 4.0f}) {
    ASSERT_TRUE(exe.WriteScalar("x", x).ok());
    ASSERT_TRUE(exe.Submit().ok());
    EXPECT_EQ(reads("y"), 1) << "it may still run";
    device->lines.clear();
    ASSERT_TRUE(exe.Wait().ok());
    EXPECT_TRUE(device->lines.empty());
    EXPECT_EQ(reads("y"), 0);
    EXPECT_EQ(exe.Read<float>("y").value(), Floats({x * x}));
    EXPECT_EQ(reads("w"), 1);
    EXPECT_EQ(exe.Read<float>("w").value(), Floats(2000, 4));
  }
  // With a hook the host waits for each operator anyway.
  struct : TraceHook {
    void BeforeOp(const Net&, OpId) override {}
    void AfterOp(const Net&, OpId, absl::Span<const ConstTensor>) override {}
  } hook;
  exe.AddTraceHook(&hook);
  ASSERT_TRUE(exe.WriteScalar("x", 5.0f).ok());
  ASSERT_TRUE(exe.Run().ok());
  EXPECT_EQ(reads("y"), 1);
  EXPECT_EQ(exe.Read<float>("y").value(), Floats({25}));
}

}  // namespace
}  // namespace graph
