// bench as a person runs it, with good and bad input.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
namespace fs = std::filesystem;
using nlohmann::json;

// 8x8 pixels a patch, 16 patches, 4 of them visible.
const std::vector<std::string> kTiny = {"--model=droppos_tiny", "--input_size=32",
                                        "--embed_dim=16",       "--depth=1",
                                        "--num_heads=2",        "--decoder_embed_dim=8",
                                        "--decoder_depth=1",    "--decoder_num_heads=2",
                                        "--batch_size=4",       "--threads=1",
                                        kSamePrecision};

class BenchCli : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = Scratch() / ::testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::create_directories(folder_);
  }
  Outcome Bench(const std::vector<std::string>& args) { return RunProgram("bench", args, folder_); }
  Outcome Step(std::vector<std::string> args) {
    args.insert(args.begin(), kTiny.begin(), kTiny.end());
    args.insert(args.end(), {"--runs=2", "--steps=1", "--warmup=1"});
    return Bench(args);
  }
  // The last line.
  static json Json(const Outcome& outcome) {
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    const std::string& out = outcome.out;
    if (out.empty() || out.back() != '\n') {
      ADD_FAILURE() << out;
      return json();
    }
    const size_t line = out.rfind('\n', out.size() - 2);
    return json::parse(out.substr(line == std::string::npos ? 0 : line + 1), nullptr, false);
  }
  void ExpectRefused(const std::vector<std::string>& args, const std::string& text) {
    const Outcome outcome = Bench(args);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
    EXPECT_THAT(outcome.err, AllOf(StartsWith("bench: "), HasSubstr(text)));
    EXPECT_THAT(outcome.err, Not(HasSubstr("CHECK failed")));
    EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  }

  fs::path folder_;
};

TEST_F(BenchCli, DataTellsImagesASecond) {
  const Outcome outcome =
      Bench({"--what=data", "--model=droppos_tiny", "--images=40", "--runs=2", "--json"});
  const json j = Json(outcome);
  EXPECT_EQ(j["images"], 32);  // whole batches
  EXPECT_GT(j["exact_images_per_s_median"], 0);
  EXPECT_GT(j["default_images_per_s_median"], 0);
  EXPECT_FALSE(j.contains("peer"));
  EXPECT_THAT(outcome.out, HasSubstr("with --exact_decode"));
  ExpectRefused({"--what=data", "--peer=python3"}, "--peer needs --data_path");
  ExpectRefused({"--what=data", "--data_path=/none", "--peer=python3", "--peer_script=none.py"},
                "none.py is not there; --peer_script=FILE names");
  ExpectRefused({"--what=data", "--op=Linear"}, "--op is for --what=op");
  ExpectRefused({"--what=step", "--images=3"}, "--images is for --what=data");
  ExpectRefused({"--what=op", "--op=Add", "--attrs=", "--json"}, "--attrs=: is empty; leave");
  ExpectRefused({"--what=data", "--data_path=/no/such"}, "/no/such does not exist");
}

TEST_F(BenchCli, StepPrintsATableAndOneLineOfJson) {
  const Outcome outcome = Step({"--json"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("droppos_tiny, fp32"), HasSubstr("images/s (median"),
                                 HasSubstr("roofline"), HasSubstr("AdamW")));
  const json j = Json(outcome);
  for (const char* key : {"model",
                          "precision",
                          "guide_precision",
                          "recompute",
                          "batch_size",
                          "images_per_s_median",
                          "images_per_s_best",
                          "images_per_s_worst",
                          "roofline_gflops",
                          "roofline_share",
                          "peak_mib",
                          "planned_mib",
                          "gflop_per_image_official",
                          "gflop_per_image_guide",
                          "gflop_per_image_done",
                          "backend",
                          "machine",
                          "ops",
                          "setup_seconds",
                          "first_step_seconds"}) {
    EXPECT_TRUE(j.contains(key)) << key;
  }
  EXPECT_EQ(j["model"], "droppos_tiny");
  EXPECT_EQ(j["precision"], "fp32");
  EXPECT_EQ(j["batch_size"], 4);
  EXPECT_EQ(j["machine"]["threads"], 1);
  EXPECT_FALSE(j["machine"]["cpu"].get<std::string>().empty());
  EXPECT_LE(j["images_per_s_worst"], j["images_per_s_median"]);
  EXPECT_LE(j["images_per_s_median"], j["images_per_s_best"]);
  const double share = j["images_per_s_median"].get<double>() *
                       j["gflop_per_image_official"].get<double>() /
                       j["roofline_gflops"].get<double>();
  EXPECT_NEAR(j["roofline_share"], share, 0.05 * share + 1e-4);
  // Guide: 2*16*192*16 + 24*17*16*16 + 4*17*17*16. The step: twice the patch embedding, thrice
  // (24*5*16*16 + 4*5*5*16 + 2*5*16*8 + 24*5*8*8 + 4*5*5*8 + 2*5*8*16).
  EXPECT_NEAR(j["gflop_per_image_guide"].get<double>() * 1e9, 221248, 1);
  EXPECT_NEAR(j["gflop_per_image_official"].get<double>() * 1e9, 221248 + 196608 + 130080, 1);
  EXPECT_GT(j["peak_mib"], 1);
  EXPECT_GT(j["first_step_seconds"], j["setup_seconds"]);
  double ops = 0;
  for (const json& type : j["ops"]) ops += type["ops"].get<double>();
  EXPECT_GT(ops, 20);
}

