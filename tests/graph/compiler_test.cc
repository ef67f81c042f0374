#include "graph/compiler/compiler.h"

#include "absl/strings/match.h"
#include "graph/ir/text.h"
#include "gtest/gtest.h"
#include "tests/graph/random_net.h"
#include "tests/graph/toy_ops.h"

namespace graph {
namespace {

CompileOptions Options() {
  CompileOptions options;
  options.registry = &ToyRegistry();
  options.backend = &ToyBackend();
  return options;
}

constexpr char kText[] =
    "net n\ninput x f32[4]\n"
    "a f32[4] = Square(x) @one\n"
    "b f32[4] = Square(x) @same_as_one\n"
    "c f32[4] = Add(a, b) @add\n"
    "dead f32[4] = Square(c) @dead\n"
    "d f32[4] = Scale(c) factor=2.0 @scale\n"
    "output d\n";

TEST(Compile, RunsThePasses) {
  Workspace workspace;
  const auto exe = Compile(ParseText(kText).value(), Options(), &workspace);
  ASSERT_TRUE(exe.ok()) << exe.status();
  // The executable's net is the one that runs.
  EXPECT_EQ((*exe)->net().ops.size(), 3u);
  EXPECT_TRUE(Verify((*exe)->net(), ToyRegistry()).ok());
  EXPECT_EQ((*exe)->net().Find("dead"), kNone);
}

TEST(Compile, PassesCanBeSwitchedOff) {
  Workspace workspace;
  CompileOptions options = Options();
  options.passes.enabled = false;
  const auto exe = Compile(ParseText(kText).value(), options, &workspace);
  ASSERT_TRUE(exe.ok()) << exe.status();
  EXPECT_EQ(ToText((*exe)->net()), kText);
}

TEST(Compile, BadNetsAreRefused) {
  Workspace workspace;
  Net net = ParseText(kText).value();
  net.ops[0].type = "Cube";
  const auto exe = Compile(net, Options(), &workspace);
  EXPECT_EQ(exe.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(exe.status().message(), "Cube 'one': unknown operator type"))
      << exe.status();
  EXPECT_TRUE(workspace.Names().empty());
}

TEST(Compile, UnknownPassesAreRefused) {
  Workspace workspace;
  CompileOptions options = Options();
  options.passes.disabled = {"no_such_pass"};
  const auto exe = Compile(ParseText(kText).value(), options, &workspace);
  EXPECT_EQ(exe.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(exe.status().message(), "no_such_pass")) << exe.status();
}

TEST(Compile, TheBackendsLoweringRunsWithTheOptions) {
  const Pass squares = {"squares", [](Net* net, const SchemaRegistry&) {
                          bool changed = false;
                          for (Op& op : net->ops) {
                            if (op.type != "Scale") continue;
                            op.type = "Square";
                            op.attrs.clear();
                            changed = true;
                          }
                          return changed;
                        }};
  Backend backend = ToyBackend();
  ComputePrecision seen = ComputePrecision::kF32;
  backend.lowering = [&](const PipelineOptions& options) {
    seen = options.precision;
    Lowering lowering;
    lowering.after_precision = {squares};
    return lowering;
  };
  CompileOptions options = Options();
  options.backend = &backend;
  options.passes.precision = ComputePrecision::kBF16;
  const auto prepared = Prepare(ParseText(kText).value(), options);
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->net.ops.back().type, "Square");
  EXPECT_EQ(seen, ComputePrecision::kBF16);
  // Its passes are disabled by name like all others, and listed where a name is none of theirs.
  options.passes.disabled = {"squares"};
  const auto without = Prepare(ParseText(kText).value(), options);
  ASSERT_TRUE(without.ok()) << without.status();
  EXPECT_EQ(without->net.ops.back().type, "Scale");
  options.passes.disabled = {"circles"};
  const absl::Status status = Prepare(ParseText(kText).value(), options).status();
  EXPECT_TRUE(absl::StrContains(status.message(), "squares")) << status;
  options.backend = &ToyBackend();
  options.passes.disabled = {"squares"};
  EXPECT_FALSE(Prepare(ParseText(kText).value(), options).ok());
}

TEST(Compile, ABackendWithout8BitProductsSaysSo) {
  CompileOptions options = Options();
  options.passes.precision_overrides = {{"guide", ComputePrecision::kInt8Products}};
  const absl::Status status = Prepare(ParseText(kText).value(), options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(
      status.message(),
      "net 'n': backend 'toy' has no 8-bit products, which 'guide' is to use; give it another "
      "precision");
  Backend backend = ToyBackend();
  backend.capabilities.int8_products = true;
  options.backend = &backend;
  EXPECT_TRUE(Prepare(ParseText(kText).value(), options).ok());
}

TEST(Compile, ListsEveryOperatorThatCannotRunBeforeAnyWork) {
  Workspace workspace;
  const auto exe = Compile(ParseText("net n\ninput x f32[4]\nstate z f64[4]\n"
                                     "a f32[4] = Orphan(x) @left\n"
                                     "b f32[4] = Square(a) @fine\n"
                                     "c f64[4] = Square(z) @wide\n"
                                     "d f32[4] = Orphan(b) @right\n"
                                     "output c\noutput d\n")
                               .value(),
                           Options(), &workspace);
  EXPECT_EQ(exe.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_EQ(exe.status().message(),
            "net 'n': backend 'toy' cannot run 3 of 4 operators:\n"
            "  Orphan 'left': the backend has no such kernel\n"
            "  Square 'wide': only f32, not f64\n"
            "  Orphan 'right': the backend has no such kernel");
  EXPECT_TRUE(workspace.Names().empty());
  EXPECT_EQ(workspace.arena_bytes(), 0u);
}

TEST(Compile, AKernelThatGetsNoMemoryIsNoneThatTheBackendLacks) {
  Backend backend;
  backend.kernels.Add("Square", [](const KernelSpec&) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    return absl::ResourceExhaustedError("no memory");
  });
  CompileOptions options = Options();
  options.backend = &backend;
  Workspace workspace;
  EXPECT_EQ(
      Compile(ParseText("net n\ninput x f32[4]\ny f32[4] = Square(x) @sq\noutput y\n").value(),
              options, &workspace)
          .status(),
      absl::ResourceExhaustedError("no memory"));
}

TEST(Compile, ThreadsReachTheKernels) {
  int threads = 0;
  Backend backend;
  backend.name = "counting";
  backend.kernels.Add("Square",
                      [&](const KernelSpec& spec) -> absl::StatusOr<std::unique_ptr<Kernel>> {
                        threads = spec.threads;
                        EXPECT_EQ(spec.op->name, "sq");
                        EXPECT_EQ(spec.in(0).ToString(), "f32[4]");
                        EXPECT_EQ(spec.out(0).ToString(), "f32[4]");
                        return absl::UnimplementedError("only counts");
                      });
  CompileOptions options = Options();
  options.backend = &backend;
  backend.device = MakeHostDevice(/*threads=*/3);
  Workspace workspace;
  EXPECT_FALSE(
      Compile(ParseText("net n\ninput x f32[4]\ny f32[4] = Square(x) @sq\noutput y\n").value(),
              options, &workspace)
          .ok());
  EXPECT_EQ(threads, 3);
}

// f32 nets only have kernels; their inputs and states are filled from `seed`.
void Fill(const Net& net, uint64_t seed, Executable* executable) {
  const auto fill = [&](BlobId b) {
    float value = static_cast<float>(seed % 7 + b);
    for (float& e : executable->Find(net.blob(b).name)->as<float>()) e = value += 0.5f;
  };
  for (BlobId b : net.inputs) fill(b);
  for (const State& s : net.states) fill(s.entry);
}

std::string Bits(const Tensor& tensor) {
  return std::string(static_cast<const char*>(tensor.data), tensor.type.bytes());
}

// Passes, in-place memory and the plan change nothing that can be seen.
TEST(Compile, RandomNetsGiveTheSameWithAndWithoutPasses) {
  int ran = 0;
  for (uint64_t seed = 0; seed < 600; ++seed) {
    Net net = RandomNet(seed);
    const bool f32 = net.type(net.inputs[0]).dtype == DType::kF32;
    for (Op& op : net.ops) op.in_place.clear();
    if (!f32) continue;
    CompileOptions plain = Options();
    plain.passes.enabled = false;
    Workspace one, two;
    const auto a = Compile(net, plain, &one);
    const auto b = Compile(net, Options(), &two);
    ASSERT_TRUE(a.ok()) << a.status();
    ASSERT_TRUE(b.ok()) << b.status();
    Fill(net, seed, a->get());
    Fill(net, seed, b->get());
    for (int run = 0; run < 2; ++run) {
      ASSERT_TRUE((*a)->Run().ok());
      ASSERT_TRUE((*b)->Run().ok());
      for (BlobId out : net.outputs) {
        const std::string& name = net.blob(out).name;
        ASSERT_EQ(Bits((*a)->Find(name).value()), Bits((*b)->Find(name).value()))
            << name << "\n"
            << ToText(net) << ToText((*b)->net());
      }
      for (const std::string& name : one.Names()) {
        ASSERT_EQ(Bits(one.Find(name).value()), Bits(two.Find(name).value()))
            << name << "\n"
            << ToText(net) << ToText((*b)->net());
      }
    }
    ++ran;
  }
  EXPECT_GT(ran, 50);
}

}  // namespace
}  // namespace graph
