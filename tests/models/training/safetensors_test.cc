#include "models/training/safetensors.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "gmock/gmock.h"
#include "graph/base/random.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::graph::DType;
using ::testing::HasSubstr;

// A fresh folder for the files of one test.
std::filesystem::path TestFolder() {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const std::filesystem::path folder =
      std::filesystem::path(std::getenv("TEST_TMPDIR")) / test->name();
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

std::set<std::string> FilesIn(const std::filesystem::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.insert(entry.path().filename());
  }
  return names;
}

std::string Contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void SetContents(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

template <typename T>
TensorEntry Entry(const std::vector<T>& values, const std::vector<int64_t>& shape) {
  return {{graph::DTypeOf<T>::value, graph::Shape(shape.begin(), shape.end())},
          {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)}};
}

// A file from its header and data, with a right length field.
std::string FileOf(const std::string& header, const std::string& data = "") {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}

std::string ErrorOf(const std::string& bytes) {
  const auto file = SafetensorsFile::Parse(bytes, "dir/x.safetensors");
  EXPECT_FALSE(file.ok());
  if (file.ok()) return "";
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("dir/x.safetensors: "));
  return std::string(file.status().message());
}

const std::vector<float> kFloats = {1.5f, -0.0f, std::numeric_limits<float>::quiet_NaN(), 3, 4, 5};
const std::vector<double> kDoubles = {1e300, -2};
const std::vector<int32_t> kInts = {-7};
const std::vector<int64_t> kLongs = {int64_t{1} << 40, 0};
const std::vector<uint8_t> kBytes = {1, 2, 255};
const std::vector<uint8_t> kBFloats = {0x80, 0x3f};
const std::vector<float> kNone;

TensorMap AllTypes() {
  return {{"w", Entry(kFloats, {2, 3})},         {"d", Entry(kDoubles, {2, 1})},
          {"scalar", Entry(kInts, {})},          {"l", Entry(kLongs, {1, 2})},
          {"u/8 \"q\"", Entry(kBytes, {3})},     {"empty", Entry(kNone, {0, 4})},
          {"b", {{DType::kBF16, {1}}, kBFloats}}};
}

TEST(Safetensors, RoundTripOfEveryType) {
  const auto path = TestFolder() / "a.safetensors";
  const TensorMap tensors = AllTypes();
  ASSERT_TRUE(WriteSafetensors(path, tensors, {{"config", "{\"a\":1}"}, {"é", ""}}).ok());
  const auto read = SafetensorsFile::Read(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->metadata(), (TensorMetadata{{"config", "{\"a\":1}"}, {"é", ""}}));
  ASSERT_EQ(read->tensors().size(), tensors.size());
  for (const auto& [name, want] : tensors) {
    const auto entry = read->Find(name);
    ASSERT_TRUE(entry.ok()) << entry.status();
    EXPECT_EQ(entry->type, want.type) << name;
    EXPECT_EQ(entry->data, want.data) << name;
    // Written in the order that aligns every tensor.
    EXPECT_EQ(reinterpret_cast<uintptr_t>(entry->data.data()) % ByteSize(want.type.dtype), 0u);
  }
  EXPECT_EQ(read->Values<double>("d").value(), kDoubles);
  EXPECT_EQ(read->Values<int64_t>("l").value(), kLongs);
  EXPECT_TRUE(read->Values<float>("empty").value().empty());
}

TEST(Safetensors, SpansSurviveAMove) {
  auto read = SafetensorsFile::Parse(
      FileOf(R"({"t":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}})", "abc"), "f");
  ASSERT_TRUE(read.ok());
  const SafetensorsFile moved = std::move(read).value();
  EXPECT_EQ(moved.Values<uint8_t>("t").value(), (std::vector<uint8_t>{'a', 'b', 'c'}));
}

