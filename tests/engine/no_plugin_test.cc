// classifier_test trains without a plugin only if none is linked into it: this test
// reads the list of all targets from which classifier_test is built.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

namespace {

std::vector<std::string> Lines(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

TEST(NoPlugin, ClassifierTestIsBuiltWithoutDropPos) {
  const std::vector<std::string> targets = Lines("tests/engine/classifier_deps");
  bool lists_the_engine = false;
  for (const std::string& target : targets) {
    lists_the_engine |= target == "//graph/compiler:compiler.cc";
    EXPECT_EQ(target.find("droppos"), std::string::npos)
        << "//tests/engine:classifier_test is built from " << target
        << "; `bazel query 'somepath(//tests/engine:classifier_test, " << target
        << ")'` says through what: the core must not depend on a plugin";
  }
  // An empty or partial list would prove nothing.
  EXPECT_TRUE(lists_the_engine) << "among " << targets.size() << " targets";
}

}  // namespace
