// What a profile says of a small run, without asking how long anything took.
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/loader.h"
#include "models/droppos/droppos.h"
#include "models/training/session.h"
#include "nlohmann/json.hpp"
#include "tests/models/training/tiny_run.h"
#include "tools/profile/graph_parts.h"
#include "tools/profile/op_label.h"
#include "tools/profile/profiler.h"
#include "tools/profile/summary.h"
#include "tools/profile/write_profile.h"

namespace tools {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kBatch = 3;

// A session that a profiler can watch.
struct WatchedRun {
  explicit WatchedRun(int accum_iter = 1)
      : model(models::TinyModelConfig(), models::TinyDropPosConfig(/*attn_guide=*/true)),
        batch(models::RandomBatch(models::TinyModelConfig(), kBatch, 7)) {
    models::SessionOptions options = engine.Options(kBatch, accum_iter);
    options.evaluations = false;
    auto made = models::Session::Create(&model, options);
    EXPECT_TRUE(made.ok()) << made.status();
    session = std::move(made).value();
  }

  void Step(Profiler* profiler) {
    const auto next = [&]() -> absl::StatusOr<const models::Batch*> {
      if (profiler != nullptr) profiler->DataAsked();
      if (profiler != nullptr) profiler->DataCame();
      return &batch;
    };
    const auto result = session->Step(next, 1e-3, model.ScheduledInputs(0, 1));
    ASSERT_TRUE(result.ok()) << result.status();
  }

