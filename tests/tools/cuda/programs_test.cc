// Whole programs on the emulated GPU: what they compute and leave beside the same on the CPU, and
// what they say when there is no GPU to be had.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/data/image_io.h"
#include "models/training/safetensors.h"
#include "nlohmann/json.hpp"
#include "tests/tools/cli/run_program.h"

namespace tools {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;
using Args = std::vector<std::string>;
using Json = nlohmann::json;

constexpr int kSteps = 4;

// A model of droppos_tiny's kind that the emulator computes in milliseconds.
const Args kModel = {"--model=droppos_tiny",  "--embed_dim=16",        "--depth=2",
                     "--num_heads=2",         "--decoder_embed_dim=8", "--decoder_depth=1",
                     "--decoder_num_heads=2", "--input_size=32"};

class CudaPrograms : public ::testing::Test {
 protected:
  // Pictures of two classes, and the same run on both devices: "cpu" and "cuda".
  static void SetUpTestSuite() {
    setenv(kTestDevice, "emulated", 1);
    for (int i = 0; i < 36; ++i) {
      const fs::path folder =
          Scratch() / "data" / (i < 24 ? "train" : "val") / (i % 2 == 0 ? "even" : "odd");
      fs::create_directories(folder);
      models::Image image = models::Image::Sized(40, 36);
      for (size_t j = 0; j < image.rgb.size(); ++j) image.rgb[j] = (j * (i % 17 + 3) / 5 + i) % 251;
      ASSERT_TRUE(models::WritePng(folder / (std::to_string(i) + ".png"), image).ok());
    }
    for (const char* device : {"cpu", "cuda"}) {
      Train({absl::StrCat("--device=", device), absl::StrCat("--output_dir=", device),
             absl::StrCat("--steps=", kSteps), "--eval_every=2", "--vis_every=2"});
    }
  }
  static void TearDownTestSuite() { unsetenv(kTestDevice); }

