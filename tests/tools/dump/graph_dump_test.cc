#include "tools/dump/graph_dump.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "gmock/gmock.h"
#include "graph/compiler/compiler.h"
#include "graph/ir/serialize.h"
#include "graph/ir/text.h"
#include "graph/ir/verify.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/forward_net.h"
#include "models/training/session.h"
#include "tests/models/training/tiny_run.h"

namespace tools {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr int kBatch = 3;
constexpr float kSigma = 0.9f;

std::string Read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::stringstream content;
  content << file.rdbuf();
  return content.str();
}

graph::Net ReadNet(const fs::path& path) {
  const absl::StatusOr<graph::Net> net = graph::FromNetDefBytes(Read(path));
  EXPECT_TRUE(net.ok()) << path << ": " << net.status();
  return net.ok() ? *net : graph::Net();
}

// A new, empty folder of the running test.
fs::path Folder(const std::string& name) {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  const fs::path path =
      fs::path(::testing::TempDir()) / absl::StrCat(test->test_suite_name(), test->name(), name);
  fs::remove_all(path);
  return path;
}

// A session, and what it dumped while it was made.
struct DumpedRun {
  explicit DumpedRun(int accum_iter = 1, bool passes = true)
      : model(models::TinyModelConfig(), models::TinyDropPosConfig(/*attn_guide=*/true)) {
    models::SessionOptions options = engine.Options(kBatch, accum_iter);
    options.compile.passes.enabled = passes;
    options.dump = [this](const std::string& stage, const graph::Net& net) {
      dump.Add(stage, net);
    };
    auto made = models::Session::Create(&model, options);
    EXPECT_TRUE(made.ok()) << made.status();
    session = std::move(made).value();
  }

  models::TinyEngine engine;
  models::DropPos model;
  GraphDump dump;
  std::unique_ptr<models::Session> session;
};

// Every state, as raw bytes.
std::map<std::string, std::string> States(const graph::Net& net, graph::Workspace* workspace) {
  std::map<std::string, std::string> states;
  for (const graph::State& s : net.states) {
    const graph::Blob& blob = net.blob(s.entry);
    const graph::ConstTensor tensor = workspace->Find(blob.name).value();
    std::vector<uint8_t> bytes(blob.type.bytes());
    EXPECT_TRUE(tensor.ReadBytes(0, absl::MakeSpan(bytes)).ok());
    states[blob.name].assign(bytes.begin(), bytes.end());
  }
  return states;
}

TEST(GraphDump, WritesEveryFormOfEveryNet) {
  DumpedRun run;
  const fs::path dir = Folder("/with/parents");
  const absl::StatusOr<std::vector<std::string>> names = run.dump.Write(dir.string());
  ASSERT_TRUE(names.ok()) << names.status();

  std::set<std::string> expected;
  for (const std::string net : {"train", "eval", "eval_all_dropped"}) {
    for (const std::string when : {"", "_before_passes"}) {
      for (const std::string suffix : {"_predict_net.pb", "_predict_net.pbtxt", "_init_net.pb",
                                       "_init_net.pbtxt", ".txt", ".dot", ".blocks.dot"}) {
        expected.insert(net + when + suffix);
      }
      const std::string base = (dir / (net + when)).string();
      const graph::Net predict = ReadNet(base + "_predict_net.pb");
      EXPECT_EQ(predict.name, net);
      const std::string text = Read(base + ".txt");
      EXPECT_EQ(graph::ToText(predict), text);
      EXPECT_EQ(graph::ToText(graph::FromNetDefText(Read(base + "_predict_net.pbtxt")).value()),
                text);
      EXPECT_EQ(graph::ToText(graph::ParseText(text).value()), text);
      EXPECT_TRUE(graph::Verify(predict, run.engine.registry).ok());
      const graph::Net init = ReadNet(base + "_init_net.pb");
      EXPECT_EQ(graph::ToText(graph::FromNetDefText(Read(base + "_init_net.pbtxt")).value()),
                graph::ToText(init));
      EXPECT_TRUE(graph::Verify(init, run.engine.registry).ok());
    }
  }
  EXPECT_EQ(std::set<std::string>(names->begin(), names->end()), expected);
  EXPECT_EQ(names->size(), expected.size());
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(dir)) {
    found.insert(entry.path().filename().string());
    EXPECT_GT(entry.file_size(), 0u) << entry.path();
  }
  EXPECT_EQ(found, expected);
  EXPECT_EQ(Read(dir / "train.txt"), graph::ToText(run.session->train().net())) << "as it runs";
}

