#include "models/training/checkpoint.h"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/training/position_table.h"
#include "models/training/safetensors.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Not;

std::string TestPath(const std::string& name) {
  return std::string(std::getenv("TEST_TMPDIR")) + "/" + name;
}

std::vector<Parameter> Parameters() {
  const auto f32 = [](graph::Shape shape) {
    return graph::TensorType{graph::DType::kF32, std::move(shape)};
  };
  return {{"a.weight", f32({2, 3}), {}, {}},
          {"a.bias", f32({2}), {}, {}},
          {"pos_embed", f32({1, 2, 2}), {}, {ParameterKind::kFixed}}};
}

// Every element of every parameter counts up from `start`.
void Fill(const std::vector<Parameter>& parameters, float start, graph::Workspace* workspace) {
  for (const Parameter& p : parameters) {
    ASSERT_TRUE(workspace->Create(p.name, p.type).ok());
    std::vector<float> values(p.type.elements());
    for (float& v : values) v = start++;
    SetBlob(workspace, p.name, values);
  }
}

std::vector<float> All(const std::vector<Parameter>& parameters, graph::Workspace* workspace) {
  std::vector<float> values;
  for (const Parameter& p : parameters) {
    for (float v : BlobValues(workspace, p.name)) values.push_back(v);
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
  EXPECT_THAT(std::string(line.status().message()),
              AllOf(HasSubstr(path), HasSubstr("missing:        a.bias f32[2]"),
                    HasSubstr("unexpected:     b.bias f32[2]"),
                    HasSubstr("shape mismatch: a.weight is f32[3,2], the model has f32[2,3]"),
                    HasSubstr("--allow_missing='a.*,b.bias'")));
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
  EXPECT_EQ(BlobValues(&loaded, "a.weight")[0], 100);
  EXPECT_EQ(BlobValues(&loaded, "pos_embed")[0], 1);
}

TEST(Checkpoint, TensorsOfAnotherShapeKeepTheirValuesWhereAllowed) {
  graph::Workspace saved, loaded;
  std::vector<Parameter> other = Parameters();
  other[0].type.shape = {4, 3};
  Fill(other, 1, &saved);
  Fill(Parameters(), 100, &loaded);
  const std::string path = TestPath("resized_head.safetensors");
  ASSERT_TRUE(SaveParameters(path, other, saved, {}).ok());
  EXPECT_FALSE(LoadParameters(path, Parameters(), {}, &loaded).ok());
  const auto line = LoadParameters(path, Parameters(), {{"a.weight"}}, &loaded);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, AllOf(HasSubstr("2 tensors"), HasSubstr("kept as initialised: a.weight")));
  EXPECT_EQ(BlobValues(&loaded, "a.weight")[0], 100);
  EXPECT_EQ(BlobValues(&loaded, "a.bias")[0], 13);
}

TEST(Checkpoint, UnexpectedTensorsAreLeftOutWhereAllowed) {
  graph::Workspace saved, loaded;
  std::vector<Parameter> more = Parameters();
  more.push_back({"head.weight", {graph::DType::kF32, {2, 2}}, {}, {}});
  more.push_back({"head.bias", {graph::DType::kF32, {2}}, {}, {}});
  Fill(more, 1, &saved);
  Fill(Parameters(), 100, &loaded);
  const std::string path = TestPath("head.safetensors");
  ASSERT_TRUE(SaveParameters(path, more, saved, {}).ok());
  EXPECT_FALSE(LoadParameters(path, Parameters(), {{"head.weight"}}, &loaded).ok());
  const auto line = LoadParameters(path, Parameters(), {{"head.*"}}, &loaded);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, HasSubstr("left out: head.bias, head.weight"));
  Fill(Parameters(), 100, &loaded);
  LoadOptions subset;
  subset.subset = true;
  ASSERT_TRUE(LoadParameters(path, Parameters(), subset, &loaded).ok());
  EXPECT_EQ(BlobValues(&loaded, "a.weight")[0], 1);
}

TEST(Checkpoint, BriefErrorsAreOneLine) {
  graph::Workspace saved, loaded;
  std::vector<Parameter> other = Parameters();
  other[0].type.shape = {3, 2};
  other[1].name = "b.bias";
  other[2].name = "c.bias";
  Fill(other, 1, &saved);
  Fill(Parameters(), 100, &loaded);
  const std::string path = TestPath("brief.safetensors");
  ASSERT_TRUE(SaveParameters(path, other, saved, {}).ok());
  LoadOptions brief;
  brief.brief = true;
  const auto line = LoadParameters(path, Parameters(), brief, &loaded);
  ASSERT_FALSE(line.ok());
  EXPECT_EQ(
      line.status().message(),
      path +
          " does not fit the model: 1 tensor with a shape mismatch, a.weight is f32[3,2], the "
          "model has f32[2,3]; 2 tensors missing, first a.bias f32[2]; 2 tensors "
          "unexpected, first b.bias f32[2]");
}

