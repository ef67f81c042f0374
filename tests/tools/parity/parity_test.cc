// Golden cases replayed on both backends, and proof that the comparison turns red.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>

#include "absl/strings/match.h"
#include "backends/cpu/kernel_table.h"
#include "gtest/gtest.h"
#include "tests/harness/guard_device.h"
#include "tools/parity/compare.h"
#include "tools/parity/golden_case.h"
#include "tools/parity/replay.h"
#include "tools/plugins.h"
#include "tools/reference_backend.h"

namespace tools {
namespace {

GoldenCase Read(const std::string& name) {
  auto golden = ReadGoldenCase("tests/golden/" + name + ".safetensors");
  if (!golden.ok()) ADD_FAILURE() << golden.status();
  return std::move(golden).value();
}

struct Engine {
  explicit Engine(const std::string& backend_name, bool passes = true, int threads = 2)
      : registry(MakeRegistry()),
        backend(harness::OnTestDevice(*MakeAnyBackend(backend_name, threads))) {
    compile.registry = &registry;
    compile.backend = &backend;
    compile.passes.enabled = passes;
  }
  graph::SchemaRegistry registry;
  graph::Backend backend;
  graph::CompileOptions compile;
};

void ExpectParity(const std::string& name, const Engine& engine) {
  const GoldenCase golden = Read(name);
  const auto replay = Replay(golden, engine.compile);
  ASSERT_TRUE(replay.ok()) << replay.status();
  const std::vector<Verdict> verdicts = Compare(golden, *replay, engine.compile.passes.precision);
  EXPECT_GT(verdicts.size(), 100u);
  for (const Verdict& v : verdicts) {
    EXPECT_TRUE(v.passed) << v.tensor << ": error " << v.error << ", bound " << v.bound << " "
                          << v.note;
  }
}

class EveryCase : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryCase, OnReference) { ExpectParity(GetParam(), Engine("reference")); }
TEST_P(EveryCase, OnCpu) { ExpectParity(GetParam(), Engine("cpu")); }

TEST_P(EveryCase, OnReferenceInBfloat16) {
  Engine engine("reference");
  engine.compile.passes.precision = graph::ComputePrecision::kBF16;
  ExpectParity(GetParam(), engine);
}
TEST_P(EveryCase, OnCpuInBfloat16) {
  if (!backends::cpu::DetectCapabilities().bf16_products)
    GTEST_SKIP() << "no products of bf16 on this CPU";
  Engine engine("cpu");
  engine.compile.passes.precision = graph::ComputePrecision::kBF16;
  ExpectParity(GetParam(), engine);
}

INSTANTIATE_TEST_SUITE_P(Golden, EveryCase,
                         ::testing::Values("tiny_plain", "tiny_guide", "tiny_zeros",
                                           "tiny_wrong_pos", "tiny_shuffle_conf",
                                           "tiny_official_grid", "tiny_multi_task", "tiny_mae",
                                           "combo_multi_wrong_conf", "combo_multi_shuffle_official",
                                           "combo_all_dropped_shuffle", "combo_mae_raw_pixels"),
                         [](const ::testing::TestParamInfo<const char*>& info) {
                           return std::string(info.param);
                         });

TEST(Parity, TinyGuideOnCpuWithoutPasses) { ExpectParity("tiny_guide", Engine("cpu", false)); }
TEST(Parity, TinyGuideOnOneAndThreeThreads) {
  ExpectParity("tiny_guide", Engine("cpu", true, 1));
  ExpectParity("tiny_guide", Engine("cpu", true, 3));
}

TEST(Parity, Bfloat16IsFarOutsideTheBoundsOfFp32) {
  Engine engine("reference");
  engine.compile.passes.precision = graph::ComputePrecision::kBF16;
  const GoldenCase golden = Read("tiny_guide");
  const auto replay = Replay(golden, engine.compile);
  ASSERT_TRUE(replay.ok()) << replay.status();
  int failures = 0;
  for (const Verdict& v : Compare(golden, *replay)) failures += !v.passed;
  EXPECT_GT(failures, 100) << "the net did not compute in bf16";
}

using Change = std::function<void(models::TensorMap*)>;

// The case with its tensors changed: written to a file and read back.
GoldenCase Changed(const GoldenCase& golden, const Change& change) {
  models::TensorMap tensors = golden.file.tensors();
  change(&tensors);
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/changed.safetensors";
  EXPECT_TRUE(models::WriteSafetensors(path, tensors, golden.file.metadata()).ok());
  return ReadGoldenCase(path).value();
}

using Bytes = std::function<void(absl::Span<uint8_t>)>;

// The case with the bytes of one tensor changed.
GoldenCase Altered(const GoldenCase& golden, const std::string& name, const Bytes& change) {
  std::vector<uint8_t> bytes;
  return Changed(golden, [&](models::TensorMap* tensors) {
    models::TensorEntry& entry = tensors->at(name);
    bytes.assign(entry.data.begin(), entry.data.end());
    change(absl::MakeSpan(bytes));
    entry.data = bytes;
  });
}

void Scale(absl::Span<uint8_t> bytes) {
  for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
    float value;
    std::memcpy(&value, &bytes[i], 4);
    value *= 1.01f;
    std::memcpy(&bytes[i], &value, 4);
  }
}

