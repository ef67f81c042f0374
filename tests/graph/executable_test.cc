#include "graph/runtime/executable.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "graph/compiler/compiler.h"
#include "graph/ir/text.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_ops.h"

namespace graph {
namespace {

using Floats = std::vector<float>;

CompileOptions Options() {
  CompileOptions options;
  options.registry = &ToyRegistry();
  options.backend = &ToyBackend();
  return options;
}

std::unique_ptr<Executable> MustCompile(const std::string& text, Workspace* workspace) {
  absl::StatusOr<Net> net = ParseText(text);
  EXPECT_TRUE(net.ok()) << net.status();
  absl::StatusOr<std::unique_ptr<Executable>> exe = Compile(*net, Options(), workspace);
  EXPECT_TRUE(exe.ok()) << exe.status();
  return *std::move(exe);
}

void Set(Executable& exe, const std::string& blob, const Floats& values) {
  const absl::Span<float> to = exe.Find(blob)->as<float>();
  ASSERT_EQ(to.size(), values.size());
  std::copy(values.begin(), values.end(), to.begin());
}

Floats Get(const Executable& exe, const std::string& blob) {
  const absl::StatusOr<Floats> values = exe.Read<float>(blob);
  EXPECT_TRUE(values.ok()) << values.status();
  return values.value_or(Floats());
}

constexpr char kStep[] =
    "net step\n"
    "input x f32[3]\n"
    "state w f32[3] -> w.out\n"
    "sq:y f32[3] = Square(x) @sq\n"
    "rev:y f32[3] = Reverse(sq:y) @rev\n"
    "w.out f32[3] = Add(w, rev:y) @update\n"
    "y f32[3] = Scale(w.out) factor=10.0 @scale\n"
    "output y\noutput w.out\n";

TEST(Executable, RunsAndKeepsState) {
  Workspace workspace;
  const auto exe = MustCompile(kStep, &workspace);
  EXPECT_EQ(Get(*exe, "w"), Floats({0, 0, 0})) << "new state is zero";
  Set(*exe, "x", {1, 2, 3});
  ASSERT_TRUE(exe->Run().ok());
  EXPECT_EQ(Get(*exe, "w"), Floats({9, 4, 1}));
  EXPECT_EQ(Get(*exe, "w.out"), Floats({9, 4, 1}));
  EXPECT_EQ(Get(*exe, "y"), Floats({90, 40, 10}));
  Set(*exe, "x", {0, 1, 0});
  ASSERT_TRUE(exe->Run().ok());
  EXPECT_EQ(Get(*exe, "w"), Floats({9, 5, 1}));
  EXPECT_EQ(Get(*exe, "y"), Floats({90, 50, 10}));
}

TEST(Executable, NetsOfOneWorkspaceShareStateByName) {
  Workspace workspace;
  const auto train = MustCompile(kStep, &workspace);
  const auto eval =
      MustCompile("net eval\ninput x f32[3]\nstate w f32[3]\ny f32[3] = Add(w, x) @add\noutput y\n",
                  &workspace);
  Set(*train, "x", {1, 2, 3});
  ASSERT_TRUE(train->Run().ok());
  ASSERT_TRUE(eval->Run().ok());
  EXPECT_EQ(Get(*eval, "y"), Floats({9, 4, 1})) << "inputs are each net's own";
  EXPECT_EQ(workspace.Names(), std::vector<std::string>({"w"}));
  ASSERT_TRUE(eval->Use(train->slot()).ok());
  ASSERT_TRUE(eval->Run().ok());
  EXPECT_EQ(Get(*eval, "y"), Floats({10, 6, 4})) << "unless they share a slot";
}

TEST(Executable, OneStateWithTwoTypesIsAnError) {
  Workspace workspace;
  const auto train = MustCompile(kStep, &workspace);
  const auto other =
      Compile(ParseText("net other\nstate w f32[4]\ny f32[4] = Square(w) @sq\noutput y\n").value(),
              Options(), &workspace);
  EXPECT_EQ(other.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(other.status().message(), "'w' is f32[3]")) << other.status();
}

std::string Doubling(int n, const std::string& name) {
  const std::string type = absl::StrCat(" f32[", n, "]");
  return absl::StrCat("net ", name, "\ninput ", name, ".x", type, "\na", type, " = Square(", name,
                      ".x) @sq\nr", type, " = Reverse(a) @rev\nb", type,
                      " = Add(r, a) @add\noutput b\n");
}

TEST(Executable, KeepsItsArenaWhenAnotherNetNeedsALargerOne) {
  Workspace workspace;
  const auto small = MustCompile(Doubling(3, "small"), &workspace);
  Set(*small, "small.x", {1, 2, 3});
  ASSERT_TRUE(small->Run().ok());
  EXPECT_EQ(Get(*small, "b"), Floats({10, 8, 10}));
  const size_t before = workspace.arena_bytes();
  const void* const b = small->Find("b")->data;

  const int n = 100000;
  const auto large = MustCompile(Doubling(n, "large"), &workspace);
  EXPECT_GT(workspace.arena_bytes(), before);
  EXPECT_EQ(workspace.arena_bytes(), large->plan().arena_bytes);
  EXPECT_EQ(small->Find("b")->data, b);
  Floats values(n);
  for (int i = 0; i < n; ++i) values[i] = static_cast<float>(i % 1000);
  Set(*large, "large.x", values);
  for (int round = 0; round < 2; ++round) {
    Set(*small, "small.x", {2, 0, 1});
    ASSERT_TRUE(small->Run().ok());
    EXPECT_EQ(Get(*small, "b"), Floats({5, 0, 5}));
    ASSERT_TRUE(large->Run().ok());
    const Floats sums = Get(*large, "b");
    for (int i = 0; i < n; ++i) {
      const float up = values[i] * values[i], down = values[n - 1 - i] * values[n - 1 - i];
      ASSERT_EQ(sums[i], up + down) << i;
    }
  }
}

TEST(Executable, NewExecutablesNeedNoLargerArena) {
  Workspace workspace;
  const auto large = MustCompile(Doubling(1000, "large"), &workspace);
  const auto arena = workspace.arena();
  const auto small = MustCompile(Doubling(3, "small"), &workspace);
  EXPECT_EQ(workspace.arena(), arena);
  Set(*small, "small.x", {1, 2, 3});
  ASSERT_TRUE(small->Run().ok());
  EXPECT_EQ(Get(*small, "b"), Floats({10, 8, 10}));
}

TEST(Executable, EmptyAndRankZeroTensors) {
  Workspace workspace;
  const auto exe = MustCompile(
      "net n\ninput x f32[0,3]\nstate w f32[0,3] -> w.out\nstate k f32[] -> k.out\n"
      "a f32[0,3] = Square(x) @sq\ns f32[1] = Sum(a) @sum\n"
      "w.out f32[0,3] = Add(w, a) @w\nk2 f32[] = Square(k) @k2\n"
      "k.out f32[] = Add(k, k2) @k\noutput s\noutput a\n",
      &workspace);
  exe->Find("k")->as<float>()[0] = 3;
  ASSERT_TRUE(exe->Run().ok());
  EXPECT_EQ(Get(*exe, "s"), Floats({0}));
  EXPECT_EQ(Get(*exe, "a"), Floats());
  EXPECT_EQ(Get(*exe, "k"), Floats({12}));
}

TEST(Executable, OutputsMayBeInputsAndStates) {
  Workspace workspace;
  const auto exe =
      MustCompile("net n\ninput x f32[1]\nstate w f32[1]\noutput x\noutput w\n", &workspace);
  Set(*exe, "x", {4});
  ASSERT_TRUE(exe->Run().ok());
  EXPECT_EQ(Get(*exe, "x"), Floats({4}));
  EXPECT_EQ(Get(*exe, "w"), Floats({0}));
}

TEST(Executable, FindNamesWhatIsNotThere) {
  Workspace workspace;
  const auto exe = MustCompile(kStep, &workspace);
  for (const char* blob : {"sq:y", "z", ""}) {
    const absl::Status status = exe->Find(blob).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_EQ(status.message(),
              absl::StrCat("net 'step' has no input, state or output '", blob, "'"));
  }
}

TEST(Executable, AKernelsErrorNamesTheOperatorAndEndsTheRun) {
  Workspace workspace;
  const auto exe = MustCompile(
      "net n\ninput x f32[2]\nstate w f32[2] -> w.out\n"
      "a f32[2] = Burst(x) @fragile\nw.out f32[2] = Add(w, a) @update\n",
      &workspace);
  Set(*exe, "x", {-1, 5});
  const absl::Status status = exe->Run();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "Burst 'fragile': the first element is negative");
  EXPECT_EQ(Get(*exe, "w"), Floats({0, 0})) << "later operators did not run";
  Set(*exe, "x", {1, 5});
  EXPECT_TRUE(exe->Run().ok()) << "and the next run is a good one";
  EXPECT_EQ(Get(*exe, "w"), Floats({1, 5}));
}

class Recorder : public TraceHook {
 public:
  void BeforeOp(const Net& net, OpId op) override { lines.push_back("before " + net.ops[op].name); }
  void AfterOp(const Net& net, OpId op, absl::Span<const ConstTensor> outputs) override {
    std::string line = "after " + net.ops[op].name;
    ASSERT_EQ(outputs.size(), net.ops[op].outputs.size());
    for (size_t i = 0; i < outputs.size(); ++i) {
      EXPECT_EQ(outputs[i].type, net.type(net.ops[op].outputs[i]));
      absl::StrAppend(&line, " ", outputs[i].as<float>()[0]);
    }
    lines.push_back(line);
  }
  std::vector<std::string> lines;
};

TEST(Executable, TheHookSeesEveryOperatorAndItsOutputs) {
  Workspace workspace;
  const auto exe = MustCompile(
      "net n\ninput x f32[2]\nstate w f32[2] -> w.out\n"
      "s f32[2], d f32[2] = SumDiff(x, w) @pair\n"
      "t f32[2] = Scale(s) factor=2.0 @twice\n"
      "w.out f32[2] = Add(w, t) @update\noutput d\n",
      &workspace);
  EXPECT_FALSE(exe->net().ops[1].in_place.empty()) << "results in shared memory are seen, too";
  Recorder recorder;
  exe->AddTraceHook(&recorder);
  Set(*exe, "x", {3, 0});
  Set(*exe, "w", {1, 0});
  ASSERT_TRUE(exe->Run().ok());
  EXPECT_EQ(recorder.lines,
            std::vector<std::string>({"before pair", "after pair 4 2", "before twice",
                                      "after twice 8", "before update", "after update 9"}));
  exe->RemoveTraceHook(&recorder);
  ASSERT_TRUE(exe->Run().ok());
  EXPECT_EQ(recorder.lines.size(), 6u);
}

TEST(Executable, HooksMayWatchTogetherAndRemoveThemselves) {
  Workspace workspace;
  const auto exe = MustCompile(
      "net n\ninput x f32[1]\na f32[1] = Scale(x) factor=2.0 @first\n"
      "b f32[1] = Scale(a) factor=2.0 @second\noutput b\n",
      &workspace);
  struct Once : TraceHook {
    explicit Once(Executable* e) : exe(e) {}
    void BeforeOp(const Net&, OpId) override { ++before; }
    void AfterOp(const Net&, OpId, absl::Span<const ConstTensor>) override {
      exe->RemoveTraceHook(this);
    }
    Executable* exe;
    int before = 0;
  };
  Recorder early, late;
  Once once(exe.get());
  exe->AddTraceHook(&early);
  exe->AddTraceHook(&once);
  exe->AddTraceHook(&late);
  ASSERT_TRUE(exe->Run().ok());
  EXPECT_EQ(once.before, 1);
  EXPECT_EQ(early.lines, std::vector<std::string>(
                             {"before first", "after first 0", "before second", "after second 0"}));
  EXPECT_EQ(late.lines, early.lines);
}

TEST(Executable, TheHookSeesWhichOperatorFailed) {
  Workspace workspace;
  const auto exe =
      MustCompile("net n\ninput x f32[1]\na f32[1] = Burst(x) @fragile\noutput a\n", &workspace);
  Recorder recorder;
  exe->AddTraceHook(&recorder);
  Set(*exe, "x", {-1});
  EXPECT_FALSE(exe->Run().ok());
  EXPECT_EQ(recorder.lines, std::vector<std::string>({"before fragile"}));
}

// Kernels whose Bind fails or counts.
class BindKernel : public Kernel {
 public:
  explicit BindKernel(int* binds) : binds_(binds) {}
  absl::Status Bind(const KernelArgs& args) override {
    RETURN_IF_ERROR(Kernel::Bind(args));
    if (++*binds_ == 3) return absl::InternalError("bound too often");
    return absl::OkStatus();
  }
  absl::Status Run() override {
    *out<float>(0) = *in<float>(0);
    return absl::OkStatus();
  }

