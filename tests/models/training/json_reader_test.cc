#include "models/training/json_reader.h"

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace models {
namespace {

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
              EXPECT_EQ(keys, (std::vector<std::string>{"n", "most", "x", "t", "h", "o"}));
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

TEST(JsonReader, NumbersThatAreNotFiniteComeBack) {
  for (const double value : {1.25, -0.0, HUGE_VAL, -HUGE_VAL}) {
    Json json;
    json["x"] = JsonNumber(value);
    EXPECT_EQ(Error(json.dump(),
                    [value](const JsonReader& reader) { EXPECT_EQ(reader.Number("x"), value); }),
              "");
  }
  Json json;
  json["x"] = JsonNumber(std::nan(""));
  EXPECT_EQ(Error(json.dump(),
                  [](const JsonReader& reader) { EXPECT_TRUE(std::isnan(reader.Number("x"))); }),
            "");
}

}  // namespace
}  // namespace models
