// The rules of this folder on the real tree, where all must be green. rules_test shows
// that each can turn red.
#include <gtest/gtest.h>

#include <iostream>

#include "absl/strings/str_join.h"
#include "tests/structure/file_rules.h"
#include "tests/structure/include_rules.h"
#include "tests/structure/plugin_rules.h"
#include "tests/structure/table_rules.h"

namespace structure {
namespace {

const Tree& SourceTree() {
  static const Tree* tree = new Tree(ReadTree("."));
  return *tree;
}

void ExpectNone(const Findings& findings) {
  EXPECT_TRUE(findings.empty()) << absl::StrJoin(findings, "\n");
}

TEST(Structure, TheTreeIsWhole) {
  for (const char* path :
       {"WORKSPACE", ".ci/run", "graph/ir/net.h", "ops/op_table.cc", "ops/droppos/op_table.cc",
        "backends/cpu/kernel_table.cc", "backends/cuda/kernel_table.cc", "models/vit/encoder.cc",
        "tools/train.cc", "tests/simt/shim.h", "tests/structure/structure_test.cc"}) {
    EXPECT_EQ(SourceTree().count(path), 1u) << path;
  }
  ExpectNone(CheckTreeIsWhole(SourceTree()));
}

TEST(Structure, IncludesPointDown) { ExpectNone(CheckIncludeDirections(SourceTree())); }
TEST(Structure, KernelsSeeNoEngine) { ExpectNone(CheckKernelsSeeNoEngine(SourceTree())); }
TEST(Structure, VendorHeadersStayInTheirFolders) { ExpectNone(CheckVendorHeaders(SourceTree())); }
TEST(Structure, TheEngineNamesNoPlugin) { ExpectNone(CheckEngineNamesNoPlugin(SourceTree())); }
TEST(Structure, PluginConceptsStayInside) {
  ExpectNone(CheckPluginConceptsStayInside(SourceTree()));
}
TEST(Structure, OperatorsKernelsAndTestsShareStems) { ExpectNone(CheckSameStems(SourceTree())); }
TEST(Structure, OperatorsAreListed) { ExpectNone(CheckOpsAreListed(SourceTree())); }
TEST(Structure, HeaderGuardsArePaths) { ExpectNone(CheckHeaderGuards(SourceTree())); }
TEST(Structure, NoOtherBuildSystem) { ExpectNone(CheckOneBuildSystem(SourceTree())); }
TEST(Structure, NoMachinePaths) { ExpectNone(CheckNoMachinePaths(SourceTree())); }
TEST(Structure, DurationsAreNotByTheTimeOfDay) { ExpectNone(CheckTimeOfDay(SourceTree())); }
TEST(Structure, PtxStandsInOneFile) { ExpectNone(CheckPtx(SourceTree())); }
TEST(Structure, EveryTestRuns) { ExpectNone(CheckTestsRun(SourceTree())); }

TEST(Structure, FilesHaveAReadableLength) {
  ExpectNone(CheckSizes(SourceTree()));
  for (const std::string& line : LongFiles(SourceTree())) std::cout << "long: " << line << "\n";
}

}  // namespace
}  // namespace structure