 private:
  int* binds_;
};

TEST(Executable, BindsOnceASlotAndReportsItsErrors) {
  int binds = 0;
  Backend backend;
  backend.name = "binding";
  backend.kernels.Add("Square", [&](const KernelSpec&) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    return std::make_unique<BindKernel>(&binds);
  });
  CompileOptions options = Options();
  options.backend = &backend;
  Workspace workspace;
  const auto exe =
      Compile(ParseText("net n\ninput x f32[1]\ny f32[1] = Square(x) @sq\noutput y\n").value(),
              options, &workspace);
  ASSERT_TRUE(exe.ok()) << exe.status();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE((*exe)->Run().ok());
  EXPECT_EQ(binds, 1);
  // An arena that another net needs is not its own.
  ASSERT_TRUE(workspace.ReserveArena(1 << 20).ok());
  ASSERT_TRUE((*exe)->Run().ok());
  EXPECT_EQ(binds, 1);
  const auto use = [&] {
    return (*exe)->Use(std::make_shared<InputSlot>(workspace.shared_device()));
  };
  ASSERT_TRUE(use().ok());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE((*exe)->Run().ok());
  EXPECT_EQ(binds, 2);
  ASSERT_TRUE(use().ok());
  EXPECT_EQ((*exe)->Run().message(), "Square 'sq': bound too often");
}

