#include "models/training/json_reader.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace models {
namespace {

using ::testing::HasSubstr;
using Json = JsonReader::Json;

// What `take` says of the object `text`.
std::string Error(const std::string& text, const std::function<void(const JsonReader&)>& take) {
  const Json json = Json::parse(text);
  absl::Status status;
  take(JsonReader(json, "", &status));
  return std::string(status.message());
}

TEST(JsonReader, TakesWhatIsThere) {
  const std::string text =
      R"({"n": 7, "most": 9223372036854775807, "x": 2.5, "t": "text",
          "h": "00000000000000ff", "o": {"n": 8}})";
  EXPECT_EQ(
      Error(text,
            [](const JsonReader& reader) {
              EXPECT_EQ(reader.Count("n"), 7);
              EXPECT_EQ(reader.Count("n", 7), 7);
              EXPECT_EQ(reader.Count("most"), std::numeric_limits<int64_t>::max());
              EXPECT_EQ(reader.Number("x"), 2.5);
              EXPECT_EQ(reader.Number("n"), 7.0);
              EXPECT_EQ(reader.Text("t"), "text");
              EXPECT_EQ(reader.Hex("h"), 255u);
              EXPECT_EQ(reader.Object("o").Count("n"), 8);
              std::vector<std::string> keys;
              reader.Each([&](const std::string& key, const JsonReader&) { keys.push_back(key); });
              EXPECT_EQ(keys, (std::vector<std::string>{"h", "most", "n", "o", "t", "x"}));
              EXPECT_TRUE(reader.ok());
            }),
      "");
}

TEST(JsonReader, NamesTheFirstThingThatIsWrong) {
  using Take = std::function<void(const JsonReader&)>;
  const struct {
    const char* text;
    Take take;
    const char* error;
  } cases[] = {
      {"[]", [](const JsonReader& r) { r.Count("n"); }, "it is no object"},
      {"{}", [](const JsonReader& r) { r.Count("n"), r.Text("t"); }, "`n` is missing"},
      {R"({"n": -1})", [](const JsonReader& r) { r.Count("n"); }, "`n` is no count"},
      {R"({"n": 1.0})", [](const JsonReader& r) { r.Count("n"); }, "`n` is no count"},
      {R"({"n": 9223372036854775808})", [](const JsonReader& r) { r.Count("n"); },
       "`n` is no count"},
      {R"({"n": 8})", [](const JsonReader& r) { r.Count("n", 7); }, "`n` is no count"},
      {R"({"t": 1})", [](const JsonReader& r) { r.Text("t"); }, "`t` is no text"},
      {R"({"h": "ff"})", [](const JsonReader& r) { r.Hex("h"); }, "`h` is no 16 hex digits"},
      {R"({"h": "00000000000000fg"})", [](const JsonReader& r) { r.Hex("h"); },
       "`h` is no 16 hex digits"},
      {R"({"x": "one"})", [](const JsonReader& r) { r.Number("x"); }, "`x` is no number"},
      {R"({"o": {"p": {}}})", [](const JsonReader& r) { r.Object("o").Object("p").Count("n"); },
       "`o.p.n` is missing"},
      {R"({"o": 3})", [](const JsonReader& r) { r.Object("o").Count("n"); }, "`o` is no object"},
  };
  for (const auto& c : cases) EXPECT_EQ(Error(c.text, c.take), c.error) << c.text;
}