TEST_F(BenchCli, WithoutJsonTheTableIsTheEnd) {
  const Outcome outcome = Step({});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, Not(HasSubstr("{")));
}

TEST_F(BenchCli, ImagesFromTheLoader) {
  const json j = Json(Step({"--with_loader", "--num_workers=1", "--json"}));
  EXPECT_EQ(j["with_loader"], true);
  EXPECT_GE(j["data_wait_share"], 0);
  EXPECT_LE(j["data_wait_share"], 1);
}

TEST_F(BenchCli, AccumulationCountsAllImages) {
  const Outcome outcome = Step({"--accum-iter", "3", "--json"});
  const json j = Json(outcome);
  EXPECT_EQ(j["accum_iter"], 3);
  EXPECT_THAT(outcome.out, HasSubstr("batch 4 x 3"));
}

TEST_F(BenchCli, OneOperatorOnEitherBackend) {
  for (const std::string backend : {"cpu", "reference"}) {
    const Outcome outcome = Bench({"--what=op", "--op=Linear", "--shape",
                                   "f32[6,8] f32[16,8] f32[16]", "--attrs=activation=none",
                                   "--backend=" + backend, "--threads=1", "--runs=2", "--json"});
    const json j = Json(outcome);
    EXPECT_THAT(outcome.out, AllOf(HasSubstr("on " + backend), HasSubstr("GFLOP/s")));
    EXPECT_EQ(j["op"], "Linear");
    EXPECT_LE(j["ms_least"], j["ms_median"]);
    EXPECT_THAT(j["backend"].get<std::string>(), StartsWith(backend));
  }
}

TEST_F(BenchCli, ADumpedTrainingNet) {
  std::vector<std::string> args = kTiny;
  args.insert(args.end(), {"--steps=0", "--dump_graph=dump"});
  const Outcome train = RunProgram("train", args, folder_);
  ASSERT_EQ(train.exit_code, 0) << train.err;
  const Outcome outcome =
      Bench({"--net=dump/train_predict_net.pb", "--threads=1", "--runs=2", "--json"});
  const json j = Json(outcome);
  EXPECT_THAT(outcome.out, HasSubstr("train_init_net.pb"));
  EXPECT_GT(j["ops"].size(), 20);
  EXPECT_GT(j["ops"][0]["ms"], 0);
  const Outcome by_hand =
      Bench({"--net=dump/train_before_passes_predict_net.pbtxt", "--threads=1", "--runs=1",
             "--init_net=dump/train_init_net.pbtxt", "--backend=reference"});
  EXPECT_EQ(by_hand.exit_code, 0) << by_hand.err;
}

TEST_F(BenchCli, HelpNamesAllFlags) {
  const Outcome outcome = Bench({"--help"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_THAT(outcome.out, AllOf(HasSubstr("--what"), HasSubstr("--net"), HasSubstr("--ids"),
                                 HasSubstr("--with_loader"), HasSubstr("--batch_size")));
}

TEST_F(BenchCli, FlagsOfTrainingThatMeasureNothingAreNamed) {
  const Outcome outcome = Step({"--eval_every=5", "--output_dir=x"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              AllOf(HasSubstr("no effect"), HasSubstr("--eval_every"), HasSubstr("--output_dir")));
  EXPECT_FALSE(fs::exists(folder_ / "x"));
}

TEST_F(BenchCli, BadInputIsNamed) {
  ExpectRefused({"--model=droppos_tiny", "--batch_size=0"}, "--batch_size");
  ExpectRefused({"--model=droppos_tinny"}, "droppos_tiny");
  ExpectRefused({"--model=droppos_tiny", "--batch_sise=4"}, "--batch_size");
  ExpectRefused({"--model=droppos_tiny", "--runs=0"}, "--runs=0");
  ExpectRefused({"--model=droppos_tiny", "--precision=fp8"}, "--precision");
  ExpectRefused({"--model=droppos_tiny", "--op=Linear"}, "--op is for --what=op");
  ExpectRefused({"--model=droppos_tiny", "--backend=reference"}, "--device=reference");
  ExpectRefused({"--model=droppos_tiny", "--ids=4"}, "--ids");
  ExpectRefused({"--model=droppos_tiny", "--with_loader", "--data_path=nowhere"}, "nowhere");
  ExpectRefused({"--model=droppos_tiny", "stray"}, "stray");
  ExpectRefused({"--what=op"}, "--op");
  ExpectRefused({"--what=op", "--op=Linaer", "--shape=f32[1]"}, "did you mean Linear");
  ExpectRefused({"--what=op", "--op=Linear", "--shape=f32[5,8] f32[12,9] f32[12]"}, "Linear 'op'");
  ExpectRefused({"--what=op", "--op=Linear", "--shape=f32(5)"}, "'f32(5)'");
  ExpectRefused({"--what=op", "--op=Linear", "--model=droppos_tiny"}, "--model");
  ExpectRefused({"--what=op", "--op=Linear", "--steps=3"}, "--steps is for --what=step");
  ExpectRefused({"--what=everything"}, "--what=everything");
  ExpectRefused({"--net=none_predict_net.pb"}, "none_predict_net.pb");
  ExpectRefused({"--net=a.pb", "--what=op"}, "exclude");
  ExpectRefused({"--init_net=a.pb", "--model=droppos_tiny"}, "--init_net is for --net");
}

}  // namespace
}  // namespace tools
