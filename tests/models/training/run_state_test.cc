#include "models/training/run_state.h"

#include <random>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/training/tiny_run.h"

namespace models {
namespace {

using ::testing::HasSubstr;

RunState Example() {
  RunState state;
  state.step = 1234;
  state.loader = {3, 17, 1089, 1};
  state.bad_images = 2;
  state.metrics_bytes = int64_t{1} << 40;
  state.log_bytes = 999;
  state.train = {1281167, 0xfedcba9876543210u};
  state.held_out = {50000, 7};
  state.notes = {{"flags", "--seed=\"3\"\n--data_path=\xC3\xA4\n"}, {"empty", ""}};
  state.files = {{"model.safetensors", {123456789012, 0xffffffffffffffffu}},
                 {"optimizer.safetensors", {0, 0}}};
  return state;
}

TEST(RunState, ReadsBackWhatItWrote) {
  const std::string text = RunStateJson(Example());
  const auto state = ParseRunState(text, "s");
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->step, 1234);
  EXPECT_EQ(state->loader.epoch, 3);
  EXPECT_EQ(state->loader.batch, 17);
  EXPECT_EQ(state->loader.position, 1089);
  EXPECT_EQ(state->loader.bad, 1);
  EXPECT_TRUE(state->train == Example().train);
  EXPECT_EQ(state->notes, Example().notes);
  EXPECT_EQ(RunStateJson(*state), text);
}

// A bug once: the byte became U+FFFD, and a run alone could not find its data again.
TEST(RunState, TextThatIsNotUtf8ComesBack) {
  RunState state = Example();
  state.notes["flags"] = "--model=\"m\"\n--data_path=d\xE9 t\n";
  const auto read = ParseRunState(RunStateJson(state), "s");
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->notes, state.notes);
}

// As every version so far writes it, and has to read it.
TEST(RunState, TheFormIsTheFirstVersions) {
  const std::string text = R"({
  "version": 1,
  "step": 6,
  "loader": {
    "epoch": 1,
    "batch": 2,
    "position": 16,
    "bad": 0
  },
  "bad_images": 0,
  "metrics_bytes": 1234,
  "log_bytes": 567,
  "train": {
    "images": 50,
    "ids_xxh3": "0123456789abcdef"
  },
  "held_out": {
    "images": 0,
    "ids_xxh3": "0000000000000000"
  },
  "notes": {
    "environment": "{}\n",
    "flags": "--model=m\n--data_path=\"/a\\\\xE9 b/ä\"\n",
    "losses": "1.5 2"
  },
  "files": {
    "model.safetensors": {
      "bytes": 3,
      "xxh3": "00000000000000ff"
    }
  }
}
)";
  const auto state = ParseRunState(text, "s");
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(state->step, 6);
  EXPECT_EQ(state->notes.at("flags"), "--model=m\n--data_path=\"/a\\\\xE9 b/\xC3\xA4\"\n");
  EXPECT_EQ(RunStateJson(*state), text);
}

TEST(RunState, WhatIsWrongIsNamed) {
  const std::string good = RunStateJson(Example());
  const auto error = [&good](const std::string& from, const std::string& to) {
    std::string text = good;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    const auto state = ParseRunState(text, "dir/state.json");
    EXPECT_FALSE(state.ok()) << to;
    EXPECT_THAT(std::string(state.status().message()), HasSubstr("dir/state.json"));
    return std::string(state.status().message());
  };
  EXPECT_THAT(error("{", "["), HasSubstr("no JSON"));
  EXPECT_THAT(error("\"version\": 1", "\"version\": 2"), HasSubstr("version 2"));
  EXPECT_THAT(error("\"step\": 1234", "\"steps\": 1234"), HasSubstr("`step` is missing"));
  EXPECT_THAT(error("\"step\": 1234", "\"step\": -1"), HasSubstr("`step` is no count"));
  EXPECT_THAT(error("\"step\": 1234", "\"step\": 1.5"), HasSubstr("`step` is no count"));
  EXPECT_THAT(error("\"step\": 1234", "\"step\": 18446744073709551615"), HasSubstr("no count"));
  EXPECT_THAT(error("\"batch\": 17", "\"batch\": \"17\""), HasSubstr("`loader.batch`"));
  EXPECT_THAT(error("fedcba9876543210", "fedcba987654321"), HasSubstr("`train.ids_xxh3`"));
  EXPECT_THAT(error("fedcba9876543210", "fedcba987654321g"), HasSubstr("`train.ids_xxh3`"));
  EXPECT_THAT(error("\"empty\": \"\"", "\"empty\": 0"), HasSubstr("`notes.empty` is no text"));
  EXPECT_THAT(error("\"bytes\": 0", "\"bytes\": null"),
              HasSubstr("`files.optimizer.safetensors.bytes`"));
  EXPECT_FALSE(ParseRunState("", "s").ok());
  EXPECT_FALSE(ParseRunState("3", "s").ok());
  EXPECT_THAT(error("1234", std::string(80'000, '[') + std::string(80'000, ']')),
              HasSubstr("is nested deeper than 64"));
  const std::string long_name = error("\"empty\": \"\"", "\"" + std::string(9999, 'x') + "\": 0");
  EXPECT_THAT(long_name, HasSubstr("xxx...` is no text"));
  EXPECT_LT(long_name.size(), 200u);
}

// Whatever becomes of the text, reading it ends with a state or an error.
TEST(RunState, MutatedTextIsReadOrRefused) {
  const std::string good = RunStateJson(Example());
  std::mt19937 random(5);
  int read = 0;
  for (int i = 0; i < 10'000; ++i) {
    std::string text = good;
    for (int changes = 1 + static_cast<int>(random() % 4); changes > 0; --changes) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 20);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 40));
          break;
        default:
          text[at] = "{}[]\",:0123456789-eE. "[random() % 22];
      }
      if (text.empty()) text = " ";
    }
    const auto state = ParseRunState(text, "s");
    if (!state.ok()) continue;
    ++read;
    EXPECT_GE(state->step, 0);
    EXPECT_GE(state->metrics_bytes, 0);
  }
  EXPECT_GT(read, 100);
  EXPECT_LT(read, 9900);
}

TEST(RunState, DataAreKnownByTheirNamesAndOrder) {
  EXPECT_TRUE(Identify(GradientImages(50)) == Identify(GradientImages(50)));
  EXPECT_FALSE(Identify(GradientImages(50)) == Identify(GradientImages(51)));
}

}  // namespace
}  // namespace models