  models::TinyEngine engine;
  models::DropPos model;
  models::Batch batch;
  std::unique_ptr<models::Session> session;
};

ProfileOptions Steps(int warmup, int steps) {
  ProfileOptions options;
  options.warmup = warmup;
  options.steps = steps;
  return options;
}

Profile ProfileOf(WatchedRun* run, ProfileOptions options) {
  Profiler profiler(run->engine.registry, run->session->micro_steps(), options);
  while (!profiler.done()) run->Step(&profiler);
  return profiler.Result();
}

// Two operators with times made up, for what the numbers become.
struct MadeUp {
  explicit MadeUp(MachineRates rates) {
    profile = ProfileOf(&run, Steps(0, 1));
    profile.rates = rates;
    profile.steps = {{0, 100000000}};  // 100 ms
    for (OpProfile& p : profile.ops) p.calls = 0;
  }
  OpProfile* First(const std::string& type) {
    for (OpProfile& p : profile.ops) {
      if (profile.op(p).type == type) return &p;
    }
    ADD_FAILURE() << "no " << type;
    return &profile.ops[0];
  }
  void Set(const std::string& type, double ms, double gflop, double roofline_ms, bool compute) {
    OpProfile* p = First(type);
    p->calls = 1;
    p->mean_ms = p->total_ms = p->min_ms = ms;
    p->flops = static_cast<int64_t>(gflop * 1e9);
    p->bytes = 180000000;
    p->roofline_ms = roofline_ms;
    p->compute_bound = compute;
  }
  WatchedRun run;
  Profile profile;
};

using graph::Phase;

// Called what says nothing, or the wrong thing.
graph::Op Placed(const std::string& type, const std::string& part, Phase phase = Phase::kForward) {
  graph::Op op;
  op.type = type;
  op.name = "grad/guide/blocks.7";
  op.part = part;
  op.phase = phase;
  return op;
}

// In a net with one state, which is blob 0.
Role RoleOf(graph::Op op, graph::BlobId input = 1) {
  graph::Net net;
  net.states.push_back({net.AddBlob("w", {}), 0});
  net.inputs.push_back(net.AddBlob("x", {}));
  op.inputs = {input};
  return tools::RoleOf(net, op);
}

std::string Title(const graph::Op& op) { return OpTitle(op, RoleOf(op)); }

TEST(OpLabel, SaysBlockPartAndRole) {
  EXPECT_EQ(Title(Placed("Linear", "blocks.3.mlp.fc1")), "blocks.3 mlp.fc1 forward (Linear)");
  EXPECT_EQ(Title(Placed("Linear", "guide/blocks.0.attn.qkv")), "blocks.0 attn.qkv guide (Linear)");
  EXPECT_EQ(Title(Placed("MatMul", "blocks.3.mlp.fc1", Phase::kBackward)),
            "blocks.3 mlp.fc1 backward (MatMul)");
  EXPECT_EQ(Title(Placed("AdamW", "norm.weight", Phase::kUpdate)), "norm.weight optimizer (AdamW)");
  EXPECT_EQ(Title(Placed("AdamW", "", Phase::kUpdate)), "optimizer (AdamW)");
  EXPECT_EQ(Title(Placed("Gelu", "blocks.1", Phase::kBackward)), "blocks.1 backward (Gelu)");
  EXPECT_EQ(RoleOf(Placed("PackWeights", "blocks.1.mlp.fc1")), Role::kOptimizer);
  EXPECT_EQ(RoleOf(Placed("QuantizeWeights", "guide/blocks.1.mlp.fc1")), Role::kOptimizer);
  EXPECT_EQ(RoleOf(Placed("Add", "norm.weight", Phase::kUpdate)), Role::kOptimizer);
  EXPECT_EQ(RoleOf(Placed("Cast", "blocks.1.mlp.fc1", Phase::kBackward), 0), Role::kOptimizer);
  EXPECT_EQ(RoleOf(Placed("Cast", "blocks.1.norm1", Phase::kBackward)), Role::kBackward);
  EXPECT_EQ(RoleOf(Placed("Cast", "guide/patches")), Role::kGuide);
  EXPECT_EQ(RoleOf(Placed("Cast", "patches")), Role::kForward);
  EXPECT_EQ(RoleOf(Placed("Gelu", "guided.act")), Role::kForward);
  EXPECT_EQ(RoleOf(Placed("GeluGrad", "guide/act", Phase::kBackward)), Role::kBackward);
}

TEST(Profiler, CountsStepsAfterTheWarmUpAndLetsGo) {
  WatchedRun run;
  Profiler profiler(run.engine.registry, run.session->micro_steps(), Steps(2, 3));
  for (int i = 0; i < 4; ++i) run.Step(&profiler);
  EXPECT_FALSE(profiler.done());
  EXPECT_EQ(profiler.Result().steps.size(), 2u);
  run.Step(&profiler);
  EXPECT_TRUE(profiler.done());
  run.Step(&profiler);  // not watched any more
  const Profile profile = profiler.Result();
  ASSERT_EQ(profile.steps.size(), 3u);
  const size_t ops = run.session->train().net().ops.size();
  ASSERT_EQ(profile.ops.size(), ops);
  EXPECT_EQ(profile.events.size(), 3 * ops);
  EXPECT_EQ(profile.waits.size(), 3u);
  for (const OpProfile& p : profile.ops) {
    EXPECT_EQ(p.calls, 3);
    EXPECT_GE(p.mean_ms, p.min_ms);
    EXPECT_NEAR(p.total_ms, 3 * p.mean_ms, 1e-9);
    EXPECT_TRUE(std::isfinite(p.std_ms) && p.std_ms >= 0);
  }
  // Operators follow one another inside of their step.
  int64_t now = 0;
  for (size_t i = 0; i < profile.events.size(); ++i) {
    const OpEvent& e = profile.events[i];
    EXPECT_EQ(e.op, static_cast<graph::OpId>(i % ops));
    EXPECT_GE(e.begin, now);
    EXPECT_GE(e.end, e.begin);
    EXPECT_GE(e.begin, profile.steps[i / ops].begin);
    EXPECT_LE(e.end, profile.steps[i / ops].end);
    now = e.end;
  }
  EXPECT_LE(SumAll(profile).ms, profile.step_ms());
}

TEST(Profiler, AWindowOfMicroBatchesIsOneStep) {
  WatchedRun run(/*accum_iter=*/3);
  ProfileOptions options = Steps(1, 2);
  options.micro_batches = 3;
  const Profile profile = ProfileOf(&run, options);
  EXPECT_EQ(profile.steps.size(), 2u);
  ASSERT_EQ(profile.executables.size(), 3u);
  size_t ops = 0;
  for (const graph::Executable* executable : profile.executables) {
    ops += executable->net().ops.size();
  }
  EXPECT_EQ(profile.ops.size(), ops);
  EXPECT_EQ(profile.events.size(), 2 * ops);
  EXPECT_EQ(profile.waits.size(), 6u);
  for (const OpProfile& p : profile.ops) EXPECT_EQ(p.calls, 2);
}

TEST(Profiler, AWindowThatEndsEarlyIsAStepOfItsOwn) {
  WatchedRun run(3);
  Profiler profiler(run.engine.registry, run.session->micro_steps(), Steps(0, 3));
  run.Step(&profiler);
  profiler.StepEnded();  // it ended with its last net
  EXPECT_EQ(profiler.Result().steps.size(), 1u);
  ASSERT_TRUE(run.session->micro_steps()[0]->Run().ok());
  EXPECT_EQ(profiler.Result().steps.size(), 1u);
  profiler.StepEnded();
  EXPECT_EQ(profiler.Result().steps.size(), 2u);
  run.Step(&profiler);
  ASSERT_TRUE(profiler.done());
  const Profile profile = profiler.Result();
  ASSERT_EQ(profile.steps.size(), 3u);
  for (size_t i = 1; i < 3; ++i) EXPECT_GE(profile.steps[i].begin, profile.steps[i - 1].end);
}

TEST(Profiler, TraceHoldsOnlyTheFirstSteps) {
  WatchedRun run;
  ProfileOptions options = Steps(0, 4);
  options.trace_steps = 1;
  const Profile profile = ProfileOf(&run, options);
  EXPECT_EQ(profile.steps.size(), 4u);
  EXPECT_EQ(profile.events.size(), profile.ops.size());
  EXPECT_EQ(profile.waits.size(), 1u);
}

TEST(Profiler, KeepsWhatTheLoaderDoesInTheTracedSteps) {
  using Clock = std::chrono::steady_clock;
  using models::LoaderWork;
  WatchedRun run;
  ProfileOptions options = Steps(1, 2);
  options.trace_steps = 1;
  Profiler profiler(run.engine.registry, run.session->micro_steps(), options);
  models::LoaderObserver* const loader = profiler.loader_observer();
  ASSERT_TRUE(loader->Watching());
  const auto before = Clock::now();
  loader->Worked(0, LoaderWork::kDecode, 10, before, Clock::now());  // while warming up
  run.Step(&profiler);
  run.Step(&profiler);
  EXPECT_FALSE(loader->Watching());  // the traced step is over
  const auto after = Clock::now();
  // From the loader's threads: across the begin of the step, and too late.
  std::thread([&] { loader->Worked(2, LoaderWork::kCrop, 11, before, after); }).join();
  std::thread([&] { loader->Worked(1, LoaderWork::kCopy, 12, after, Clock::now()); }).join();
  run.Step(&profiler);
  ASSERT_TRUE(profiler.done());
  const Profile profile = profiler.Result();
  ASSERT_EQ(profile.loader_events.size(), 1u);
  const LoaderEvent& event = profile.loader_events[0];
  EXPECT_EQ(event.worker, 2);
  EXPECT_EQ(event.work, LoaderWork::kCrop);
  EXPECT_EQ(event.image, 11);
  EXPECT_EQ(event.begin, 0);
  // On the clock of the operators: it ended after the step and before the next one's end.
  EXPECT_GE(event.end, profile.steps[0].end);
  EXPECT_LE(event.end, profile.steps[1].end);
}

// Asserts nothing: a hook that is left shows under the address sanitizer only.
TEST(Profiler, LetsGoWhenDestroyed) {
  WatchedRun run;
  { Profiler profiler(run.engine.registry, run.session->micro_steps(), Steps(5, 5)); }
  run.Step(nullptr);
}

TEST(Profiler, RooflineIsTheLargerOfBothLimits) {
  WatchedRun run;
  ProfileOptions options = Steps(0, 1);
  options.rates.f32_gflops = 100;
  options.rates.gb_per_s = 10;
  const Profile profile = ProfileOf(&run, options);
  for (const OpProfile& p : profile.ops) {
    const double compute = static_cast<double>(p.flops) / 1e8;
    const double memory = static_cast<double>(p.bytes) / 1e7;
    EXPECT_NEAR(p.roofline_ms, std::max(compute, memory), 1e-12) << profile.op(p).Describe();
    EXPECT_EQ(p.compute_bound, compute > memory);
  }
}

TEST(OpsCsv, HasALineForEachOperator) {
  WatchedRun run;
  const Profile profile = ProfileOf(&run, Steps(1, 2));
  const std::vector<std::string> lines = absl::StrSplit(OpsCsv(profile), '\n');
  ASSERT_EQ(lines.size(), profile.ops.size() + 2);  // names, and nothing after the last newline
  EXPECT_EQ(lines.back(), "");
  const size_t columns = std::vector<std::string>(absl::StrSplit(lines[0], ',')).size();
  double share = 0;
  for (size_t i = 0; i < profile.ops.size(); ++i) {
    // Commas in quotes belong to the shapes.
    std::vector<std::string> fields(1);
    bool quoted = false;
    for (char c : lines[i + 1]) {
      if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        fields.emplace_back();
      } else {
        fields.back() += c;
      }
    }
    ASSERT_EQ(fields.size(), columns) << lines[i + 1];
    EXPECT_EQ(fields[0], "train");
    EXPECT_EQ(fields[1], profile.op(profile.ops[i]).name);
    EXPECT_EQ(fields[7], "2");
    EXPECT_EQ(fields[16], "");  // no rates, no roofline
    share += std::stod(fields[15]);
  }
  EXPECT_GT(share, 0);
  EXPECT_LE(share, 1.0001);
}