int Failures(const GoldenCase& golden, const ReplayResult& replay) {
  int failures = 0;
  for (const Verdict& v : Compare(golden, replay)) failures += !v.passed;
  return failures;
}

bool IsCompared(const std::string& name) {
  return !absl::StartsWith(name, "in/") && !absl::StartsWith(name, "param/") &&
         !absl::StrContains(name, "/noise_");
}

bool IsZero(const models::TensorEntry& entry) {
  for (uint8_t byte : entry.data) {
    if (byte != 0) return false;
  }
  return true;
}

class Mutation : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    engine_ = new Engine("reference");
    golden_ = new GoldenCase(Read("tiny_guide"));
    replay_ = new ReplayResult(Replay(*golden_, engine_->compile).value());
  }
  static void TearDownTestSuite() {
    delete replay_;
    delete golden_;
    delete engine_;
  }

  static Engine* engine_;
  static GoldenCase* golden_;
  static ReplayResult* replay_;
};
Engine* Mutation::engine_;
GoldenCase* Mutation::golden_;
ReplayResult* Mutation::replay_;

// Every tensor of the cases that between them have every kind of tensor.
class MutationOf : public ::testing::TestWithParam<const char*> {};

TEST_P(MutationOf, AnyTensorIsRed) {
  const Engine engine("reference");
  const GoldenCase golden = Read(GetParam());
  const ReplayResult replay = Replay(golden, engine.compile).value();
  for (const auto& [name, entry] : golden.file.tensors()) {
    if (!IsCompared(name)) continue;
    const std::string& tensor = name;
    EXPECT_EQ(Failures(Changed(golden, [&](models::TensorMap* t) { t->erase(tensor); }), replay), 1)
        << name << " missing";
    if (IsZero(entry)) continue;
    const bool is_float = graph::IsFloat(entry.type.dtype);
    const Bytes flip = [](absl::Span<uint8_t> bytes) { bytes[0] ^= 1; };
    EXPECT_EQ(Failures(Altered(golden, name, is_float ? Bytes(Scale) : flip), replay), 1) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(Golden, MutationOf,
                         ::testing::Values("combo_multi_wrong_conf", "combo_mae_raw_pixels",
                                           "combo_all_dropped_shuffle"),
                         [](const ::testing::TestParamInfo<const char*>& info) {
                           return std::string(info.param);
                         });

TEST_F(Mutation, UnchangedCaseIsGreen) {
  EXPECT_EQ(Failures(Changed(*golden_, [](models::TensorMap*) {}), *replay_), 0);
}

TEST_F(Mutation, ScalingAnyComparedFloatTensorIsRed) {
  int scaled = 0;
  for (const auto& [name, entry] : golden_->file.tensors()) {
    if (!IsCompared(name) || !graph::IsFloat(entry.type.dtype) || IsZero(entry)) continue;
    const GoldenCase changed = Altered(*golden_, name, Scale);
    EXPECT_EQ(Failures(changed, *replay_), 1) << name;
    ++scaled;
  }
  EXPECT_GT(scaled, 180);
}

TEST_F(Mutation, ChangingOneElementOfAnyIntegerTensorIsRed) {
  for (const std::string name : {"out/ids_keep", "out/mask", "out/mask_pos"}) {
    for (size_t at : {size_t{0}, golden_->file.tensors().at(name).data.size() - 4}) {
      const GoldenCase changed =
          Altered(*golden_, name, [&](absl::Span<uint8_t> bytes) { bytes[at] ^= 1; });
      EXPECT_EQ(Failures(changed, *replay_), 1) << name;
    }
  }
}

// A bug once: a NaN before the last element of train/acc1 or of a key bias went green.
TEST_F(Mutation, ANaNAnywhereIsRed) {
  for (const auto& [name, entry] : golden_->file.tensors()) {
    if (!IsCompared(name) || entry.type.dtype != graph::DType::kF32) continue;
    const size_t n = static_cast<size_t>(entry.type.elements());
    for (size_t at : {size_t{0}, n / 2, n - 1}) {
      const GoldenCase changed = Altered(*golden_, name, [&](absl::Span<uint8_t> bytes) {
        const float nan = std::nanf("");
        std::memcpy(&bytes[4 * at], &nan, 4);
      });
      EXPECT_EQ(Failures(changed, *replay_), 1) << name << " " << at;
    }
  }
}

TEST_F(Mutation, AMissingTensorIsRed) {
  for (const char* name : {"out/logits", "grad/norm.bias", "gradnorm/cls_token", "train/loss",
                           "final/mask_pos_token", "out/smooth"}) {
    const GoldenCase changed =
        Changed(*golden_, [&](models::TensorMap* tensors) { tensors->erase(name); });
    EXPECT_EQ(Failures(changed, *replay_), 1) << name;
  }
}

TEST_F(Mutation, ATensorThatIsNotComparedIsRed) {
  for (const char* name : {"out/new", "grad/nothing", "final/decoder_blocks.9.norm1.bias"}) {
    const GoldenCase changed = Changed(
        *golden_, [&](models::TensorMap* tensors) { (*tensors)[name] = tensors->at("out/loss"); });
    EXPECT_EQ(Failures(changed, *replay_), 1) << name;
  }
}

TEST_F(Mutation, ScalingAnyParameterIsRed) {
  for (const auto& [name, entry] : golden_->file.tensors()) {
    if (!absl::StartsWith(name, "param/") || IsZero(entry)) continue;
    const GoldenCase changed = Altered(*golden_, name, Scale);
    const auto replay = Replay(changed, engine_->compile);
    ASSERT_TRUE(replay.ok()) << replay.status();
    EXPECT_GT(Failures(changed, *replay), 0) << name;
  }
}

TEST_F(Mutation, AMissingInputStopsTheReplay) {
  const GoldenCase changed =
      Changed(*golden_, [](models::TensorMap* tensors) { tensors->erase("in/noise_pos"); });
  const auto replay = Replay(changed, engine_->compile);
  ASSERT_FALSE(replay.ok());
  EXPECT_TRUE(absl::StrContains(replay.status().message(), "in/noise_pos")) << replay.status();
}

TEST_F(Mutation, AnUnknownSwitchIsRefusedByName) {
  models::TensorMetadata metadata = golden_->file.metadata();
  metadata["config"].insert(1, "\"mask_token_type\": \"ones\", ");
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/ones.safetensors";
  ASSERT_TRUE(models::WriteSafetensors(path, golden_->file.tensors(), metadata).ok());
  const auto golden = ReadGoldenCase(path);
  ASSERT_FALSE(golden.ok());
  EXPECT_TRUE(absl::StrContains(golden.status().message(), "mask_token_type=ones"))
      << golden.status();
}

// What the switch changes is compared: without it the case is red.
TEST_P(EveryCase, IsRedWithoutItsSwitches) {
  GoldenCase golden = Read(GetParam());
  const models::DropPosConfig config = golden.droppos;
  const std::vector<std::function<void(models::DropPosConfig*)>> changes = {
      [](models::DropPosConfig* c) { c->mask_token_type = "param"; },
      [](models::DropPosConfig* c) { c->conf_ignore = false; },
      [](models::DropPosConfig* c) { c->smooth_grid = "paper"; },
      [](models::DropPosConfig* c) { c->attn_guide = false; },
      [](models::DropPosConfig* c) { c->norm_pix_loss = !c->norm_pix_loss; },
      [](models::DropPosConfig* c) { c->pos_weight *= 1.01; },
      [](models::DropPosConfig* c) { c->label_smoothing_sigma *= 1.01; },
      [](models::DropPosConfig* c) { c->official_shuffle = false; }};
  const auto same = [](const models::DropPosConfig& a, const models::DropPosConfig& b) {
    const bool pixels = !a.multi_task() && !a.vanilla_mae();
    return a.mask_token_type == b.mask_token_type && a.conf_ignore == b.conf_ignore &&
           a.smooth_grid == b.smooth_grid && a.attn_guide == b.attn_guide &&
           a.label_smoothing_sigma == b.label_smoothing_sigma &&
           (pixels || a.norm_pix_loss == b.norm_pix_loss) &&
           (!a.multi_task() || a.pos_weight == b.pos_weight) &&
           (!a.multi_task() || !a.shuffle || a.official_shuffle == b.official_shuffle);
  };
  const Engine engine("reference");
  for (size_t i = 0; i < changes.size(); ++i) {
    golden.droppos = config;
    changes[i](&golden.droppos);
    if (same(config, golden.droppos)) continue;
    // There nobody is confident yet; the combo_ cases ignore some patches.
    if (golden.name == "tiny_shuffle_conf" && !golden.droppos.conf_ignore) continue;
    const auto replay = Replay(golden, engine.compile);
    ASSERT_TRUE(replay.ok()) << replay.status();
    EXPECT_GT(Failures(golden, *replay), 0) << "change " << i;
  }
}

}  // namespace
}  // namespace tools