// A kernel that wants 1 and copies what it gets.
class WantsOne : public Kernel {
  absl::Status Run() override {
    const float x = *out<float>(0) = *in<float>(0);
    if (x != 1) args().ReportOutOfRange(0, 0, x, 1, 2);
    return absl::OkStatus();
  }
};

// The run goes on after a fault; the first one is the run's error, and the next run has none.
TEST(Executable, WaitTellsTheFirstFault) {
  Backend backend;
  backend.name = "wanting";
  backend.kernels.Add("Square", [&](const KernelSpec&) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    return std::make_unique<WantsOne>();
  });
  CompileOptions options = Options();
  options.backend = &backend;
  Workspace workspace;
  const auto made = Compile(ParseText("net n\ninput x f32[1]\ny f32[1] = Square(x) @first\n"
                                      "z f32[1] = Square(y) @second\noutput z\n")
                                .value(),
                            options, &workspace);
  ASSERT_TRUE(made.ok()) << made.status();
  Executable& exe = **made;
  Recorder recorder;
  for (const bool watched : {false, true}) {
    if (watched) exe.AddTraceHook(&recorder);
    Set(exe, "x", {3});
    const absl::Status submitted = exe.Submit();
    EXPECT_EQ(submitted.ok(), !watched) << "with a hook each operator is waited for";
    const absl::Status status = watched ? submitted : exe.Wait();
    EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange);
    EXPECT_EQ(status.message(),
              "Square 'first': 'x' f32[1] is 3 at element 0, and must be at least 1 and below 2");
    if (!watched) {
      EXPECT_EQ(Get(exe, "z"), Floats({3}));
    }
    Set(exe, "x", {1});
    EXPECT_TRUE(exe.Run().ok());
  }
}