TEST(Checkpoint, OtherFloatingPointTypesBecomeF32) {
  const double f64[6] = {1.0, -2.5, 1e-3, 3e38, 0.1, -0.0};
  const uint16_t bf16[2] = {0x3f80, 0xc049};  // 1, -3.140625
  const int32_t i32[4] = {1, 2, 3, 4};
  const auto bytes = [](const auto& values) {
    return absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values), sizeof(values));
  };
  TensorMap tensors = {{"a.weight", {{graph::DType::kF64, {2, 3}}, bytes(f64)}},
                       {"a.bias", {{graph::DType::kBF16, {2}}, bytes(bf16)}},
                       {"pos_embed", {{graph::DType::kI32, {1, 2, 2}}, bytes(i32)}}};
  const std::string path = TestPath("types.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, tensors).ok());
  graph::Workspace loaded;
  Fill(Parameters(), 100, &loaded);
  const auto refused = LoadParameters(path, Parameters(), {}, &loaded);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("type mismatch:  pos_embed is i32[1,2,2]"));
  const auto line = LoadParameters(path, Parameters(), {{"pos_embed"}}, &loaded);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, AllOf(HasSubstr("1 tensor f64 -> f32"), HasSubstr("1 tensor bf16 -> f32")));
  EXPECT_THAT(All(Parameters(), &loaded), ElementsAre(1.0f, -2.5f, 1e-3f, 3e38f, 0.1f, -0.0f, 1.0f,
                                                      -3.140625f, 108, 109, 110, 111));
}

// A file of tensors of types that WriteSafetensors has not: {name, dtype, shape, bytes}.
struct Raw {
  std::string name, dtype, shape;
  uint64_t bytes;
};
void WriteRaw(const std::string& path, const std::vector<Raw>& tensors, const std::string& data) {
  std::string header = "{";
  uint64_t at = 0;
  for (const Raw& t : tensors) {
    absl::StrAppend(&header, header.size() > 1 ? "," : "", "\"", t.name, "\":{\"dtype\":\"",
                    t.dtype, "\",\"shape\":", t.shape, ",\"data_offsets\":[", at, ",", at + t.bytes,
                    "]}");
    at += t.bytes;
  }
  header += "}";
  const uint64_t length = header.size();
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << absl::string_view(reinterpret_cast<const char*>(&length), 8) << header << data;
  file.close();
  // What `data` leaves out is a hole in the file.
  std::filesystem::resize_file(path, 8 + header.size() + at);
}

TEST(Checkpoint, HalfPrecisionBecomesF32) {
  const uint16_t f16[] = {0x3c00, 0xc248, 0x0001, 0x83ff, 0x7bff, 0x7c00,  // a.weight
                          0xfc00, 0x7e00,                                  // a.bias
                          0x8000, 0x0400, 0x3555, 0xb5ff};                 // pos_embed
  const std::string path = TestPath("half.safetensors");
  WriteRaw(path,
           {{"a.weight", "F16", "[2,3]", 12},
            {"a.bias", "F16", "[2]", 4},
            {"pos_embed", "F16", "[1,2,2]", 8}},
           std::string(reinterpret_cast<const char*>(f16), sizeof(f16)));
  graph::Workspace loaded;
  Fill(Parameters(), 100, &loaded);
  const auto line = LoadParameters(path, Parameters(), {}, &loaded);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, HasSubstr("3 tensors f16 -> f32"));
  const std::vector<float> values = All(Parameters(), &loaded);
  const float want[] = {1.0f,       -3.140625f, 0x1p-24f, -0x1.ff8p-15f, 65504.0f,    HUGE_VALF,
                        -HUGE_VALF, NAN,        -0.0f,    0x1p-14f,      0x1.554p-2f, -0x1.7fcp-2f};
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_TRUE(std::isnan(want[i]) ? std::isnan(values[i]) : values[i] == want[i])
        << i << ": " << values[i];
    EXPECT_TRUE(std::isnan(want[i]) || std::signbit(values[i]) == std::signbit(want[i])) << i;
  }
}

