// A dumped net, and files that are none.
#include "tools/benchmark/net_bench.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "graph/ir/serialize.h"
#include "graph/ir/text.h"
#include "gtest/gtest.h"
#include "tools/plugins.h"
#include "tools/reference_backend.h"

namespace tools {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr char kNet[] = R"(net tiny
input x f32[6,8]
input lr f32[1]
state w f32[8]
state b f32[8]
y f32[6,8], mean f32[6], variance f32[6] = LayerNorm(x, w, b) eps=1e-06 dtype="same" @norm
z f32[6,8] = Gelu(y) @act
u f32[6,8] = Gelu(z) @act2
output u
output lr
)";

class NetBench : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(std::getenv("TEST_TMPDIR")) /
              ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
  }

  std::string Write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return (folder_ / name).string();
  }
  static graph::Net Parse(const std::string& text) {
    auto net = graph::ParseText(text);
    EXPECT_TRUE(net.ok()) << net.status();
    return *std::move(net);
  }
  // As the schemas of this build write it.
  std::string Init(const std::string& type) {
    return "net tiny_init\nstate w " + type + " -> w.out\nw.out " + type +
           " = ConstantFill(w) value=0.5 @fill\n";
  }

  absl::StatusOr<NetBenchResult> Run(const std::string& net, const std::string& init = "",
                                     bool reference = false) {
    NetBenchOptions options;
    options.net = net;
    options.init_net = init;
    options.runs = 3;
    return BenchNet(registry_, reference ? MakeReferenceBackend() : MakeCpuBackend(1), options);
  }
  std::string Error(const std::string& net, const std::string& init = "") {
    const auto result = Run(net, init);
    EXPECT_FALSE(result.ok());
    return std::string(result.status().message());
  }

  const graph::SchemaRegistry registry_ = MakeRegistry();
  fs::path folder_;
};

TEST_F(NetBench, OpByOp) {
  const std::string binary = Write("a.pb", graph::ToNetDefBytes(Parse(kNet)));
  const std::string text = Write("a.pbtxt", graph::ToNetDefText(Parse(kNet)));
  for (const bool reference : {false, true}) {
    for (const std::string& path : {binary, text}) {
      const auto result = Run(path, "", reference);
      ASSERT_TRUE(result.ok()) << result.status();
      EXPECT_EQ(result->net, "tiny");
      EXPECT_EQ(result->init_net, "");
      EXPECT_GT(result->seconds.least, 0);
      ASSERT_EQ(result->ops.size(), 3);
      EXPECT_EQ(result->ops[0].type, "LayerNorm");
      EXPECT_EQ(result->ops[0].name, "norm");
      EXPECT_EQ(result->ops[2].name, "act2");
      for (const OpTime& op : result->ops) {
        EXPECT_GT(op.seconds, 0);
        EXPECT_GT(op.flops, 0);
        EXPECT_GT(op.bytes, 0);
      }
    }
  }
}

TEST_F(NetBench, SumsByType) {
  const auto result = Run(Write("a.pb", graph::ToNetDefBytes(Parse(kNet))));
  ASSERT_TRUE(result.ok()) << result.status();
  const std::vector<OpTime> types = ByType(result->ops);
  ASSERT_EQ(types.size(), 2);
  EXPECT_GE(types[0].seconds, types[1].seconds);
  const OpTime& gelu = types[types[0].type == "Gelu" ? 0 : 1];
  EXPECT_EQ(gelu.ops, 2);
  EXPECT_EQ(gelu.flops, result->ops[1].flops + result->ops[2].flops);
  EXPECT_DOUBLE_EQ(gelu.seconds, result->ops[1].seconds + result->ops[2].seconds);
  const std::string by_op = OpTimeTable(result->ops), by_type = OpTimeTable(types);
  EXPECT_THAT(by_op, HasSubstr("Gelu act2"));
  EXPECT_EQ(std::count(by_type.begin(), by_type.end(), '\n'), 3) << by_type;
}

TEST_F(NetBench, StatesAreSetByTheInitNetBesideIt) {
  const std::string net = Write("a_predict_net.pb", graph::ToNetDefBytes(Parse(kNet)));
  EXPECT_EQ(Run(net)->init_net, "");
  const std::string init = Write("a_init_net.pb", graph::ToNetDefBytes(Parse(Init("f32[8]"))));
  const auto result = Run(net);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->init_net, init);
  // Had it not run against the same states, another type would do.
  const std::string other = Write("b.pb", graph::ToNetDefBytes(Parse(Init("f32[9]"))));
  EXPECT_THAT(Error(net, other), HasSubstr("--init_net=" + other));
}

TEST_F(NetBench, BadFilesAreNamed) {
  const std::string net = Write("a.pb", graph::ToNetDefBytes(Parse(kNet)));
  const std::string missing = (folder_ / "none.pb").string();
  EXPECT_THAT(Error(missing), HasSubstr("--net: cannot read " + missing));
  EXPECT_THAT(Error(net, missing), HasSubstr("--init_net: cannot read " + missing));
  EXPECT_THAT(Error(folder_.string()), HasSubstr(folder_.string()));
  const std::string garbage = Write("garbage.pb", "\xff\xff no net");
  EXPECT_THAT(Error(garbage), HasSubstr("--net=" + garbage));
  EXPECT_THAT(Error(net, garbage), HasSubstr("--init_net=" + garbage));
  EXPECT_THAT(Error(Write("c.pbtxt", "op {")), HasSubstr("c.pbtxt"));

  graph::Net unknown = Parse(kNet);
  unknown.ops[1].type = "Gulu";
  EXPECT_THAT(Error(Write("d.pb", graph::ToNetDefBytes(unknown))), HasSubstr("Gulu"));
  graph::Net wrong = Parse(kNet);
  wrong.blobs[wrong.Find("z")].type.shape = {6, 9};
  EXPECT_THAT(Error(Write("e.pb", graph::ToNetDefBytes(wrong))), HasSubstr("e.pb"));
}

}  // namespace
}  // namespace tools