// A net that fails after a fault leaves no fault to the next run.
TEST(Executable, AFailedRunTakesItsFaultWithIt) {
  Backend backend;
  backend.name = "wanting";
  bool fails = true;
  struct Fails : Kernel {
    explicit Fails(const bool* fails) : fails(fails) {}
    absl::Status Run() override {
      return *fails ? absl::ResourceExhaustedError("no memory") : absl::OkStatus();
    }
    const bool* fails;
  };
  backend.kernels.Add("Square", [&](const KernelSpec&) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    return std::make_unique<WantsOne>();
  });
  backend.kernels.Add("Reverse", [&](const KernelSpec&) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    return std::make_unique<Fails>(&fails);
  });
  CompileOptions options = Options();
  options.backend = &backend;
  Workspace workspace;
  const auto exe = Compile(ParseText("net n\ninput x f32[1]\ny f32[1] = Square(x) @first\n"
                                     "z f32[1] = Reverse(y) @second\noutput z\n")
                               .value(),
                           options, &workspace);
  ASSERT_TRUE(exe.ok()) << exe.status();
  Set(**exe, "x", {3});
  EXPECT_EQ((*exe)->Run().message(), "Reverse 'second': no memory");
  fails = false;
  Set(**exe, "x", {1});
  EXPECT_TRUE((*exe)->Run().ok());
}

