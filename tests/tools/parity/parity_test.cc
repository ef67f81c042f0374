// Golden cases replayed on both backends, and proof that the comparison turns red.
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>

#include "absl/strings/match.h"
#include "gtest/gtest.h"
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
        backend(backend_name == "cpu" ? MakeCpuBackend(threads) : MakeReferenceBackend()) {
    compile.registry = &registry;
    compile.backend = &backend;
    compile.threads = threads;
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
  const std::vector<Verdict> verdicts = Compare(golden, *replay);
  EXPECT_GT(verdicts.size(), 180u);
  for (const Verdict& v : verdicts) {
    EXPECT_TRUE(v.passed) << v.tensor << ": error " << v.error << ", bound " << v.bound << " "
                          << v.note;
  }
}

TEST(Parity, TinyPlainOnReference) { ExpectParity("tiny_plain", Engine("reference")); }
TEST(Parity, TinyGuideOnReference) { ExpectParity("tiny_guide", Engine("reference")); }
TEST(Parity, TinyPlainOnCpu) { ExpectParity("tiny_plain", Engine("cpu")); }
TEST(Parity, TinyGuideOnCpu) { ExpectParity("tiny_guide", Engine("cpu")); }
TEST(Parity, TinyGuideOnCpuWithoutPasses) { ExpectParity("tiny_guide", Engine("cpu", false)); }
TEST(Parity, TinyGuideOnOneAndThreeThreads) {
  ExpectParity("tiny_guide", Engine("cpu", true, 1));
  ExpectParity("tiny_guide", Engine("cpu", true, 3));
}

// The case with one tensor changed; "" erases nothing.
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

  using Change = std::function<void(models::TensorMap*)>;
  // Writes the changed case to a file and reads it back.
  static GoldenCase Changed(const Change& change) {
    models::TensorMap tensors = golden_->file.tensors();
    change(&tensors);
    const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/changed.safetensors";
    EXPECT_TRUE(models::WriteSafetensors(path, tensors, golden_->file.metadata()).ok());
    return ReadGoldenCase(path).value();
  }
  static int Failures(const GoldenCase& golden, const ReplayResult& replay) {
    int failures = 0;
    for (const Verdict& v : Compare(golden, replay)) failures += !v.passed;
    return failures;
  }
  // A copy of the tensor's bytes that `change` may alter.
  static void Alter(models::TensorMap* tensors, const std::string& name,
                    const std::function<void(absl::Span<uint8_t>)>& change) {
    models::TensorEntry& entry = tensors->at(name);
    bytes_.assign(entry.data.begin(), entry.data.end());
    change(absl::MakeSpan(bytes_));
    entry.data = bytes_;
  }
  static void Scale(absl::Span<uint8_t> bytes) {
    for (size_t i = 0; i + 4 <= bytes.size(); i += 4) {
      float value;
      std::memcpy(&value, &bytes[i], 4);
      value *= 1.01f;
      std::memcpy(&bytes[i], &value, 4);
    }
  }
  static bool IsCompared(const std::string& name) {
    return !absl::StartsWith(name, "in/") && !absl::StartsWith(name, "param/") &&
           !absl::StrContains(name, "/noise_");
  }
  static bool IsZero(const models::TensorEntry& entry) {
    for (uint8_t byte : entry.data) {
      if (byte != 0) return false;
    }
    return true;
  }

  static Engine* engine_;
  static GoldenCase* golden_;
  static ReplayResult* replay_;
  static std::vector<uint8_t> bytes_;
};
Engine* Mutation::engine_;
GoldenCase* Mutation::golden_;
ReplayResult* Mutation::replay_;
std::vector<uint8_t> Mutation::bytes_;

TEST_F(Mutation, UnchangedCaseIsGreen) {
  EXPECT_EQ(Failures(Changed([](models::TensorMap*) {}), *replay_), 0);
}

TEST_F(Mutation, ScalingAnyComparedFloatTensorIsRed) {
  int scaled = 0;
  for (const auto& [name, entry] : golden_->file.tensors()) {
    if (!IsCompared(name) || !graph::IsFloat(entry.type.dtype) || IsZero(entry)) continue;
    const std::string& tensor = name;
    const GoldenCase changed =
        Changed([&](models::TensorMap* tensors) { Alter(tensors, tensor, Scale); });
    EXPECT_EQ(Failures(changed, *replay_), 1) << name;
    ++scaled;
  }
  EXPECT_GT(scaled, 180);
}

