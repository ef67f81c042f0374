#include "models/training/checkpoint.h"

#include <cstdlib>
#include <filesystem>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/training/safetensors.h"

namespace models {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string TestPath(const std::string& name) {
  return std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
}

std::vector<Parameter> Parameters() {
  const auto f32 = [](graph::Shape shape) {
    return graph::TensorType{graph::DType::kF32, std::move(shape)};
  };
  return {{"a.weight", f32({2, 3}), {}, true},
          {"a.bias", f32({2}), {}, true},
          {"pos_embed", f32({1, 2, 2}), {}, false}};
}

// Every element of every parameter counts up from `start`.
void Fill(const std::vector<Parameter>& parameters, float start, graph::Workspace* workspace) {
  for (const Parameter& p : parameters) {
    for (float& v : workspace->Create(p.name, p.type)->as<float>()) v = start++;
  }
}

std::vector<float> All(const std::vector<Parameter>& parameters, graph::Workspace* workspace) {
  std::vector<float> values;
  for (const Parameter& p : parameters) {
    for (float v : workspace->Find(p.name)->as<float>()) values.push_back(v);
  }
  return values;
}

TEST(Checkpoint, LoadsWhatWasSaved) {
  graph::Workspace saved, loaded;
  Fill(Parameters(), 1, &saved);
  Fill(Parameters(), 100, &loaded);
  const std::string path = TestPath("whole.safetensors");
  ASSERT_TRUE(SaveParameters(path, Parameters(), saved, {{"model", "m"}}).ok());
  const auto line = LoadParameters(path, Parameters(), {}, &loaded);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, AllOf(HasSubstr("3 tensors"), HasSubstr("12 values")));
  EXPECT_EQ(All(Parameters(), &saved), All(Parameters(), &loaded));
  EXPECT_EQ(SafetensorsFile::Read(path)->metadata().at("model"), "m");
}

TEST(Checkpoint, ListsEveryTensorThatDoesNotFitAndLoadsNone) {
  graph::Workspace saved, loaded;
  std::vector<Parameter> other = Parameters();
  other[0].type.shape = {3, 2};
  other[1].name = "b.bias";
  Fill(other, 1, &saved);
  Fill(Parameters(), 100, &loaded);
  const std::string path = TestPath("other.safetensors");
  ASSERT_TRUE(SaveParameters(path, other, saved, {}).ok());
  const std::vector<float> before = All(Parameters(), &loaded);
  const auto line = LoadParameters(path, Parameters(), {}, &loaded);
  ASSERT_FALSE(line.ok());
  EXPECT_THAT(
      std::string(line.status().message()),
      AllOf(HasSubstr(path), HasSubstr("missing:    a.bias"), HasSubstr("unexpected: b.bias"),
            HasSubstr("other type: a.weight is f32[3,2]"), HasSubstr("--allow_missing")));
  EXPECT_EQ(All(Parameters(), &loaded), before);
}

TEST(Checkpoint, MissingTensorsKeepTheirValuesWhereAllowed) {
  graph::Workspace saved, loaded;
  std::vector<Parameter> fewer = Parameters();
  fewer.erase(fewer.begin(), fewer.begin() + 2);
  Fill(fewer, 1, &saved);
  const std::string path = TestPath("fewer.safetensors");
  ASSERT_TRUE(SaveParameters(path, fewer, saved, {}).ok());
  Fill(Parameters(), 100, &loaded);
  EXPECT_FALSE(LoadParameters(path, Parameters(), {{"a.weight"}}, &loaded).ok());
  EXPECT_FALSE(LoadParameters(path, Parameters(), {{"a"}}, &loaded).ok());
  const auto line = LoadParameters(path, Parameters(), {{"a.*"}}, &loaded);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, HasSubstr("kept as initialised: a.weight, a.bias"));
  EXPECT_EQ(loaded.Find("a.weight")->as<float>()[0], 100);
  EXPECT_EQ(loaded.Find("pos_embed")->as<float>()[0], 1);
}

TEST(Checkpoint, MissingFileIsNamed) {
  graph::Workspace workspace;
  Fill(Parameters(), 1, &workspace);
  const auto line = LoadParameters("/no/such/file.safetensors", Parameters(), {}, &workspace);
  ASSERT_FALSE(line.ok());
  EXPECT_THAT(std::string(line.status().message()), HasSubstr("/no/such/file.safetensors"));
}

}  // namespace
}  // namespace models