TEST(Safetensors, EqualTensorsGiveEqualBytesInTheOfficialLayout) {
  const auto folder = TestFolder();
  const TensorMap tensors = {
      {"b", Entry(kInts, {1})}, {"a", Entry(kBytes, {3})}, {"z", Entry(kInts, {1, 1})}};
  ASSERT_TRUE(WriteSafetensors(folder / "1", tensors, {{"y", "2"}, {"x", "1"}}).ok());
  ASSERT_TRUE(WriteSafetensors(folder / "2", tensors, {{"x", "1"}, {"y", "2"}}).ok());
  const std::string bytes = Contents(folder / "1");
  EXPECT_EQ(bytes, Contents(folder / "2"));
  std::string header = R"({"__metadata__":{"x":"1","y":"2"},)"
                       R"("b":{"dtype":"I32","shape":[1],"data_offsets":[0,4]},)"
                       R"("z":{"dtype":"I32","shape":[1,1],"data_offsets":[4,8]},)"
                       R"("a":{"dtype":"U8","shape":[3],"data_offsets":[8,11]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  EXPECT_EQ(bytes, FileOf(header, std::string("\xf9\xff\xff\xff\xf9\xff\xff\xff\1\2\xff", 11)));
}

TEST(Safetensors, NoTensorsAtAll) {
  const auto path = TestFolder() / "none";
  ASSERT_TRUE(WriteSafetensors(path, {}).ok());
  const auto read = SafetensorsFile::Read(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->tensors().empty());
}

TEST(Safetensors, UnpaddedHeaderAndAnyOrderAreRead) {
  const auto read =
      SafetensorsFile::Parse(FileOf(R"({"b":{"data_offsets":[1,5],"shape":[],"dtype":"I32"},)"
                                    R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                                    std::string("\7\1\0\0\0", 5)),
                             "f");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->Values<int32_t>("b").value(), std::vector<int32_t>{1});
  EXPECT_EQ(read->Values<uint8_t>("a").value(), std::vector<uint8_t>{7});
}

TEST(Safetensors, WrongNameOrTypeIsNamed) {
  const auto read = SafetensorsFile::Parse(
      FileOf(R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "a"), "f.st");
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->Find("cls").status().message(), "f.st: no tensor 'cls'");
  EXPECT_EQ(read->Values<float>("t").status().message(), "f.st: tensor 't' is u8[1], expected f32");
}