TEST_F(Mutation, ChangingOneElementOfAnyIntegerTensorIsRed) {
  for (const std::string name : {"out/ids_keep", "out/mask", "out/mask_pos"}) {
    for (size_t at : {size_t{0}, golden_->file.tensors().at(name).data.size() - 4}) {
      const GoldenCase changed = Changed([&](models::TensorMap* tensors) {
        Alter(tensors, name, [&](absl::Span<uint8_t> bytes) { bytes[at] ^= 1; });
      });
      EXPECT_EQ(Failures(changed, *replay_), 1) << name;
    }
  }
}

// A bug once: a NaN before the last element of train/acc1 or of a key bias went green.
TEST_F(Mutation, ANaNAnywhereIsRed) {
  for (const auto& [name, entry] : golden_->file.tensors()) {
    if (!IsCompared(name) || entry.type.dtype != graph::DType::kF32) continue;
    const std::string& tensor = name;
    const size_t n = static_cast<size_t>(entry.type.elements());
    for (size_t at : {size_t{0}, n / 2, n - 1}) {
      const GoldenCase changed = Changed([&](models::TensorMap* tensors) {
        Alter(tensors, tensor, [&](absl::Span<uint8_t> bytes) {
          const float nan = std::nanf("");
          std::memcpy(&bytes[4 * at], &nan, 4);
        });
      });
      EXPECT_EQ(Failures(changed, *replay_), 1) << name << " " << at;
    }
  }
}

TEST_F(Mutation, AMissingTensorIsRed) {
  for (const char* name : {"out/logits", "grad/norm.bias", "gradnorm/cls_token", "train/loss",
                           "final/mask_pos_token", "out/smooth"}) {
    const GoldenCase changed = Changed([&](models::TensorMap* tensors) { tensors->erase(name); });
    EXPECT_EQ(Failures(changed, *replay_), 1) << name;
  }
}

TEST_F(Mutation, ATensorThatIsNotComparedIsRed) {
  for (const char* name : {"out/new", "grad/nothing", "final/decoder_blocks.9.norm1.bias"}) {
    const GoldenCase changed =
        Changed([&](models::TensorMap* tensors) { (*tensors)[name] = tensors->at("out/loss"); });
    EXPECT_EQ(Failures(changed, *replay_), 1) << name;
  }
}

TEST_F(Mutation, ScalingAnyParameterIsRed) {
  for (const auto& [name, entry] : golden_->file.tensors()) {
    if (!absl::StartsWith(name, "param/") || IsZero(entry)) continue;
    const std::string& tensor = name;
    const GoldenCase changed =
        Changed([&](models::TensorMap* tensors) { Alter(tensors, tensor, Scale); });
    const auto replay = Replay(changed, engine_->compile);
    ASSERT_TRUE(replay.ok()) << replay.status();
    EXPECT_GT(Failures(changed, *replay), 0) << name;
  }
}

TEST_F(Mutation, AMissingInputStopsTheReplay) {
  const GoldenCase changed =
      Changed([](models::TensorMap* tensors) { tensors->erase("in/noise_pos"); });
  const auto replay = Replay(changed, engine_->compile);
  ASSERT_FALSE(replay.ok());
  EXPECT_TRUE(absl::StrContains(replay.status().message(), "in/noise_pos")) << replay.status();
}

TEST_F(Mutation, SwitchesOfOtherCasesAreRefusedByName) {
  models::TensorMetadata metadata = golden_->file.metadata();
  std::string& config = metadata["config"];
  config.insert(1, "\"shuffle\": true, ");
  const std::string path = std::string(std::getenv("TEST_TMPDIR")) + "/shuffle.safetensors";
  ASSERT_TRUE(models::WriteSafetensors(path, golden_->file.tensors(), metadata).ok());
  const auto golden = ReadGoldenCase(path);
  ASSERT_FALSE(golden.ok());
  EXPECT_TRUE(absl::StrContains(golden.status().message(), "'shuffle'")) << golden.status();
}

}  // namespace
}  // namespace tools
