// A dumped net, and files that are none.
#include "tools/benchmark/net_bench.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "graph/ir/serialize.h"
#include "graph/schema/builder.h"
#include "gtest/gtest.h"
#include "tools/plugins.h"
#include "tools/reference_backend.h"

namespace tools {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

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
  // LayerNorm with states w and b, and two GELUs after it.
  graph::Net Net() {
    graph::NetBuilder b(&registry_, "tiny");
    const graph::BlobId x = b.Input("x", {graph::DType::kF32, {6, 8}});
    const graph::BlobId lr = b.Input("lr", {graph::DType::kF32, {1}});
    const graph::BlobId w = b.State("w", {graph::DType::kF32, {8}});
    const graph::BlobId bias = b.State("b", {graph::DType::kF32, {8}});
    const graph::BlobId y = b.Op("LayerNorm", "norm", {x, w, bias}, {{"eps", 1e-6f}});
    b.Output(b.Op("Gelu", "act2", {b.Op("Gelu", "act", {y})}));
    b.Output(lr);
    return Finished(&b);
  }
  // Sets w, which has `elements` elements there.
  graph::Net Init(int64_t elements) {
    graph::NetBuilder b(&registry_, "tiny_init");
    const graph::BlobId w = b.State("w", {graph::DType::kF32, {elements}});
    b.SetExit(w, b.Op("ConstantFill", "fill", {},
                      {{"value", 0.5f}, {"shape", std::vector<int64_t>{elements}}}));
    return Finished(&b);
  }
  static graph::Net Finished(graph::NetBuilder* b) {
    absl::StatusOr<graph::Net> net = b->Finish();
    EXPECT_TRUE(net.ok()) << net.status();
    return net.ok() ? *std::move(net) : graph::Net();
  }

  absl::StatusOr<NetBenchResult> Run(const std::string& net, const std::string& init = "",
                                     bool reference = false) {
    NetBenchOptions options;
    options.net = net;
    options.init_net = init;
    options.runs = 3;
    return BenchNet(registry_, *MakeAnyBackend(reference ? "reference" : "cpu", 1), options);
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
  const std::string binary = Write("a.pb", graph::ToNetDefBytes(Net()));
  const std::string text = Write("a.pbtxt", graph::ToNetDefText(Net()));
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
  const auto result = Run(Write("a.pb", graph::ToNetDefBytes(Net())));
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
  const std::string net = Write("a_predict_net.pb", graph::ToNetDefBytes(Net()));
  EXPECT_EQ(Run(net)->init_net, "");
  const std::string init = Write("a_init_net.pb", graph::ToNetDefBytes(Init(8)));
  const auto result = Run(net);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->init_net, init);
  // Had it not run against the same states, another type would do.
  const std::string other = Write("b.pb", graph::ToNetDefBytes(Init(9)));
  EXPECT_THAT(Error(net, other), HasSubstr("--init_net=" + other));
}

TEST_F(NetBench, BadFilesAreNamed) {
  const std::string net = Write("a.pb", graph::ToNetDefBytes(Net()));
  const std::string missing = (folder_ / "none.pb").string();
  EXPECT_THAT(Error(missing), HasSubstr("--net: cannot read " + missing));
  EXPECT_THAT(Error(net, missing), HasSubstr("--init_net: cannot read " + missing));
  EXPECT_THAT(Error(folder_.string()), HasSubstr(folder_.string()));
  const std::string garbage = Write("garbage.pb", "\xff\xff no net");
  EXPECT_THAT(Error(garbage), HasSubstr("--net=" + garbage));
  EXPECT_THAT(Error(net, garbage), HasSubstr("--init_net=" + garbage));
  EXPECT_THAT(Error(Write("c.pbtxt", "op {")), HasSubstr("c.pbtxt"));

  graph::Net unknown = Net();
  unknown.ops[1].type = "Gulu";
  EXPECT_THAT(Error(Write("d.pb", graph::ToNetDefBytes(unknown))), HasSubstr("Gulu"));
  graph::Net wrong = Net();
  wrong.blobs[wrong.ops[1].outputs[0]].type.shape = {6, 9};
  EXPECT_THAT(Error(Write("e.pb", graph::ToNetDefBytes(wrong))), HasSubstr("e.pb"));
}

}  // namespace
}  // namespace tools
