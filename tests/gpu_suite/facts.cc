#include "tests/gpu_suite/facts.h"

#include <cmath>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace gpu_suite {

using nlohmann::json;

void Facts::Add(const std::string& name, Fact fact) {
  const std::string path = section_ + "/" + name;
  if (!facts_.emplace(path, std::move(fact)).second) {
    throw std::logic_error("two facts are named " + path);
  }
}

void Facts::Equal(const std::string& name, json value) {
  Add(name, {Rule::kEqual, std::move(value)});
}
void Facts::Near(const std::string& name, const std::vector<float>& values, double bound) {
  Add(name, {Rule::kNear, values, bound});
}
void Facts::AtMost(const std::string& name, double value, double bound) {
  // JSON has no NaN, and reads null where one was written.
  Add(name, {Rule::kAtMost, std::isfinite(value) ? json(value) : json("not finite"), bound});
}
void Facts::MayAllow(const std::string& name, const std::string& value,
                     const std::string& permissive) {
  Add(name, {Rule::kMayAllow, value, 0, permissive});
}
void Facts::Note(const std::string& name, json value) {
  Add(name, {Rule::kNote, std::move(value)});
}

json Facts::ToJson() const {
  json all = json::object();
  for (const auto& [name, fact] : facts_) all[name] = fact.value;
  return all;
}

std::string Facts::CompareOne(const Fact& fact, const json& recorded) {
  const std::string both =
      "the chip has " + recorded.dump() + ", the emulation " + fact.value.dump();
  switch (fact.rule) {
    case Rule::kNote:
      return "";
    case Rule::kEqual:
      return recorded == fact.value ? "" : both;
    case Rule::kMayAllow:
      return recorded == fact.value || recorded == fact.permissive ? "" : both;
    case Rule::kAtMost:
      for (const json* value : {&recorded, &fact.value}) {
        // Written so that what is no number fails.
        if (!(value->is_number() && value->get<double>() <= fact.bound)) {
          return both + "; the bound is " + json(fact.bound).dump();
        }
      }
      return "";
    case Rule::kNear:
      if (!recorded.is_array() || recorded.size() != fact.value.size()) return both;
      for (size_t i = 0; i < recorded.size(); ++i) {
        const json &a = recorded[i], &b = fact.value[i];
        if (!(a.is_number() && b.is_number() &&
              std::fabs(a.get<double>() - b.get<double>()) <= fact.bound)) {
          return "element " + std::to_string(i) + ": the chip has " + a.dump() +
                 ", the emulation " + b.dump() + "; they may differ by " + json(fact.bound).dump();
        }
      }
      return "";
  }
  return both;
}

std::vector<std::string> Facts::Compare(const json& recording,
                                        std::vector<std::string>* unrecorded) const {
  std::vector<std::string> wrong;
  for (const auto& [name, fact] : facts_) {
    const auto recorded = recording.find(name);
    if (recorded == recording.end()) {
      unrecorded->push_back(name);
      continue;
    }
    if (*recorded == kAbsent) continue;
    const std::string difference = CompareOne(fact, *recorded);
    if (!difference.empty()) wrong.push_back(name + ": " + difference);
  }
  for (const auto& [name, value] : recording.items()) {
    if (facts_.count(name) == 0) {
      wrong.push_back(name + ": the chip has " + value.dump() + ", and the probe asks no longer");
    }
  }
  return wrong;
}

std::string Checksum(const void* data, size_t bytes) {
  uint64_t hash = 1469598103934665603u;
  for (size_t i = 0; i < bytes; ++i) {
    hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 1099511628211u;
  }
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

}  // namespace gpu_suite