TEST(TraceJson, IsWhatViewersRead) {
  WatchedRun run;
  const Profile profile = ProfileOf(&run, Steps(1, 2));
  const auto trace = nlohmann::json::parse(TraceJson(profile), nullptr, false);
  ASSERT_FALSE(trace.is_discarded());
  std::map<std::string, int> tracks;
  std::map<int, int> complete;
  std::set<std::string> names;
  double most = 0;
  for (const auto& e : trace["traceEvents"]) {
    const std::string phase = e["ph"];
    if (phase == "M" && e["name"] == "thread_name") tracks[e["args"]["name"]] = e["tid"];
    if (phase == "X") {
      ++complete[e["tid"]];
      names.insert(e["name"]);
      EXPECT_GE(e["ts"], 0);
      EXPECT_GE(e["dur"], 0);
    }
    if (phase == "C") most = std::max(most, e["args"]["MiB"].get<double>());
  }
  EXPECT_EQ(complete[tracks["compute"]], static_cast<int>(profile.events.size()));
  EXPECT_EQ(complete[tracks["data"]], 2);
  EXPECT_EQ(complete[tracks["steps"]], 2);
  EXPECT_TRUE(names.count("blocks.1 mlp.fc1 forward (PackedLinear)"));
  EXPECT_TRUE(names.count("wait for data"));
  // The counter's peak is the plan's lower bound, by definition.
  const double peak = static_cast<double>(run.session->train().plan().lower_bound_bytes);
  EXPECT_NEAR(most, peak / (1 << 20), 1e-3);
}