// A bug once: the library copied 75,000 levels of arrays recursively, until the stack ended.
TEST(ParseJson, DeepTextIsRefused) {
  for (const char* bracket : {"[", "{\"a\":"}) {
    std::string deep;
    for (int i = 0; i < 64; ++i) deep += bracket;
    EXPECT_EQ(ParseJson(deep).status().message(), "is no JSON");
    deep += bracket;
    EXPECT_EQ(ParseJson(deep).status().message(), "is nested deeper than 64 brackets");
  }
  const std::string pit = absl::StrCat("{\"step\": ", std::string(80'000, '['), "1",
                                       std::string(80'000, ']'), ", \"x\": 1}");
  EXPECT_FALSE(ParseJson(pit).ok());
  EXPECT_FALSE(ParseJson<nlohmann::ordered_json>(pit).ok());
  EXPECT_FALSE(ParseJson(std::string(3'000'000, '{')).ok());
}

TEST(ParseJson, OnlyBracketsThatAreOpenCount) {
  std::string many = "[[]";
  for (int i = 0; i < 100; ++i) many += ",[{}]";
  EXPECT_TRUE(ParseJson(many + "]").ok());
  EXPECT_TRUE(ParseJson(absl::StrCat("\"", std::string(100, '['), "\\\"[[[\"")).ok());
  EXPECT_TRUE(ParseJson(absl::StrCat("[\"\\\\\", \"", std::string(100, '{'), "\"]")).ok());
  EXPECT_TRUE(ParseJson(std::string(64, '[') + std::string(64, ']')).ok());
}

// Time that grows with the square of the number of keys would be minutes here.
TEST(JsonReader, ManyKeysAreReadInTime) {
  std::string text = "{\"\": \"\"";
  for (int i = 0; i < 200'000; ++i) absl::StrAppend(&text, ",\"", i, "\":\"x\"");
  const auto json = ParseJson(text + "}");
  ASSERT_TRUE(json.ok()) << json.status();
  absl::Status status;
  size_t bytes = 0;
  JsonReader(*json, "", &status).Each([&bytes](const std::string& key, const JsonReader& reader) {
    bytes += reader.Text(key).size();
  });
  EXPECT_EQ(bytes, 200'000u);
}

TEST(JsonReader, TextThatIsNotUtf8ComesBack) {
  for (const std::string& text :
       {std::string("plain \xC3\xA9\n"), std::string("d\xE9 t"), std::string("\xFF\n\"\\xE9"),
        std::string("\xED\xA0\x80 half a pair"), std::string("cut \xC3"), std::string("a\\xE9"),
        std::string(1, '\0'), std::string()}) {
    nlohmann::ordered_json json;
    json["t"] = JsonText(text);
    EXPECT_EQ(Error(json.dump(), [&text](const JsonReader& r) { EXPECT_EQ(r.Text("t"), text); }),
              "");
  }
  // What is UTF-8 is written as it is.
  EXPECT_EQ(JsonText("a\\xE9").dump(), R"("a\\xE9")");
  for (const char* bad : {R"({"escaped": 1})", R"({"escaped": "\\q"})", R"({"else": "x"})",
                          R"({"escaped": "x", "y": 1})", "{}"}) {
    EXPECT_EQ(Error(absl::StrCat("{\"t\": ", bad, "}"), [](const JsonReader& r) { r.Text("t"); }),
              "`t` is no text")
        << bad;
  }
}

// Whoever wrote the file may have made a name as long as they liked.
TEST(JsonReader, LongNamesAreShortenedInMessages) {
  const std::string error =
      Error("{}", [](const JsonReader& reader) { reader.Text(std::string(100'000, 'x')); });
  EXPECT_THAT(error, HasSubstr("xxx...` is missing"));
  EXPECT_LT(error.size(), 150u);
}

TEST(JsonReader, NumbersThatAreNotFiniteComeBack) {
  for (const double value : {1.25, -0.0, HUGE_VAL, -HUGE_VAL}) {
    nlohmann::ordered_json json;
    json["x"] = JsonNumber(value);
    EXPECT_EQ(Error(json.dump(),
                    [value](const JsonReader& reader) { EXPECT_EQ(reader.Number("x"), value); }),
              "");
  }
  nlohmann::ordered_json json;
  json["x"] = JsonNumber(std::nan(""));
  EXPECT_EQ(Error(json.dump(),
                  [](const JsonReader& reader) { EXPECT_TRUE(std::isnan(reader.Number("x"))); }),
            "");
}

}  // namespace
}  // namespace models