// One slot is written while the net runs on the other.
TEST(Executable, RunsOnTheSlotThatItUses) {
  Workspace workspace;
  const auto exe =
      MustCompile("net n\ninput x f32[1]\nstate w f32[1] -> w.out\nw.out f32[1] = Add(w, x) @add\n",
                  &workspace);
  const auto first = exe->slot();
  const auto second = std::make_shared<InputSlot>(workspace.shared_device());
  Set(*exe, "x", {1});
  ASSERT_TRUE(exe->Use(second).ok());
  Set(*exe, "x", {10});
  EXPECT_EQ(*first->Read<float>("x"), Floats({1}));
  ASSERT_TRUE(exe->Run().ok());
  EXPECT_EQ(Get(*exe, "w"), Floats({10}));
  ASSERT_TRUE(exe->Use(first).ok());
  ASSERT_TRUE(exe->Run().ok());
  EXPECT_EQ(Get(*exe, "w"), Floats({11}));

  const auto other = std::make_shared<InputSlot>(workspace.shared_device());
  ASSERT_TRUE(other->Create("x", {DType::kF32, {2}}).ok());
  EXPECT_FALSE(other->Fits(exe->net()));
  EXPECT_TRUE(second->Fits(exe->net()));
  EXPECT_EQ(exe->Use(other).code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Executable, ASlotThatDoesNotFitChangesNothing) {
  Workspace workspace;
  const auto exe = MustCompile(
      "net n\ninput a f32[1]\ninput b f32[1]\ny f32[1] = Add(a, b) @add\noutput y\n", &workspace);
  const auto other = std::make_shared<InputSlot>(workspace.shared_device());
  ASSERT_TRUE(other->Create("b", {DType::kF32, {2}}).ok());
  Set(*exe, "a", {1});
  EXPECT_FALSE(exe->Use(other).ok());
  Set(*exe, "b", {2});
  ASSERT_TRUE(exe->Run().ok());
  EXPECT_EQ(Get(*exe, "y"), Floats({3}));
  Set(*exe, "a", {5});
  ASSERT_TRUE(exe->Run().ok());
  EXPECT_EQ(Get(*exe, "y"), Floats({7}));
}

TEST(Executable, NetsShareASlotOrHaveTheirOwn) {
  Workspace workspace;
  const char text[] = "net n\ninput x f32[1]\ny f32[1] = Scale(x) factor=2.0 @s\noutput y\n";
  const auto a = MustCompile(text, &workspace), b = MustCompile(text, &workspace);
  Set(*a, "x", {1});
  Set(*b, "x", {2});
  ASSERT_TRUE(a->Run().ok());
  EXPECT_EQ(Get(*a, "y"), Floats({2}));
  ASSERT_TRUE(b->Use(a->slot()).ok());
  ASSERT_TRUE(b->Run().ok());
  EXPECT_EQ(Get(*b, "y"), Floats({2}));
}

}  // namespace
}  // namespace graph