TEST(GraphDump, FusionShowsBetweenBeforeAndAfter) {
  DumpedRun run;
  const fs::path dir = Folder("");
  ASSERT_TRUE(run.dump.Write(dir.string()).ok());
  const std::string before = Read(dir / "eval_before_passes.txt");
  const std::string after = Read(dir / "eval.txt");
  EXPECT_THAT(before, HasSubstr("= BiasAdd("));
  EXPECT_THAT(before, testing::Not(HasSubstr("Linear(")));
  EXPECT_THAT(after, HasSubstr("= PackedLinear("));
  EXPECT_THAT(after, HasSubstr("= AddLayerNorm("));
  EXPECT_LT(ReadNet(dir / "eval_predict_net.pb").ops.size(),
            ReadNet(dir / "eval_before_passes_predict_net.pb").ops.size());
  EXPECT_THAT(Read(dir / "eval.dot"), HasSubstr("<b>PackedLinear</b>"));
  EXPECT_THAT(Read(dir / "eval_before_passes.dot"), HasSubstr("<b>BiasAdd</b>"));
  EXPECT_NE(Read(dir / "train.blocks.dot"), Read(dir / "train_before_passes.blocks.dot"));
}

TEST(GraphDump, WithoutPassesTheNetRunsAsBuilt) {
  DumpedRun run(/*accum_iter=*/1, /*passes=*/false);
  const fs::path dir = Folder("");
  ASSERT_TRUE(run.dump.Write(dir.string()).ok());
  EXPECT_EQ(Read(dir / "train.txt"), Read(dir / "train_before_passes.txt"));
  EXPECT_EQ(Read(dir / "train.txt"), graph::ToText(run.session->train().net()));
}

// Netron takes shapes from XavierFill and ConstantFill with a `shape`.
TEST(GraphDump, InitNetSetsEveryStateAndHoldsNoValues) {
  DumpedRun run;
  const auto initial = States(run.session->train().net(), run.session->workspace());
  const fs::path dir = Folder("");
  ASSERT_TRUE(run.dump.Write(dir.string()).ok());
  const graph::Net predict = ReadNet(dir / "train_predict_net.pb");
  const graph::Net init = ReadNet(dir / "train_init_net.pb");
  ASSERT_EQ(init.ops.size(), predict.states.size());
  std::map<std::string, graph::TensorType> set;
  for (const graph::Op& op : init.ops) {
    EXPECT_TRUE(op.type == "XavierFill" || op.type == "ConstantFill") << op.type;
    ASSERT_EQ(op.outputs.size(), 1u);
    const graph::TensorType& type = init.type(op.outputs[0]);
    EXPECT_EQ(op.Ints("shape"), std::vector<int64_t>(type.shape.begin(), type.shape.end()));
    for (const auto& [name, value] : op.attrs) {
      const auto* list = absl::get_if<std::vector<int64_t>>(&value);
      EXPECT_TRUE(list == nullptr || list->size() <= 4) << op.Describe() << " " << name;
    }
    set[init.blob(op.outputs[0]).name] = type;
  }
  for (const graph::State& s : predict.states) {
    const graph::Blob& blob = predict.blob(s.entry);
    EXPECT_EQ(set[graph::StateExitName(blob.name)], blob.type) << blob.name;
  }

  graph::Workspace workspace;
  const auto executable = graph::Compile(init, run.engine.Options(kBatch).compile, &workspace);
  ASSERT_TRUE(executable.ok()) << executable.status();
  for (const auto& [name, bytes] : initial) {  // whatever was there before
    const graph::Tensor tensor = workspace.Find(name).value();
    const std::vector<uint8_t> spoilt(tensor.type.bytes(), 0x7f);
    ASSERT_TRUE(tensor.WriteBytes(0, spoilt).ok());
  }
  ASSERT_TRUE((*executable)->Run().ok());
  const auto again = States(predict, &workspace);
  ASSERT_EQ(again.size(), initial.size());
  for (const auto& [name, bytes] : initial) EXPECT_TRUE(again.at(name) == bytes) << name;
  bool zero_moment = false;
  for (const auto& [name, bytes] : initial) zero_moment |= name == "adam_m/blocks.0.norm1.weight";
  EXPECT_TRUE(zero_moment && initial.count("optimizer/step") == 1);
}