TEST(TraceJson, HasATrackForEachThreadOfTheLoader) {
  WatchedRun run;
  // More steps than the loader has batches ahead.
  Profiler profiler(run.engine.registry, run.session->micro_steps(), Steps(1, 7));
  const models::GradientImages data(12);
  models::LoaderOptions options;
  options.batch_size = kBatch;
  options.input_height = options.input_width = 32;
  options.num_workers = 2;
  options.observer = profiler.loader_observer();
  auto loader = models::Loader::Create(&data, options);
  ASSERT_TRUE(loader.ok()) << loader.status();
  while (!profiler.done()) {
    const auto batch = (*loader)->Next();
    ASSERT_TRUE(batch.ok()) << batch.status();
    run.batch = **batch;
    run.Step(&profiler);
  }
  const Profile profile = profiler.Result();
  ASSERT_FALSE(profile.loader_events.empty());
  const auto trace = nlohmann::json::parse(TraceJson(profile), nullptr, false);
  ASSERT_FALSE(trace.is_discarded());
  std::map<int, std::string> tracks;
  std::map<int, int> shown;
  for (const auto& e : trace["traceEvents"]) {
    if (e["ph"] == "M" && e["name"] == "thread_name") tracks[e["tid"]] = e["args"]["name"];
    if (e["ph"] != "X" || e["cat"] != "loader") continue;
    ++shown[e["tid"]];
    EXPECT_GE(e["ts"], 0);
    EXPECT_LE(e["ts"].get<double>() * 1000, static_cast<double>(profile.steps.back().end));
    EXPECT_GE(e["args"]["image"], 0);
    EXPECT_LT(e["args"]["image"], 12);
  }
  size_t events = 0;
  for (const auto& [tid, count] : shown) {
    EXPECT_THAT(tracks[tid], ::testing::AnyOf("loader 0", "loader 1"));
    events += count;
  }
  EXPECT_EQ(events, profile.loader_events.size());
}

TEST(GraphSvg, CollapsesBlocksAndKeepsEveryMillisecond) {
  WatchedRun run;
  const Profile profile = ProfileOf(&run, Steps(1, 2));
  const GraphParts parts = PartsOf(profile);
  double ms = 0;
  std::map<std::string, const GraphBox*> boxes;
  for (const GraphBox& box : parts.boxes) {
    const std::string name = absl::StrCat(RoleName(box.role), " ", box.name);
    EXPECT_TRUE(boxes.emplace(name, &box).second) << name;
    double lines = 0;
    for (const GraphLine& line : box.lines) lines += line.totals.ms;
    EXPECT_NEAR(lines, box.totals.ms, 1e-9) << name;
    ms += box.totals.ms;
  }
  EXPECT_NEAR(ms, SumAll(profile).ms, 1e-9);
  for (const char* name : {"forward blocks", "guide blocks", "backward blocks"}) {
    ASSERT_TRUE(boxes.count(name)) << name;
    EXPECT_EQ(boxes[name]->blocks.size(), 2u) << name;
    EXPECT_EQ(boxes[name]->row, boxes["forward blocks"]->row) << name;
  }
  ASSERT_TRUE(boxes.count("optimizer optimizer"));
  EXPECT_EQ(boxes["optimizer optimizer"]->row, parts.rows - 1);
  // The forward pass runs downwards, the backward pass upwards.
  for (const auto& [from, to] : parts.edges) {
    const GraphBox &a = parts.boxes[from], &b = parts.boxes[to];
    if (a.role != b.role) continue;
    EXPECT_EQ(a.row < b.row, a.role != Role::kBackward) << a.name << " -> " << b.name;
  }
}

