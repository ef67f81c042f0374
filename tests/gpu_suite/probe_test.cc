// The emulator and the fakes give the answers that gpu_probe has recorded on chips, in recorded/;
// and a difference of any fact is found.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <set>

#include "gtest/gtest.h"
#include "tests/fake_cuda/control.h"
#include "tests/gpu_suite/probe.h"

namespace gpu_suite {
namespace {

using nlohmann::json;

// All sections, on a chip of this compute capability.
Facts AskEmulation(int major, int minor) {
  Facts facts;
  for (const Section& section : Sections()) {
    fake_cuda::Options options;
    options.major = major;
    options.minor = minor;
    fake_cuda::Reset(options);
    facts.BeginSection(section.name);
    try {
      section.ask(&facts);
    } catch (const std::exception& e) {
      ADD_FAILURE() << section.name << ": " << e.what();
      for (const std::string& finding : fake_cuda::TakeFindings()) ADD_FAILURE() << finding;
    }
  }
  fake_cuda::Reset();
  return facts;
}

const Facts& Hopper() {
  static const Facts* facts = new Facts(AskEmulation(9, 0));
  return *facts;
}

// What is wrong beside a recording that lacks nothing.
std::vector<std::string> Compare(const Facts& facts, const json& recording) {
  std::vector<std::string> unrecorded;
  const std::vector<std::string> wrong = facts.Compare(recording, &unrecorded);
  EXPECT_TRUE(unrecorded.empty()) << unrecorded[0];
  return wrong;
}

TEST(Probe, AFileOfItsFactsIsWhatTheEmulationSays) {
  const std::string text = Hopper().ToJson().dump(1);
  std::cout << Hopper().size() << " facts, " << text.size() << " bytes\n";
  const char* const outputs = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
  if (outputs != nullptr) std::ofstream(std::string(outputs) + "/emulated.json") << text << "\n";
  EXPECT_GT(Hopper().size(), 400u);
  EXPECT_LT(text.size(), 100u << 10);
  const json read = json::parse(text);
  EXPECT_EQ(read, Hopper().ToJson());
  const std::vector<std::string> wrong = Compare(Hopper(), read);
  EXPECT_TRUE(wrong.empty()) << wrong[0];
}

// The emulation answers the same each time: no fact hangs on an address, a clock or an order.
TEST(Probe, AsksTheSameTwice) { EXPECT_EQ(AskEmulation(9, 0).ToJson(), Hopper().ToJson()); }

TEST(Probe, EverySectionHasFactsThatAreCompared) {
  std::set<std::string> sections;
  json other = Hopper().ToJson();
  for (auto& [name, value] : other.items()) value = "planted";
  const std::vector<std::string> wrong = Compare(Hopper(), other);
  for (const std::string& line : wrong) sections.insert(line.substr(0, line.find('/')));
  std::cout << wrong.size() << " of " << Hopper().size() << " facts are compared\n";
  EXPECT_GT(wrong.size(), Hopper().size() * 3 / 4);
  for (const Section& section : Sections()) EXPECT_EQ(sections.count(section.name), 1u);
}

Facts OneOfEachRule() {
  Facts facts;
  facts.BeginSection("s");
  facts.Equal("equal", {1, 2});
  facts.Near("near", {1.0f, -2.0f}, 0.5);
  facts.AtMost("at_most", 0.25, 1.0);
  facts.MayAllow("may_allow", "refused", "fine");
  facts.Note("note", 7);
  return facts;
}

TEST(Facts, DifferencesAreFoundByRule) {
  const Facts facts = OneOfEachRule();
  const struct {
    const char* name;
    json recorded;
    bool wrong;
  } cases[] = {
      {"equal", {1, 2}, false},          {"equal", {1, 3}, true},
      {"equal", "1", true},              {"near", {1.5, -2.5}, false},
      {"near", {1.51, -2.0}, true},      {"near", {1.0}, true},
      {"near", {1.0, nullptr}, true},    {"at_most", 1.0, false},
      {"at_most", 1.01, true},           {"at_most", "not finite", true},
      {"may_allow", "refused", false},   {"may_allow", "fine", false},
      {"may_allow", "otherwise", true},  {"note", 8, false},
      {"equal", "absent", false},        {"not_asked", 1, true},
  };
  for (const auto& c : cases) {
    json recording = facts.ToJson();
    recording[std::string("s/") + c.name] = c.recorded;
    const std::vector<std::string> wrong = Compare(facts, recording);
    EXPECT_EQ(wrong.size(), c.wrong ? 1u : 0u) << c.name << ": " << c.recorded;
    for (const std::string& line : wrong) {
      EXPECT_EQ(line.find(std::string("s/") + c.name + ": "), 0u) << line;
    }
  }
}

// What the emulation allows and the chip refuses is wrong, not the reverse.
TEST(Facts, TheEmulationMayBeTheStricterOne) {
  Facts facts;
  facts.BeginSection("s");
  facts.MayAllow("call", "fine", "fine");
  EXPECT_EQ(Compare(facts, {{"s/call", "refused"}}).size(), 1u);
}

TEST(Facts, TheEmulationKeepsItsBounds) {
  Facts facts;
  facts.BeginSection("s");
  facts.AtMost("error", 2.0, 1.0);
  facts.AtMost("no_number", NAN, 1.0);
  EXPECT_EQ(Compare(facts, {{"s/error", 0.5}, {"s/no_number", 0.5}}).size(), 2u);
}

TEST(Facts, NewFactsAreNotWrong) {
  const Facts facts = OneOfEachRule();
  json recording = facts.ToJson();
  recording.erase("s/near");
  std::vector<std::string> unrecorded;
  EXPECT_TRUE(facts.Compare(recording, &unrecorded).empty());
  EXPECT_EQ(unrecorded, std::vector<std::string>{"s/near"});
}

TEST(Facts, HaveOneNameEach) {
  Facts facts = OneOfEachRule();
  EXPECT_THROW(facts.Note("equal", 1), std::logic_error);
}

TEST(Recordings, AreWhatTheEmulationSays) {
  int chips = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/gpu_suite/recorded")) {
    if (entry.path().extension() != ".json") continue;
    SCOPED_TRACE(entry.path());
    std::ifstream file(entry.path());
    const json recording = json::parse(file)["facts"];
    const Facts facts = AskEmulation(recording["machine/major"], recording["machine/minor"]);
    std::vector<std::string> unrecorded;
    for (const std::string& wrong : facts.Compare(recording, &unrecorded)) ADD_FAILURE() << wrong;
    std::cout << recording["machine/name"] << ": " << facts.size() - unrecorded.size()
              << " facts compared, " << unrecorded.size() << " not recorded\n";
    ++chips;
  }
  if (chips == 0) {
    std::cout << "No recording of a chip is in tests/gpu_suite/recorded: the emulation was "
                 "compared with none.\n";
  }
}

}  // namespace
}  // namespace gpu_suite