TEST(Safetensors, BadBytesGiveClearErrors) {
  // One tensor with these fields, four bytes of data.
  const auto tensor = [](const std::string& fields) {
    return ErrorOf(FileOf("{\"t\":{" + fields + "}}", "abcd"));
  };
  const std::string u8 = R"("dtype":"U8",)", good = R"("shape":[4],"data_offsets":[0,4])";
  ASSERT_TRUE(SafetensorsFile::Parse(FileOf("{\"t\":{" + u8 + good + "}}", "abcd"), "f").ok());

  EXPECT_THAT(ErrorOf(""), HasSubstr("at least 8 bytes, this one has 0"));
  EXPECT_THAT(ErrorOf(std::string("\0\0\0\0\0\0\0", 7)), HasSubstr("this one has 7"));
  EXPECT_THAT(ErrorOf("PK\3\4 and so on"), HasSubstr("PyTorch .pth"));
  EXPECT_THAT(ErrorOf(std::string(16, '\xff')), HasSubstr("the limit is 100000000"));
  EXPECT_THAT(ErrorOf(FileOf("{}").substr(0, 9)), HasSubstr("truncated: the header should have 2"));
  EXPECT_THAT(ErrorOf(FileOf("")), HasSubstr("does not start with '{'"));
  EXPECT_THAT(ErrorOf(FileOf(" {}")), HasSubstr("does not start with '{'"));
  EXPECT_THAT(ErrorOf(FileOf("{} {}")), HasSubstr("not valid JSON at its byte"));
  EXPECT_THAT(ErrorOf(FileOf("{\"t\":NaN}")), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf(FileOf("{\"\xff\":{}}")), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf(FileOf("{\"t\":[")), HasSubstr("an array"));
  EXPECT_THAT(ErrorOf(FileOf("{\"t\":{\"shape\":[[")),
              HasSubstr("unexpected an array at the key 'shape'"));
  std::string deep;
  for (int i = 0; i < 50000; ++i) deep += "{\"a\":";
  EXPECT_THAT(ErrorOf(FileOf(deep)), HasSubstr("the header is nested deeper than 64"));
  EXPECT_THAT(ErrorOf(FileOf("{\"t\":null}")), HasSubstr("tensor 't': unexpected null"));
  EXPECT_THAT(ErrorOf(FileOf("{\"" + std::string(5000, 'x') + "\":1}")), HasSubstr("x...'"));
  EXPECT_THAT(ErrorOf(FileOf("{\"a\\nb\":1}")), HasSubstr("'a\\x0Ab'"));

  EXPECT_THAT(tensor(good), HasSubstr("tensor 't': has no dtype"));
  EXPECT_THAT(tensor(u8 + R"("data_offsets":[0,4])"), HasSubstr("has no shape"));
  EXPECT_THAT(tensor(u8 + R"("shape":[4])"), HasSubstr("has no data_offsets"));
  EXPECT_THAT(tensor(u8 + u8 + good), HasSubstr("holds dtype twice"));
  EXPECT_THAT(tensor(u8 + good + "," + good), HasSubstr("holds shape twice"));
  EXPECT_THAT(tensor(u8 + good + R"(,"strides":[1}])"), HasSubstr("not valid JSON"));
  EXPECT_THAT(tensor(R"("dtype":"F16",)" + good), HasSubstr("do not hold the 8 bytes"));
  EXPECT_THAT(tensor(R"("dtype":"F4",)" + good), HasSubstr("do not hold the 2 bytes"));
  EXPECT_THAT(tensor(R"("dtype":1,)" + good), HasSubstr("a number at the key 'dtype'"));
  const auto shape = [&](const std::string& dims) {
    return tensor(u8 + "\"shape\":" + dims + R"(,"data_offsets":[0,4])");
  };
  EXPECT_THAT(shape("[-4]"), HasSubstr("a negative number"));
  EXPECT_THAT(shape("[4.0]"), HasSubstr("not an integer"));
  EXPECT_THAT(shape("[1e99999]"), HasSubstr("not valid JSON"));
  EXPECT_THAT(shape("[18446744073709551616]"), HasSubstr("too large"));
  EXPECT_THAT(shape("[9223372036854775808]"), HasSubstr("too large"));
  EXPECT_THAT(shape("[4294967296,4294967296]"), HasSubstr("is too large"));
  EXPECT_THAT(shape("[0,4294967296,4294967296]"), HasSubstr("is too large"));
  EXPECT_THAT(shape("[\"4\"]"), HasSubstr("a string"));
  EXPECT_THAT(shape("{}"), HasSubstr("an object"));
  EXPECT_THAT(shape("4"), HasSubstr("a number"));
  EXPECT_THAT(shape("[5]"), HasSubstr("do not hold the 5 bytes of its shape [5]"));
  std::string ones = "[1";
  for (int i = 0; i < 64; ++i) ones += ",1";
  EXPECT_THAT(shape(ones + "]"), HasSubstr("more than 64 dimensions"));
  const auto offsets = [&](const std::string& range) {
    return tensor(u8 + R"("shape":[4],"data_offsets":)" + range);
  };
  EXPECT_THAT(offsets("[4,0]"), HasSubstr("end before they begin"));
  EXPECT_THAT(offsets("[0]"), HasSubstr("must hold two numbers"));
  EXPECT_THAT(offsets("[0,4,8]"), HasSubstr("more than two"));
  EXPECT_THAT(offsets("[1,5]"), HasSubstr("truncated: tensor 't' ends at byte 5"));
  EXPECT_THAT(offsets("[18446744073709551612,18446744073709551615]"), HasSubstr("do not hold"));
  EXPECT_THAT(offsets("[18446744073709551611,18446744073709551615]"), HasSubstr("truncated"));
}

TEST(Safetensors, GapsOverlapsAndLeftoversAreRefused) {
  const auto two = [](const std::string& first, const std::string& second) {
    return ErrorOf(FileOf(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + first +
                              R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + second + "}}",
                          "abcde"));
  };
  EXPECT_THAT(two("[0,2]", "[3,5]"), HasSubstr("'b' begins at byte 3 of the data, after a gap"));
  EXPECT_THAT(two("[0,2]", "[1,3]"), HasSubstr("'b' begins at byte 1 of the data, inside another"));
  EXPECT_THAT(two("[1,3]", "[3,5]"), HasSubstr("'a' begins at byte 1"));
  EXPECT_THAT(two("[2,4]", "[0,2]"), HasSubstr("1 bytes follow the last tensor"));
  EXPECT_THAT(ErrorOf(FileOf("{}", "x")), HasSubstr("1 bytes follow"));
}