TEST(GraphSvg, IsXmlWithTooltips) {
  WatchedRun run;
  const std::string svg = GraphSvg(ProfileOf(&run, Steps(0, 1)));
  // Every element that is opened is closed, in order.
  std::vector<std::string> open;
  int titles = 0;
  for (size_t at = svg.find('<'); at != std::string::npos; at = svg.find('<', at + 1)) {
    const size_t end = svg.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = svg.substr(at + 1, end - at - 1);
    const std::string name = tag.substr(tag[0] == '/' ? 1 : 0).substr(0, tag.find_first_of(" ", 1));
    if (tag[0] == '/') {
      ASSERT_FALSE(open.empty());
      EXPECT_EQ(open.back(), name);
      open.pop_back();
    } else if (tag.back() != '/') {
      open.push_back(name);
      titles += name == "title";
    }
  }
  EXPECT_TRUE(open.empty());
  EXPECT_GT(titles, 50);
  EXPECT_THAT(svg, HasSubstr("blocks × 2"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

TEST(Summary, SaysWhatDominatesAndWhatBindsIt) {
  MadeUp made({225, 0, 0, 20});
  made.Set("PackedLinear", 61, 11.5, 51.2, true);
  made.Set("LayerNormGrad", 9, 0.01, 8.1, false);
  made.profile.wait_ms = 1;
  EXPECT_EQ(
      DominantSentence(made.profile),
      "PackedLinear takes 61% of the step, bound by compute, at 84% of the roofline (189 GFLOP/s); "
      "next is LayerNormGrad, 9%, bound by memory, at 90% of the roofline (20 GB/s).");
  const std::string table = ProfileTable(made.profile);
  EXPECT_THAT(table, HasSubstr("profile of 1 step: 100.000 ms a step"));
  EXPECT_THAT(table, HasSubstr("between operators"));
  EXPECT_TRUE(absl::EndsWith(table, DominantSentence(made.profile) + "\n"));
}

TEST(Summary, AdmitsWhatIsBoundByNothing) {
  MadeUp made({225, 0, 0, 20});
  made.Set("PackedLinear", 50, 1, 5, true);
  EXPECT_THAT(DominantSentence(made.profile),
              HasSubstr("bound by neither compute nor memory: 10% of the roofline"));
  MadeUp blind({});
  blind.Set("PackedLinear", 50, 1, 0, false);
  EXPECT_THAT(DominantSentence(blind.profile), HasSubstr("limits of the machine not measured"));
}

TEST(Summary, WaitingForDataCanDominate) {
  MadeUp made({225, 0, 0, 20});
  made.Set("PackedLinear", 20, 4, 18, true);
  made.profile.wait_ms = 70;
  EXPECT_THAT(DominantSentence(made.profile), HasSubstr("Waiting for data takes 70% of the step"));
}

TEST(WriteProfile, WholeOrNotAtAll) {
  WatchedRun run;
  const Profile profile = ProfileOf(&run, Steps(0, 1));
  const fs::path folder = fs::path(::testing::TempDir()) / "profile";
  fs::remove_all(folder);
  ASSERT_TRUE(WriteProfile(profile, folder.string()).ok());
  ASSERT_TRUE(WriteProfile(profile, folder.string()).ok());  // its own files may go
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
    EXPECT_GT(entry.file_size(), 1000u);
  }
  EXPECT_EQ(names, (std::set<std::string>{"ops.csv", "trace.json", "graph.svg"}));

  std::ofstream(folder / "notes.txt") << "mine";
  EXPECT_FALSE(WriteProfile(profile, folder.string()).ok());
  EXPECT_TRUE(fs::exists(folder / "notes.txt"));

  Profile empty = profile;
  empty.steps.clear();
  const fs::path other = fs::path(::testing::TempDir()) / "nothing";
  EXPECT_EQ(WriteProfile(empty, other.string()).code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(fs::exists(other));
}

}  // namespace
}  // namespace tools