  static Outcome Run(const std::string& program, const Args& args) {
    return RunProgram(program, args, Scratch());
  }
  // Windows of two micro-batches. What it must not say is an error.
  static Outcome Train(const Args& more) {
    Args args = kModel;
    args.insert(args.end(), {"--batch_size=4", "--accum_iter=2", "--data_path=data", "--lr=1e-3",
                             "--warmup_epochs=0", "--print_every=1", "--threads=1"});
    args.insert(args.end(), more.begin(), more.end());
    Outcome outcome = Run("train", args);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome;
  }
  // Runs the program on both devices, without an error; `{}` in an argument is the device.
  static std::vector<Outcome> OnBoth(const std::string& program, const Args& args) {
    std::vector<Outcome> outcomes;
    for (const std::string device : {"cpu", "cuda"}) {
      Args own = {"--device=" + device};
      for (std::string arg : args) {
        const size_t at = arg.find("{}");
        own.push_back(at == std::string::npos ? arg : arg.replace(at, 2, device));
      }
      outcomes.push_back(Run(program, own));
      EXPECT_EQ(outcomes.back().exit_code, 0) << program << ": " << outcomes.back().err;
    }
    return outcomes;
  }
  static std::vector<Json> Metrics(const std::string& run) {
    std::ifstream file(Scratch() / run / "metrics.jsonl");
    std::vector<Json> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
    return lines;
  }
  static std::string GoldenCase() {
    return "--case=" + fs::absolute("tests/golden/tiny_plain.safetensors").string();
  }
  static double LossOfStep(const std::string& run, int step) {
    for (const Json& line : Metrics(run)) {
      if (line["kind"] == "train" && line["step"] == step) return line["loss"];
    }
    return NAN;
  }
  // The largest difference of a tensor of two files.
  static double Difference(const std::string& a, const std::string& b, const std::string& name) {
    const auto file_a = models::SafetensorsFile::Read(Scratch() / a);
    const auto file_b = models::SafetensorsFile::Read(Scratch() / b);
    if (!file_a.ok() || !file_b.ok()) return HUGE_VAL;
    const auto values_a = Floats(*file_a, name), values_b = Floats(*file_b, name);
    if (values_a.empty() || values_a.size() != values_b.size()) return HUGE_VAL;
    double worst = 0;
    for (size_t i = 0; i < values_a.size(); ++i) {
      worst = std::max(worst, std::abs(double{values_a[i]} - double{values_b[i]}));
    }
    return worst;
  }
  static absl::Span<const float> Floats(const models::SafetensorsFile& file,
                                        const std::string& name) {
    const auto entry = file.tensors().find(name);
    if (entry == file.tensors().end()) return {};
    return {reinterpret_cast<const float*>(entry->second.data.data()),
            entry->second.data.size() / sizeof(float)};
  }
};

TEST_F(CudaPrograms, ARunIsTheCpusToRounding) {
  const std::vector<Json> cpu = Metrics("cpu"), cuda = Metrics("cuda");
  ASSERT_EQ(cuda.size(), cpu.size());
  int steps = 0;
  for (size_t i = 0; i < cpu.size(); ++i) {
    ASSERT_EQ(cuda[i]["kind"], cpu[i]["kind"]);
    if (cpu[i]["kind"] != "train") continue;
    ++steps;
    for (const char* number : {"loss", "grad_norm"}) {
      const double expected = cpu[i][number];
      EXPECT_NEAR(cuda[i][number], expected, 1e-4 * expected) << number << " of step " << steps;
    }
  }
  EXPECT_EQ(steps, kSteps);
  EXPECT_LT(Difference("cpu/checkpoint.safetensors", "cuda/checkpoint.safetensors",
                       "blocks.1.mlp.fc1.weight"),
            1e-3);
  for (const auto& picture : fs::directory_iterator(Scratch() / "cpu/vis")) {
    EXPECT_TRUE(fs::exists(Scratch() / "cuda/vis" / picture.path().filename())) << picture.path();
  }
  EXPECT_FALSE(fs::is_empty(Scratch() / "cuda/vis"));
}

TEST_F(CudaPrograms, AnotherRunBeginsFromItsParameters) {
  for (const char* device : {"cpu", "cuda"}) {
    const Outcome run = Train({absl::StrCat("--device=", device), "--init_from=cuda", "--steps=1",
                               absl::StrCat("--output_dir=from_", device)});
    EXPECT_THAT(run.out, HasSubstr("cuda/checkpoint.safetensors"));
  }
  const double cpu = LossOfStep("from_cpu", 1), cuda = LossOfStep("from_cuda", 1);
  EXPECT_NEAR(cuda, cpu, 1e-4 * cpu);
  EXPECT_NE(cpu, LossOfStep("cpu", 1)) << "the parameters were not taken";
}

TEST_F(CudaPrograms, EvaluationsAreTheCpus) {
  OnBoth("evaluate", {"--protocol=position", "--checkpoint=cuda", "--json={}.json"});
  const Json cpu = Json::parse(Contents(Scratch() / "cpu.json")),
             cuda = Json::parse(Contents(Scratch() / "cuda.json"));
  ASSERT_EQ(cpu["results"].size(), 8u);
  for (size_t i = 0; i < cpu["results"].size(); ++i) {
    // An answer may change where two cells are as likely.
    EXPECT_NEAR(cuda["results"][i]["top1"], double{cpu["results"][i]["top1"]}, 0.02) << i;
    EXPECT_EQ(cuda["results"][i]["scored"], cpu["results"][i]["scored"]);
  }
  OnBoth("evaluate", {"--protocol=knn", "--checkpoint=cuda", "--k=3", "--json={}.json"});
  EXPECT_EQ(Json::parse(Contents(Scratch() / "cuda.json")),
            Json::parse(Contents(Scratch() / "cpu.json")));
}

TEST_F(CudaPrograms, FeaturesAndPicturesAreTheCpus) {
  OnBoth("extract_features", {"--checkpoint=cuda", "--tokens", "--out={}.safetensors"});
  for (const char* name : {"cls", "features"}) {
    EXPECT_LT(Difference("cpu.safetensors", "cuda.safetensors", name), 1e-4) << name;
  }
  const std::vector<Outcome> said =
      OnBoth("predict_positions", {"--checkpoint=cuda", "--num_images=2", "--out={}.png"});
  EXPECT_EQ(said[1].out.substr(0, 7), "on     ");
  const auto about_images = [](const std::string& out) {
    return out.substr(out.find(".png: "), out.rfind("wrote ") - out.find(".png: "));
  };
  EXPECT_EQ(about_images(said[1].out), about_images(said[0].out));
  const auto cpu = models::ReadImage((Scratch() / "cpu.png").string());
  const auto cuda = models::ReadImage((Scratch() / "cuda.png").string());
  ASSERT_TRUE(cpu.ok() && cuda.ok());
  EXPECT_TRUE(cuda->rgb == cpu->rgb);
}

TEST_F(CudaPrograms, ACheckpointIsExportedAsItIs) {
  const Outcome outcome =
      Run("export", {"--checkpoint=cuda", "--format=timm", "--out=timm", "--overwrite"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(Difference("timm/model.safetensors", "cuda/checkpoint.safetensors",
                       "blocks.0.attn.qkv.weight"),
            0);
}

TEST_F(CudaPrograms, AProfileTimesEveryOperator) {
  const Outcome run = Train({"--device=cuda", absl::StrCat("--steps=", kSteps), "--profile=1",
                             "--output_dir=profiled"});
  EXPECT_THAT(run.out, HasSubstr("profile of 1 step:"));
  EXPECT_THAT(Contents(Scratch() / "profiled/profile/ops.csv"),
              AllOf(HasSubstr("blocks.1.mlp.fc1"), HasSubstr("AdamW")));
  EXPECT_THAT(Contents(Scratch() / "profiled/profile/trace.json"), HasSubstr("\"traceEvents\""));
  // Watched, the run computes what it computes alone.
  EXPECT_EQ(LossOfStep("profiled", kSteps), LossOfStep("cuda", kSteps));
}

TEST_F(CudaPrograms, ItsNetsAreTheCpusOperatorByOperator) {
  Args args = kModel;
  args.insert(args.end(), {"--a=cuda", "--b=cpu"});
  const Outcome same = Run("diff_nets", args);
  EXPECT_EQ(same.exit_code, 0) << same.out << same.err;
  args.insert(args.end(), {"--bound=1e-9"});
  EXPECT_EQ(Run("diff_nets", args).exit_code, 1);

  const Outcome parity = Run("check_parity", {GoldenCase()});
  ASSERT_EQ(parity.exit_code, 0) << parity.out << parity.err;
  EXPECT_THAT(parity.out, AllOf(HasSubstr("\"backend\":\"cuda:0\""), HasSubstr("\"passed\":true")));
}

TEST_F(CudaPrograms, BenchTimesAStepAnOperatorAndANet) {
  Args args = kModel;
  args.insert(args.end(), {"--batch_size=4", "--steps=1", "--warmup=1", "--runs=1", "--json"});
  const Outcome step = Run("bench", args);
  ASSERT_EQ(step.exit_code, 0) << step.err;
  EXPECT_THAT(step.out, HasSubstr("images/s"));
  const Outcome op = Run("bench", {"--what=op", "--op=LayerNorm", "--shape=f32[8,64] f32[64] f32[64]",
                                   "--attrs=eps=1e-6", "--runs=1", "--json"});
  ASSERT_EQ(op.exit_code, 0) << op.err;
  EXPECT_THAT(op.out, HasSubstr("\"ms_median\""));
  Train({"--device=cuda", "--accum_iter=1", "--steps=0", "--dump_graph=graph"});
  const Outcome net =
      Run("bench", {"--net=graph/train_predict_net.pb", "--runs=1", "--warmup=1", "--json"});
  ASSERT_EQ(net.exit_code, 0) << net.err;
  EXPECT_THAT(net.out, HasSubstr("\"ms_median\""));
}

// Every program that computes says in one line what is missing.
TEST_F(CudaPrograms, AGpuThatCannotBeHadIsNamedByEveryProgram) {
  Args net = kModel;
  net.insert(net.end(), {"--a=cuda", "--b=cpu"});
  const std::vector<std::pair<std::string, Args>> programs = {
      {"train", {"--model=droppos_tiny", "--output_dir=none"}},
      {"evaluate", {"--protocol=knn", "--checkpoint=cpu"}},
      {"extract_features", {"--checkpoint=cpu", "--out=none.safetensors"}},
      {"predict_positions", {"--checkpoint=cpu", "--out=none.png"}},
      {"bench", {"--model=droppos_tiny"}},
      {"check_parity", {GoldenCase()}},
      {"replay", {"--capsule=cpu"}},
      {"diff_nets", net}};
  for (const auto& [machine, text] : std::vector<std::pair<std::string, std::string>>{
           {"driver=none", "no NVIDIA driver; install one that knows CUDA 13.0, or use "
                           "--device=cpu"},
           {"driver=old", "; install a newer driver, or use --device=cpu"},
           {"devices=0", "the NVIDIA driver sees no GPU (is CUDA_VISIBLE_DEVICES set?)"},
           {"major=7", "has compute capability 7."}}) {
    setenv("FAKE_GPU", machine.c_str(), 1);
    for (const auto& [program, args] : programs) {
      const Outcome outcome = Run(program, args);
      EXPECT_EQ(outcome.exit_code, 1) << program << " with " << machine;
      EXPECT_THAT(outcome.err, AllOf(::testing::StartsWith(program + ": --device=cuda: "),
                                     HasSubstr(text)));
      EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
      EXPECT_EQ(outcome.out, "") << program;
    }
    for (const char* written : {"none", "none.safetensors", "none.png"}) {
      EXPECT_FALSE(fs::exists(Scratch() / written)) << written;
    }
  }
  unsetenv("FAKE_GPU");
}

TEST_F(CudaPrograms, AutoTakesTheGpuThatThereIs) {
  const Outcome here = Train({"--device=auto", "--steps=1", "--output_dir=auto"});
  EXPECT_THAT(here.out, HasSubstr("\n  device     cuda:0, chosen by auto: it is the first GPU"));
  setenv("FAKE_GPU", "driver=none", 1);
  const Outcome there = Train({"--resume=auto", "--device=auto", "--steps=2", "--output_dir=auto"});
  unsetenv("FAKE_GPU");
  EXPECT_THAT(there.out, AllOf(HasSubstr("\n  device     cpu, chosen by auto: no NVIDIA driver"),
                               HasSubstr("round differently")));
}

TEST_F(CudaPrograms, AGpuWithTooLittleMemorySaysWhatFits) {
  setenv("FAKE_GPU", "mib=2", 1);
  Args args = kModel;
  args.insert(args.end(), {"--depth=12", "--data_path=data", "--batch_size=24", "--steps=2",
                           "--output_dir=small"});
  const Outcome outcome = Run("train", args);
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_THAT(outcome.err, HasSubstr("and 2 MiB are available; --batch_size="));
  EXPECT_FALSE(fs::exists(Scratch() / "small"));
  std::smatch fits;
  ASSERT_TRUE(std::regex_search(outcome.err, fits, std::regex("--batch_size=([0-9]+) fits")))
      << outcome.err;
  Train({"--device=cuda", "--depth=12", "--accum_iter=1",
         fits.str(0).substr(0, fits.str(0).find(' ')), "--steps=2", "--output_dir=small"});
  unsetenv("FAKE_GPU");
}

}  // namespace
}  // namespace tools
