// What resuming needs beside the session's own memory, which is all that a plan counts: no
// tensor is held a second time. This program replaces operator new.
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <new>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "models/droppos/droppos.h"
#include "models/training/checkpoint.h"
#include "models/training/checkpoint_store.h"
#include "tests/models/training/tiny_run.h"

namespace {

std::atomic<size_t> largest{0};

}  // namespace

void* operator new(size_t bytes) {
  size_t before = largest;
  while (before < bytes && !largest.compare_exchange_weak(before, bytes)) {
  }
  if (void* const memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace models {
namespace {

// The largest piece of memory that `work` asks for.
template <typename Work>
size_t LargestOf(const Work& work) {
  largest = 0;
  work();
  return largest;
}

TEST(RestoreMemory, ParametersAreReadIntoTheirPlaces) {
  const int64_t n = 1 << 20;
  const std::vector<Parameter> parameters = {{"a", {graph::DType::kF32, {n}}, {}, {}},
                                             {"b", {graph::DType::kF32, {n}}, {}, {}}};
  graph::Workspace workspace;
  for (const Parameter& p : parameters) ASSERT_TRUE(workspace.Create(p.name, p.type).ok());
  const std::vector<float> a(n, 1.0f);
  const std::vector<double> b(n, 2.0);
  const std::string path = absl::StrCat(std::getenv("TEST_TMPDIR"), "/two.safetensors");
  const auto bytes = [](const auto& values) {
    return absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()),
                               values.size() * sizeof(values[0]));
  };
  ASSERT_TRUE(WriteSafetensors(path, {{"a", {{graph::DType::kF32, {n}}, bytes(a)}},
                                      {"b", {{graph::DType::kF64, {n}}, bytes(b)}}})
                  .ok());
  ASSERT_GE(LargestOf([] { ::operator delete(::operator new(n)); }), size_t{n});
  const size_t most =
      LargestOf([&] { EXPECT_TRUE(LoadParameters(path, parameters, {}, &workspace).ok()); });
  EXPECT_LE(most, size_t{1} << 19);
  EXPECT_EQ(workspace.Read<float>("a")->at(n - 1), 1.0f);
  EXPECT_EQ(workspace.Read<float>("b")->at(n - 1), 2.0f);
}

TEST(RestoreMemory, AndSoIsTheOptimizer) {
  const TinyEngine engine;
  ModelConfig config = TinyModelConfig();
  config.embed_dim = 64;  // so that a file's header is small beside its tensors
  const DropPos model(config, TinyDropPosConfig(false));
  const auto session = Session::Create(&model, engine.Options(2));
  ASSERT_TRUE(session.ok()) << session.status();
  const std::string folder = absl::StrCat(std::getenv("TEST_TMPDIR"), "/run");
  std::filesystem::create_directories(folder);
  CheckpointStore store(folder, KeepPolicy());
  const auto path = store.Save(RunState(), **session, {});
  ASSERT_TRUE(path.ok()) << path.status();
  const auto checkpoint = OpenCheckpoint(*path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  const size_t most =
      LargestOf([&] { EXPECT_TRUE(RestoreCheckpoint(*checkpoint, session->get()).ok()); });
  for (const char* name : {kModelFile, kOptimizerFile}) {
    EXPECT_LT(most, std::filesystem::file_size(*path + "/" + name) / 8) << name;
  }
}

}  // namespace
}  // namespace models