TEST(Safetensors, DuplicateNamesAreRefused) {
  const std::string t = R"("t":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_THAT(ErrorOf(FileOf("{" + t + "," + t + "}")), HasSubstr("tensor 't': appears twice"));
  EXPECT_THAT(ErrorOf(FileOf(R"({"__metadata__":{},"__metadata__":{}})")),
              HasSubstr("'__metadata__': appears twice"));
  EXPECT_THAT(ErrorOf(FileOf(R"({"__metadata__":{"a":"","a":""}})")),
              HasSubstr("holds the key 'a' twice"));
  EXPECT_THAT(ErrorOf(FileOf(R"({"__metadata__":{"a":1}})")), HasSubstr("a number at the key 'a'"));
}

// As in the Python library.
TEST(Safetensors, WhatIsNotKnownIsReadOver) {
  const auto read = SafetensorsFile::Parse(
      FileOf(R"({"__metadata__":null,"t":{"strides":[1,{"a":[{}],"dtype":3}],"dtype":"U8",)"
             R"("quantised":null,"note":"x","scale":-1.5,"shape":[2],"on":true,"zero":0,)"
             R"("data_offsets":[0,2],"o":{"shape":[9],"x":{}}},)"
             R"("u":{"shape":[1],"dtype":"U8","data_offsets":[2,3]}})",
             "abc"),
      "f");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(read->metadata().empty());
  EXPECT_EQ(read->Values<uint8_t>("t").value(), (std::vector<uint8_t>{'a', 'b'}));
  EXPECT_EQ(read->Values<uint8_t>("u").value(), (std::vector<uint8_t>{'c'}));
}

// A bug once: one mask of booleans, which nobody wanted, and no tensor of the file was read.
TEST(Safetensors, OtherTypesAreErrorsOfTheirTensorsAlone) {
  std::string header = "{", data;
  const std::pair<const char*, size_t> types[] = {
      // bytes of four elements
      {"BOOL", 4}, {"I8", 4},  {"F8_E5M2", 4}, {"F8_E4M3", 4}, {"F8_E8M0", 4},
      {"I16", 8},  {"U16", 8}, {"F16", 8},     {"U32", 16},    {"U64", 32},
      {"C64", 32}, {"F4", 2},  {"F6_E2M3", 3}, {"F6_E3M2", 3}, {"of the future", 7}};
  for (const auto& [type, bytes] : types) {
    absl::StrAppend(&header, "\"", type, "\":{\"dtype\":\"", type,
                    "\",\"shape\":[4],\"data_offsets\":[", data.size(), ",", data.size() + bytes,
                    "]},");
    data.append(bytes, 'x');
  }
  absl::StrAppend(&header, R"("t":{"dtype":"U8","shape":[2],"data_offsets":[)", data.size(), ",",
                  data.size() + 2, "]}}");
  const std::string path = TestFolder() / "f";
  SetContents(path, FileOf(header, data + "ab"));
  const auto file = SafetensorsFile::Read(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->tensors().size(), 1u);
  EXPECT_EQ(file->Values<uint8_t>("t").value(), (std::vector<uint8_t>{'a', 'b'}));
  const auto reader = SafetensorsReader::Open(path);
  ASSERT_TRUE(reader.ok()) << reader.status();
  EXPECT_EQ(reader->Values<uint8_t>("t").value(), (std::vector<uint8_t>{'a', 'b'}));
  EXPECT_EQ(reader->tensors().size(), std::size(types) + 1);
  for (const auto& [type, bytes] : types) {
    EXPECT_FALSE(reader->tensors().at(type).type().has_value());
    EXPECT_EQ(reader->Values<uint8_t>(type).status().message(),
              absl::StrCat(path, ": tensor '", type, "' is '", type, "'[4], expected u8"));
  }
}

