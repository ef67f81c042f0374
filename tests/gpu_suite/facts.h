// Facts about a chip and its libraries, as gpu_probe writes them down, and how the emulator and the
// fakes of tests/ are held to them.
#ifndef TESTS_GPU_SUITE_FACTS_H_
#define TESTS_GPU_SUITE_FACTS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "nlohmann/json.hpp"

namespace gpu_suite {

// Every fact has a name, which is unique in its section, a value, and a rule that says what the
// emulation must make of it.
class Facts {
 public:
  // All later facts are named "section/name".
  void BeginSection(const std::string& section) { section_ = section; }

  // The emulation has the same value.
  void Equal(const std::string& name, nlohmann::json value);
  // Numbers: the emulation's differ from the chip's by at most `bound` each.
  void Near(const std::string& name, const std::vector<float>& values, double bound);
  // An error against exact numbers: both the chip's and the emulation's are at most `bound`.
  void AtMost(const std::string& name, double value, double bound);
  // The same value; or the chip has `permissive`: it allows what the emulation refuses.
  void MayAllow(const std::string& name, const std::string& value, const std::string& permissive);
  // The chip's own; compared with nothing.
  void Note(const std::string& name, nlohmann::json value);
  // There is nothing to know, as another fact says.
  void Absent(const std::string& name) { Note(name, kAbsent); }

  size_t size() const { return facts_.size(); }
  // {"section/name": value}
  nlohmann::json ToJson() const;

  // What is wrong, a line each: between a recording of a chip and these facts of an emulation, and
  // where these break a bound themselves. A fact that only the emulation has is `*unrecorded`: a
  // newer probe asks for it; one that only the recording has is wrong.
  std::vector<std::string> Compare(const nlohmann::json& recording,
                                   std::vector<std::string>* unrecorded) const;

 private:
  static constexpr const char* kAbsent = "absent";
  enum class Rule { kEqual, kNear, kAtMost, kMayAllow, kNote };
  struct Fact {
    Rule rule;
    nlohmann::json value;
    double bound = 0;
    std::string permissive = "";
  };
  void Add(const std::string& name, Fact fact);
  // Empty, or what is wrong.
  static std::string CompareOne(const Fact& fact, const nlohmann::json& recorded);

  std::string section_;
  std::map<std::string, Fact> facts_;
};

// A checksum of bytes (FNV-1a), as 16 hexadecimal digits.
std::string Checksum(const void* data, size_t bytes);

}  // namespace gpu_suite

#endif  // TESTS_GPU_SUITE_FACTS_H_