void Feed(const models::Batch& batch, float lr, graph::Executable* executable) {
  ASSERT_TRUE(models::FeedBatch(executable, batch).ok());
  const std::pair<const char*, float> scalars[] = {
      {"lr", lr}, {"sigma", kSigma}, {models::kLossLimit, HUGE_VALF}};
  for (const auto& [name, value] : scalars) {
    if (!executable->Has(name)) continue;  // an accumulating net has no lr
    ASSERT_TRUE(executable->WriteScalar(name, value).ok());
  }
}

// (accum_iter, which of the two dumps)
class Reloaded : public ::testing::TestWithParam<std::tuple<int, std::string>> {};

TEST_P(Reloaded, TrainsBitEqualToTheSessionItCameFrom) {
  const auto [accum_iter, when] = GetParam();
  DumpedRun run(accum_iter);
  const fs::path dir = Folder("");
  ASSERT_TRUE(run.dump.Write(dir.string()).ok());

  std::vector<std::string> names = {"train"};
  if (accum_iter == 3) names = {"train_first", "train_middle", "train_last"};
  graph::CompileOptions compile = run.engine.Options(kBatch).compile;
  compile.passes.enabled = when == "_before_passes";  // the others went through them
  graph::Workspace workspace;
  std::vector<std::unique_ptr<graph::Executable>> steps;
  for (const std::string& name : names) {
    const std::string base = (dir / (name + when)).string();
    auto step = graph::Compile(ReadNet(base + "_predict_net.pb"), compile, &workspace);
    ASSERT_TRUE(step.ok()) << step.status();
    steps.push_back(std::move(*step));
    const auto init = graph::Compile(ReadNet(base + "_init_net.pb"), compile, &workspace);
    ASSERT_TRUE(init.ok()) << init.status();
    ASSERT_TRUE((*init)->Run().ok());
  }
  const graph::Net& last = steps.back()->net();
  const auto initial = States(last, &workspace);
  ASSERT_EQ(initial, States(last, run.session->workspace()));

  const std::string loss = last.blob(last.outputs[0]).name;
  for (int step = 0; step < 3; ++step) {
    const float lr = 0.01f * static_cast<float>(step + 1);
    std::vector<models::Batch> batches;
    for (int i = 0; i < accum_iter; ++i) {
      batches.push_back(models::RandomBatch(models::TinyModelConfig(), kBatch, 10 * step + i));
    }
    size_t next = 0;
    const auto expected = run.session->Step(
        [&]() -> absl::StatusOr<const models::Batch*> { return &batches[next++]; }, lr,
        {{"sigma", kSigma}});
    ASSERT_TRUE(expected.ok()) << expected.status();
    double mean = 0;
    for (int i = 0; i < accum_iter; ++i) {
      Feed(batches[i], lr, steps[i].get());
      ASSERT_TRUE(steps[i]->Run().ok());
      mean += static_cast<double>(steps[i]->Read<float>(loss)->at(0)) / accum_iter;
    }
    EXPECT_EQ(mean, expected->loss) << "step " << step;
  }
  const auto trained = States(last, &workspace);
  EXPECT_NE(trained, initial);
  const auto expected = States(last, run.session->workspace());
  ASSERT_EQ(trained.size(), expected.size());
  for (const auto& [name, bytes] : expected) EXPECT_TRUE(trained.at(name) == bytes) << name;
}

INSTANTIATE_TEST_SUITE_P(All, Reloaded,
                         ::testing::Combine(::testing::Values(1, 3),
                                            ::testing::Values("", "_before_passes")));