TEST(SafetensorsReader, ReadsTensorsWhereTheyLie) {
  const std::string path = TestFolder() / "a.safetensors";
  const TensorMap tensors = AllTypes();
  ASSERT_TRUE(WriteSafetensors(path, tensors, {{"k", "v"}}).ok());
  const auto opened = SafetensorsReader::Open(path);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->name(), path);
  EXPECT_EQ(opened->size(), std::filesystem::file_size(path));
  EXPECT_EQ(opened->metadata(), (TensorMetadata{{"k", "v"}}));
  ASSERT_EQ(opened->tensors().size(), tensors.size());
  for (const auto& [name, want] : tensors) {
    const auto stored = opened->Find(name);
    ASSERT_TRUE(stored.ok()) << stored.status();
    EXPECT_EQ(stored->type(), want.type) << name;
    std::vector<uint8_t> bytes(stored->bytes);
    ASSERT_TRUE(opened->Read(stored->begin, absl::MakeSpan(bytes)).ok());
    EXPECT_EQ(absl::MakeConstSpan(bytes), want.data) << name;
  }
  EXPECT_EQ(opened->Values<double>("d").value(), kDoubles);
  EXPECT_EQ(opened->Values<float>("d").status().message(),
            path + ": tensor 'd' is f64[2,1], expected f32");
  EXPECT_EQ(opened->Find("no").status().message(), path + ": no tensor 'no'");
  // What is gone by the time it is asked for.
  std::filesystem::resize_file(path, opened->size() - 1);
  const absl::Status status = opened->Values<uint8_t>("u/8 \"q\"").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(status.message(), path + " became shorter while it was read");
  EXPECT_THAT(std::string(SafetensorsReader::Open(path).status().message()),
              HasSubstr("truncated: tensor 'u/8 "));
}

TEST(Safetensors, PathsThatAreNoFiles) {
  const auto folder = TestFolder();
  const auto missing = SafetensorsFile::Read(folder / "no such");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr((folder / "no such").string()));
  EXPECT_THAT(std::string(SafetensorsFile::Read(folder).status().message()),
              HasSubstr("not a file but a folder"));
  ASSERT_EQ(::mkfifo((folder / "fifo").c_str(), 0600), 0);
  EXPECT_THAT(std::string(SafetensorsFile::Read(folder / "fifo").status().message()),
              HasSubstr("not a file"));
  SetContents(folder / "short", "abc");
  EXPECT_THAT(std::string(SafetensorsFile::Read(folder / "short").status().message()),
              HasSubstr("this one has 3"));
}

TEST(Safetensors, WriterRefusesWhatNoReaderTakes) {
  const auto folder = TestFolder();
  const std::string path = folder / "f";
  const auto error = [&](const TensorMap& tensors, const TensorMetadata& metadata = {}) {
    const absl::Status status = WriteSafetensors(path, tensors, metadata);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write " + path));
    return std::string(status.message());
  };
  EXPECT_THAT(error({{"t", Entry(kBytes, {4})}}), HasSubstr("3 bytes do not fit its type u8[4]"));
  EXPECT_THAT(error({{"t", Entry(kNone, {-1, 0})}}), HasSubstr("tensor 't'"));
  EXPECT_THAT(error({{"__metadata__", Entry(kBytes, {3})}}), HasSubstr("'__metadata__'"));
  EXPECT_THAT(error({{"\xff", Entry(kBytes, {3})}}), HasSubstr("UTF-8"));
  EXPECT_THAT(error({}, {{"k", "\xff"}}), HasSubstr("UTF-8"));
  EXPECT_THAT(error({}, {{"k", std::string(100'000'000, 'x')}}), HasSubstr("the limit is"));
  EXPECT_TRUE(FilesIn(folder).empty());
}

TEST(Safetensors, UnwritablePlacesAreNamedAndLeftClean) {
  const auto folder = TestFolder();
  const TensorMap tensors = {{"t", Entry(kBytes, {3})}};
  absl::Status status = WriteSafetensors(folder / "no/such/f", tensors);
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr((folder / "no/such/f").string()));
  SetContents(folder / "file", "x");
  EXPECT_FALSE(WriteSafetensors(folder / "file/f", tensors).ok());
  std::filesystem::create_directories(folder / "taken/sub");
  status = WriteSafetensors(folder / "taken", tensors);
  EXPECT_THAT(std::string(status.message()), HasSubstr((folder / "taken").string()));
  EXPECT_EQ(FilesIn(folder), (std::set<std::string>{"file", "taken"}));
}