// Larger than the piece that is converted at a time.
TEST(Checkpoint, LongTensorsAreConvertedWhole) {
  const std::vector<Parameter> p = {{"w", {graph::DType::kF32, {300'001}}, {}, {}}};
  std::vector<double> values(300'001);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(i) - 5;
  const TensorMap tensors = {
      {"w",
       {{graph::DType::kF64, {300'001}},
        absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()), values.size() * 8)}}};
  const std::string path = TestPath("long.safetensors");
  ASSERT_TRUE(WriteSafetensors(path, tensors).ok());
  graph::Workspace loaded;
  Fill(p, 0, &loaded);
  ASSERT_TRUE(LoadParameters(path, p, {}, &loaded).ok());
  const std::vector<float> read = BlobValues(&loaded, "w");
  EXPECT_TRUE(std::equal(values.begin(), values.end(), read.begin(), read.end()));
}

// A bug once: a mask of booleans that nobody wanted, and the file could not be read at all.
TEST(Checkpoint, TypesThatAreNotReadMatterWhereTheyAreWanted) {
  const std::string path = TestPath("bool.safetensors");
  WriteRaw(path,
           {{"a.weight", "F8_E4M3", "[2,3]", 6},
            {"a.bias", "F32", "[2]", 8},
            {"head.mask", "BOOL", "[3]", 3},
            {"pos_embed", "F32", "[1,2,2]", 16}},
           std::string(33, '\0'));
  graph::Workspace loaded;
  Fill(Parameters(), 100, &loaded);
  const auto refused = LoadParameters(path, Parameters(), {}, &loaded);
  EXPECT_THAT(std::string(refused.status().message()),
              AllOf(HasSubstr("type mismatch:  a.weight is 'F8_E4M3'[2,3], the model has f32[2,3]; "
                              "python3 tools/convert_checkpoint.py --float32 converts it\n"),
                    HasSubstr("unexpected:     head.mask 'BOOL'[3]")));
  const auto line = LoadParameters(path, Parameters(), {{"a.weight", "head.*"}}, &loaded);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_EQ(All(Parameters(), &loaded),
            (std::vector<float>{100, 101, 102, 103, 104, 105, 0, 0, 0, 0, 0, 0}));
  LoadOptions subset;
  subset.subset = true;
  subset.allow = {"a.weight"};
  EXPECT_TRUE(LoadParameters(path, Parameters(), subset, &loaded).ok());
}

// The flag that the error ends with is all it takes.
TEST(Checkpoint, TheErrorNamesTheFlagThatLetsItPass) {
  std::vector<Parameter> model = Parameters();
  for (const char* name : {"head.weight", "head.bias", "mask_token", "blocks.0.w", "blocks.1.w"}) {
    model.push_back({name, {graph::DType::kF32, {2}}, {}, {}});
  }
  std::vector<Parameter> file = Parameters();
  file.push_back({"blocks.1.w", {graph::DType::kF32, {3}}, {}, {}});
  file.push_back({"fc.weight", {graph::DType::kF32, {2}}, {}, {}});
  graph::Workspace saved, loaded;
  Fill(file, 1, &saved);
  Fill(model, 100, &loaded);
  const std::string path = TestPath("flag.safetensors");
  ASSERT_TRUE(SaveParameters(path, file, saved, {}).ok());
  const std::string error(LoadParameters(path, model, {}, &loaded).status().message());
  const std::string flag = "--allow_missing='";
  const size_t at = error.find(flag);
  ASSERT_NE(at, std::string::npos) << error;
  ASSERT_EQ(error.back(), '\'');
  const std::string patterns = error.substr(at + flag.size(), error.size() - at - flag.size() - 1);
  EXPECT_EQ(patterns, "blocks.*,fc.weight,head.*,mask_token");
  const LoadOptions allow{absl::StrSplit(patterns, ',')};
  const auto line = LoadParameters(path, model, allow, &loaded);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, Not(HasSubstr("was not needed")));
}

TEST(Checkpoint, AFileOfAnotherModelIsCalledThat) {
  std::vector<Parameter> other = Parameters();
  for (Parameter& p : other) p.type.shape.push_back(2);
  graph::Workspace saved, loaded;
  Fill(other, 1, &saved);
  Fill(Parameters(), 100, &loaded);
  const std::string path = TestPath("another.safetensors");
  ASSERT_TRUE(SaveParameters(path, other, saved, {}).ok());
  const std::string error(LoadParameters(path, Parameters(), {}, &loaded).status().message());
  EXPECT_THAT(error, AllOf(HasSubstr("no tensor of it fits: is --model the one that it is of?"),
                           Not(HasSubstr("--allow_missing"))));
}

// 1 TiB, nearly all of it a hole: a bug once read files whole before it compared names.
TEST(Checkpoint, OnlyWhatIsWantedIsRead) {
  const std::string path = TestPath("huge.safetensors");
  const float values[] = {1, 2};
  WriteRaw(path,
           {{"a.bias", "F32", "[2]", 8}, {"huge", "U8", "[1099511627776]", uint64_t{1} << 40}},
           std::string(reinterpret_cast<const char*>(values), sizeof(values)));
  graph::Workspace loaded;
  Fill(Parameters(), 100, &loaded);
  EXPECT_THAT(std::string(LoadParameters(path, Parameters(), {}, &loaded).status().message()),
              HasSubstr("unexpected:     huge u8[1099511627776]"));
  const LoadOptions allow{{"huge", "a.weight", "pos_embed"}};
  const auto line = LoadParameters(path, Parameters(), allow, &loaded);
  std::filesystem::remove(path);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(BlobValues(&loaded, "a.bias"), ElementsAre(1, 2));
}

// What the parameters of a model with position tables of this grid look like.
std::vector<Parameter> Tables(int64_t h, int64_t w) {
  const auto table = [&](int64_t extra) {
    return graph::TensorType{graph::DType::kF32, {1, extra + h * w, 3}};
  };
  return {{"pos_embed", table(1), Initializer::SinCos2d(h, w), {ParameterKind::kFixed}},
          {"decoder_pos_embed", table(0), Initializer::SinCos2d(h, w), {ParameterKind::kFixed}}};
}

std::vector<float> Resized(graph::Workspace* workspace, const std::string& name, int64_t extra,
                           PatchGrid from, PatchGrid to) {
  return ResizePositionTable(BlobValues(workspace, name), 3, extra, from, to);
}

TEST(Checkpoint, PositionTablesOfAnotherGridAreResized) {
  graph::Workspace saved, loaded;
  Fill(Tables(3, 3), 1, &saved);
  Fill(Tables(2, 5), 100, &loaded);
  const std::string path = TestPath("square.safetensors");
  // As written by others: without a grid in its metadata.
  TensorMap tensors;
  for (const Parameter& p : Tables(3, 3)) {
    tensors[p.name] = TensorEntry::OnDevice(*saved.Find(p.name));
  }
  ASSERT_TRUE(WriteSafetensors(path, tensors).ok());
  const auto line = LoadParameters(path, Tables(2, 5), {}, &loaded);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, AllOf(HasSubstr("; pos_embed 3x3 -> 2x5"),
                           HasSubstr("; decoder_pos_embed 3x3 -> 2x5")));
  for (const Parameter& p : Tables(2, 5)) {
    EXPECT_THAT(
        BlobValues(&loaded, p.name),
        ElementsAreArray(Resized(&saved, p.name, p.name == "pos_embed" ? 1 : 0, {3, 3}, {2, 5})));
  }
}

// 2x8 cells are 4x4 as well: only the file can know.
TEST(Checkpoint, TheGridOfOurFilesIsKnown) {
  graph::Workspace saved, loaded;
  Fill(Tables(2, 8), 1, &saved);
  const std::string path = TestPath("oblong.safetensors");
  ASSERT_TRUE(SaveParameters(path, Tables(2, 8), saved, {{"model", "m"}}).ok());
  EXPECT_EQ(SafetensorsFile::Read(path)->metadata().at("grid"), "2x8");
  Fill(Tables(4, 4), 100, &loaded);
  const auto line = LoadParameters(path, Tables(4, 4), {}, &loaded);
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(*line, HasSubstr("; pos_embed 2x8 -> 4x4"));
  EXPECT_THAT(BlobValues(&loaded, "pos_embed"),
              ElementsAreArray(Resized(&saved, "pos_embed", 1, {2, 8}, {4, 4})));
  graph::Workspace same;
  Fill(Tables(2, 8), 100, &same);
  ASSERT_TRUE(LoadParameters(path, Tables(2, 8), {}, &same).ok());
  EXPECT_EQ(All(Tables(2, 8), &same), All(Tables(2, 8), &saved));
}

TEST(Checkpoint, PositionTablesThatNoGridFitsAreRefused) {
  graph::Workspace loaded;
  Fill(Tables(4, 4), 100, &loaded);
  const std::vector<float> before = All(Tables(4, 4), &loaded);
  const std::vector<float> values(1000, 1.0f);
  for (const graph::Shape& shape : std::vector<graph::Shape>{
           {1, 1 + 12, 3}, {1, 1, 3}, {1, 0, 3}, {1, 1 + 9, 2}, {1 + 9, 3}, {2, 1 + 9, 3}}) {
    const graph::TensorType type{graph::DType::kF32, shape};
    const TensorMap tensors = {
        {"pos_embed",
         {type,
          absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(values.data()), type.bytes())}}};
    const std::string path = TestPath("no_grid.safetensors");
    ASSERT_TRUE(WriteSafetensors(path, tensors, {{"grid", "100000x100000"}}).ok());
    const auto line = LoadParameters(path, Tables(4, 4), {{"decoder_pos_embed"}}, &loaded);
    ASSERT_FALSE(line.ok()) << graph::ShapeString(shape);
    EXPECT_THAT(std::string(line.status().message()),
                HasSubstr("shape mismatch: pos_embed is " + type.ToString()));
    EXPECT_EQ(All(Tables(4, 4), &loaded), before);
  }
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