TEST(GraphDump, RelativeFoldersAreWhereTheCommandWasTyped) {
  DumpedRun run;
  const fs::path typed_in = Folder("");
  fs::create_directories(typed_in);
  ::setenv("BUILD_WORKING_DIRECTORY", typed_in.c_str(), 1);
  const auto names = run.dump.Write("runs/graph");
  ::unsetenv("BUILD_WORKING_DIRECTORY");
  ASSERT_TRUE(names.ok()) << names.status();
  EXPECT_TRUE(fs::exists(typed_in / "runs" / "graph" / "train.dot"));
}

TEST(GraphDump, ErrorsNameTheFolderOrTheFile) {
  DumpedRun run;
  const fs::path dir = Folder("");
  fs::create_directories(dir / "taken" / "train.txt");
  std::ofstream(dir / "file") << "in the way";

  const auto below_a_file = run.dump.Write((dir / "file" / "graph").string());
  ASSERT_FALSE(below_a_file.ok());
  EXPECT_THAT(std::string(below_a_file.status().message()),
              HasSubstr((dir / "file" / "graph").string()));
  EXPECT_THAT(std::string(below_a_file.status().message()), HasSubstr("--dump_graph"));

  const auto at_a_file = run.dump.Write((dir / "file").string());
  ASSERT_FALSE(at_a_file.ok());
  EXPECT_THAT(std::string(at_a_file.status().message()), HasSubstr((dir / "file").string()));
  EXPECT_EQ(Read(dir / "file"), "in the way");

  const auto taken = run.dump.Write((dir / "taken").string());
  ASSERT_FALSE(taken.ok());
  EXPECT_THAT(std::string(taken.status().message()),
              HasSubstr((dir / "taken" / "train.txt").string()));
  EXPECT_THAT(std::string(taken.status().message()), HasSubstr("--dump_graph"));
}

TEST(GraphDump, NeedsTheInitNet) {
  GraphDump dump;
  dump.Add("00_built", graph::ParseText("net eval\nstate w f32[2]\noutput w\n").value());
  const fs::path dir = Folder("");
  const auto names = dump.Write(dir.string());
  EXPECT_EQ(names.status().code(), absl::StatusCode::kFailedPrecondition) << names.status();
  EXPECT_THAT(std::string(names.status().message()), HasSubstr("'init'"));
  EXPECT_FALSE(fs::exists(dir)) << "nothing half-written";
}

TEST(InitNetFor, TakesWhatInitSetsAndZeroesTheRest) {
  const graph::Net init =
      graph::ParseText(
          "net init\nstate w f32[2] -> w.out\nstate other f32[9] -> other.out\n"
          "w.out f32[2] = ConstantFill() dtype=\"f32\" shape=[2] value=3.0 @init/w\n"
          "other.out f32[9] = ConstantFill() dtype=\"f32\" shape=[9] value=1.0 @init/other\n")
          .value();
  const graph::Net net =
      graph::ParseText("net train\nstate n i32[1]\nstate w f32[2]\noutput w\n").value();
  const absl::StatusOr<graph::Net> made = InitNetFor(net, init);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(graph::ToText(*made),
            "net train_init\nstate n i32[1] -> n.out\nstate w f32[2] -> w.out\n"
            "n.out i32[1] = ConstantFill() dtype=\"i32\" initializer=\"constant\" shape=[1] "
            "value=0.0 @init/n part=n\n"
            "w.out f32[2] = ConstantFill() dtype=\"f32\" shape=[2] value=3.0 @init/w\n");

  const graph::Net wider = graph::ParseText("net eval\nstate w f32[3]\noutput w\n").value();
  const absl::StatusOr<graph::Net> refused = InitNetFor(wider, init);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("'w'"));

  const graph::Net computed =
      graph::ParseText(
          "net init\ninput x f32[2]\nstate w f32[2] -> w.out\nw.out f32[2] = Gelu(x) @g\n")
          .value();
  const absl::StatusOr<graph::Net> not_from_nothing = InitNetFor(net, computed);
  EXPECT_THAT(std::string(not_from_nothing.status().message()), HasSubstr("Gelu 'g'"));
}

}  // namespace
}  // namespace tools