// A limit on file sizes stands for a full disk: write() fails in the middle.
TEST(Safetensors, FullDiskLeavesTheOldFile) {
  const auto folder = TestFolder();
  const std::string path = folder / "f";
  ASSERT_TRUE(WriteSafetensors(path, {{"t", Entry(kBytes, {3})}}).ok());
  const std::string before = Contents(path);
  const std::vector<float> large(1 << 18);
  rlimit old;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small = {1 << 16, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = WriteSafetensors(path, {{"t", Entry(large, {1 << 18})}});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("cannot write " + path));
  EXPECT_EQ(Contents(path), before);
  EXPECT_EQ(FilesIn(folder), std::set<std::string>{"f"});
  EXPECT_TRUE(WriteSafetensors(path, {{"t", Entry(large, {1 << 18})}}).ok());
  EXPECT_EQ(FilesIn(folder), std::set<std::string>{"f"});
}

// One random change of the kind that damaged or hostile files show.
void Mutate(std::string& bytes, graph::RandomStream& random) {
  static const std::vector<std::string> kPieces = {"{",
                                                   "}",
                                                   "[",
                                                   "]",
                                                   ",",
                                                   ":",
                                                   "\"",
                                                   "-",
                                                   "0",
                                                   "9",
                                                   "99999999999999999999",
                                                   "1e9",
                                                   "null",
                                                   "NaN",
                                                   "\\u0000",
                                                   "\"t\":{",
                                                   "\"dtype\":\"U8\"",
                                                   "\"shape\":[]",
                                                   "\"data_offsets\":[0,0]",
                                                   "\"__metadata__\":{",
                                                   "[[[[[[[[",
                                                   std::string(1, '\0'),
                                                   "\xc3\x28"};
  const uint64_t at = bytes.empty() ? 0 : random.Below(bytes.size());
  switch (random.Below(6)) {
    case 0:
      if (!bytes.empty()) bytes[at] ^= static_cast<char>(1 << random.Below(8));
      break;
    case 1:
      bytes.resize(at);
      break;
    case 2:
      bytes.insert(at, kPieces[random.Below(kPieces.size())]);
      break;
    case 3:
      bytes.erase(at, 1 + random.Below(8));
      break;
    case 4:  // another header length
      if (!bytes.empty()) bytes[random.Below(std::min<size_t>(bytes.size(), 8))] = random.Next();
      break;
    case 5:  // part of the file, once more
      bytes.insert(at, bytes.substr(random.Below(bytes.size() + 1), 1 + random.Below(32)));
      break;
  }
}

TEST(Safetensors, MutatedFilesNeverCrash) {
  const auto path = TestFolder() / "seed";
  ASSERT_TRUE(WriteSafetensors(path, AllTypes(), {{"config", "{}"}}).ok());
  const std::string seed = Contents(path);
  graph::RandomStream random(20240607, graph::Purpose::kNoise);
  int accepted = 0, refused = 0;
  uint64_t sum = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string bytes = seed;
    for (uint64_t n = 1 + random.Below(3); n > 0; --n) Mutate(bytes, random);
    // Half of the files keep a length field that fits, to reach past it.
    if (bytes.size() >= 8 && random.Below(2) == 0) {
      const uint64_t length = bytes.rfind('}') == std::string::npos || bytes.rfind('}') < 8
                                  ? random.Below(bytes.size() - 7)
                                  : bytes.rfind('}') + 1 - 8;
      bytes.replace(0, 8, reinterpret_cast<const char*>(&length), 8);
    }
    const auto file = SafetensorsFile::Parse(bytes, "mutant");
    if (!file.ok()) {
      ++refused;
      ASSERT_TRUE(absl::StartsWith(file.status().message(), "mutant: ")) << file.status();
      continue;
    }
    ++accepted;
    for (const auto& [name, entry] : file->tensors()) {
      ASSERT_EQ(entry.data.size(), entry.type.bytes());
      for (const uint8_t byte : entry.data) sum += byte;  // every span is readable
    }
  }
  // Both ways out are taken often, or the mutations are the wrong ones.
  EXPECT_GT(accepted, 500);
  EXPECT_GT(refused, 5000);
  EXPECT_GT(sum, 0u);
}

}  // namespace
}  // namespace models
