// Each rule on made-up files: what passes and what turns the rule red.
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/structure/file_rules.h"
#include "tests/structure/include_rules.h"
#include "tests/structure/plugin_rules.h"
#include "tests/structure/table_rules.h"

namespace structure {
namespace {

using Texts = std::map<std::string, std::string>;
using Rule = Findings (*)(const Tree&);

void ExpectGreen(Rule rule, const Texts& texts) {
  EXPECT_EQ(absl::StrJoin(rule(MakeTree(texts)), "\n"), "");
}

// Expects one finding that begins with `where` and contains `what`.
void ExpectRed(Rule rule, const Texts& texts, const std::string& where, const std::string& what) {
  const Findings findings = rule(MakeTree(texts));
  ASSERT_EQ(findings.size(), 1u) << absl::StrJoin(findings, "\n");
  EXPECT_TRUE(absl::StartsWith(findings[0], where)) << findings[0];
  EXPECT_TRUE(absl::StrContains(findings[0], what)) << findings[0];
}

std::string Include(const std::string& header) {
  return absl::StrCat("// A comment.\n#include \"", header, "\"\n");
}

TEST(Includes, AreFoundInAllForms) {
  const auto includes = Includes(MakeTree({{"a.h",
                                            "#include <vector>\n"
                                            "  #  include \"ops/add.h\"  // why\n"
                                            "// #include \"no.h\"\n"
                                            "#include \"unfinished\n"}})["a.h"]);
  ASSERT_EQ(includes.size(), 2u);
  EXPECT_EQ(includes[0].name, "vector");
  EXPECT_FALSE(includes[0].quoted);
  EXPECT_EQ(includes[1].name, "ops/add.h");
  EXPECT_TRUE(includes[1].quoted);
  EXPECT_EQ(includes[1].line_index, 1u);
}

struct Arrow {
  const char* from;
  const char* to;
};

TEST(IncludeDirections, LetArrowsPointDown) {
  for (const Arrow& arrow : std::vector<Arrow>{
           {"graph/schema/a.h", "graph/ir/net.h"},
           {"graph/compiler/a.cc", "graph/passes/pipeline.h"},
           {"ops/a.cc", "graph/schema/schema.h"},
           {"ops/droppos/a.cc", "ops/add.h"},
           {"backends/cpu/a.cc", "graph/runtime/kernel.h"},
           {"backends/cpu/droppos/a.cc", "backends/cpu/kernel_util.h"},
           {"backends/reference/droppos/a.cc", "ops/droppos/mask_sample.h"},
           {"backends/cuda/a.cc", "graph/runtime/kernel.h"},
           {"backends/cuda/a.cc", "graph/compiler/backend.h"},
           {"backends/cuda/a.cu.cc", "backends/cuda/device.h"},
           {"backends/cuda/device.h", "tests/simt/shim.h"},
           {"backends/cuda/droppos/a.cc", "backends/cuda/kernel_util.h"},
           {"backends/cuda/droppos/a.cc", "ops/droppos/mask_sample.h"},
           {"models/droppos/a.cc", "models/vit/encoder.h"},
           {"models/training/a.cc", "graph/compiler/compiler.h"},
           {"tools/plugins.cc", "backends/cpu/droppos/kernel_table.h"},
           {"tools/reference_backend.cc", "backends/reference/droppos/kernel_table.h"},
           {"tools/parity/a.cc", "models/droppos/droppos.h"},
           {"tools/train.cc", "tools/flags/parse_flags.h"},
           {"tests/a/b.cc", "models/droppos/droppos.h"},
       }) {
    SCOPED_TRACE(arrow.from);
    ExpectGreen(CheckIncludeDirections, {{arrow.from, Include(arrow.to)}});
  }
}

TEST(IncludeDirections, RefuseArrowsUpAndSideways) {
  for (const Arrow& arrow : std::vector<Arrow>{
           {"graph/base/a.h", "graph/ir/net.h"},
           {"graph/ir/a.h", "graph/schema/schema.h"},
           {"graph/autodiff/a.cc", "graph/passes/passes.h"},
           {"graph/passes/a.cc", "graph/runtime/kernel.h"},
           {"graph/runtime/a.cc", "graph/schema/schema.h"},
           {"graph/compiler/a.cc", "ops/add.h"},
           {"ops/a.cc", "graph/runtime/kernel.h"},
           {"ops/a.cc", "backends/cpu/kernel_table.h"},
           {"ops/a.cc", "ops/droppos/mask_sample.h"},
           {"backends/cpu/a.cc", "backends/reference/kernels.h"},
           {"backends/reference/a.cc", "backends/cpu/kernel_table.h"},
           {"backends/cpu/a.cc", "backends/cpu/droppos/kernel_table.h"},
           {"backends/cpu/a.cc", "backends/cuda/launch.h"},
           {"backends/cuda/a.cc", "backends/cpu/kernel_util.h"},
           {"backends/cuda/a.cc", "backends/cuda/droppos/kernel_table.h"},
           {"backends/cuda/a.cu.cc", "tests/simt/shim.h"},
           {"backends/cuda/device.h", "graph/runtime/kernel.h"},
           {"backends/cuda/droppos/a.cc", "backends/reference/droppos/kernel_table.h"},
           {"backends/cpu/a.cc", "graph/autodiff/autodiff.h"},
           {"backends/cpu/droppos/a.cc", "backends/reference/droppos/kernel_table.h"},
           {"models/layers/a.cc", "graph/runtime/kernel.h"},
           {"models/layers/a.cc", "models/vit/encoder.h"},
           {"models/vit/a.cc", "models/droppos/droppos.h"},
           {"models/vit/a.cc", "backends/cpu/kernel_table.h"},
           {"models/zoo/a.cc", "models/training/session.h"},
           {"models/data/a.cc", "models/training/session.h"},
           {"models/training/a.cc", "models/droppos/droppos.h"},
           {"models/training/a.cc", "backends/cpu/kernel_table.h"},
           {"models/training/a.cc", "tools/plugins.h"},
           {"tools/train.cc", "ops/droppos/op_table.h"},
           {"tools/plugins_more.cc", "ops/droppos/op_table.h"},
           {"tools/train.cc", "tests/harness/op_case.h"},
       }) {
    SCOPED_TRACE(absl::StrCat(arrow.from, " -> ", arrow.to));
    ExpectRed(CheckIncludeDirections, {{arrow.from, Include(arrow.to)}},
              absl::StrCat(arrow.from, ":2: "), arrow.to);
  }
}

TEST(IncludeDirections, AskForARuleForANewFolder) {
  ExpectRed(CheckIncludeDirections, {{"models/novel/a.cc", "int x;\n"}},
            "models/novel/a.cc:1: ", "no rule");
}

TEST(VendorHeaders, StayWhereTheyBelong) {
  for (const Arrow& arrow : std::vector<Arrow>{
           {"backends/cpu/a.cc", "dnnl.hpp"},
           {"backends/cpu/droppos/a.cc", "eigen3/Eigen/Core"},
           {"graph/ir/serialize.cc", "graph/proto/net.pb.h"},
           {"tools/flags/a.cc", "CLI/App.hpp"},
           {"models/data/a.cc", "turbojpeg.h"},
           {"tests/a/b.cc", "gtest/gtest.h"},
           {"backends/cuda/a.cc", "cublasLt.h"},
           {"backends/cuda/device.h", "cuda_runtime.h"},
           {"backends/cpu/a.cc", "backends/cuda/launch.h"},  // ours
           {"tests/fake_cuda/a.cc", "cuda_runtime_api.h"},
           {"tests/backends/cuda/a_test.cc", "cudnn.h"},
           {"tests/gpu_suite/a.cc", "cudnn_frontend.h"},
           {"tests/simt/a.cc", "boost/context/detail/fcontext.hpp"},
       }) {
    SCOPED_TRACE(arrow.from);
    ExpectGreen(CheckVendorHeaders, {{arrow.from, Include(arrow.to)}});
  }
  for (const Arrow& arrow : std::vector<Arrow>{
           {"models/training/a.cc", "dnnl.hpp"},
           {"graph/runtime/a.h", "oneapi/dnnl/dnnl.h"},
           {"tests/backends/cpu/a.cc", "dnnl.hpp"},
           {"backends/reference/a.cc", "eigen3/Eigen/Core"},
           {"graph/ir/text.cc", "google/protobuf/message.h"},
           {"tools/dump/a.cc", "graph/proto/net.pb.h"},
           {"models/zoo/a.cc", "CLI/App.hpp"},
           {"tools/a.cc", "turbojpeg.h"},
           {"models/training/a.cc", "png.h"},
           {"graph/ir/a.cc", "nlohmann/json.hpp"},
           {"models/data/a.cc", "omp.h"},
           {"ops/a.cc", "gtest/gtest.h"},
           {"backends/cpu/a.cc", "cuda_runtime.h"},
           {"tests/simt/a.cc", "cuda_runtime.h"},
           {"tests/backends/cpu/a.cc", "cublasLt.h"},
           {"tools/a.cc", "nvrtc.h"},
           {"tests/fake_cuda/a.cc", "boost/context/fiber.hpp"},
           {"backends/cuda/a.cu.cc", "boost/context/fiber.hpp"},
           {"models/training/a.cu", "cuda_runtime.h"},
           {"backends/cuda/a.cuh", "dnnl.hpp"},
       }) {
    SCOPED_TRACE(absl::StrCat(arrow.from, " -> ", arrow.to));
    ExpectRed(CheckVendorHeaders, {{arrow.from, Include(arrow.to)}},
              absl::StrCat(arrow.from, ":2: "), arrow.to);
    // The same with angle brackets.
    ExpectRed(CheckVendorHeaders, {{arrow.from, absl::StrCat("#include <", arrow.to, ">\n")}},
              absl::StrCat(arrow.from, ":1: "), arrow.to);
  }
}

TEST(KernelsSeeNoEngine, HoweverTheyGetThere) {
  const auto with = [](const std::string& path, const std::string& header) {
    Texts texts = {{"backends/cuda/a.cu.cc", Include("backends/cuda/a_launch.h")},
                   {"backends/cuda/droppos/b.cu.cc", Include("backends/cuda/fault.h")},
                   {"backends/cuda/a_launch.h", ""},
                   {"backends/cuda/fault.h",
                    "#include \"backends/cuda/device.h\"\n"
                    "#include \"graph/runtime/fault.h\"\n"},
                   {"backends/cuda/device.h", Include("tests/simt/shim.h")},
                   {"backends/cuda/kernel_util.h", ""},
                   {"backends/cuda/a.cc", Include("backends/cuda/kernel_util.h")}};
    texts[path] += absl::StrCat("#include \"", header, "\"\n");
    return texts;
  };
  ExpectGreen(CheckKernelsSeeNoEngine, with("backends/cuda/a.cu.cc", "backends/cuda/device.h"));
  ExpectGreen(CheckKernelsSeeNoEngine, with("backends/cuda/a.cc", "graph/runtime/kernel.h"));
  ExpectGreen(CheckKernelsSeeNoEngine, with("backends/cuda/kernel_util.h", "graph/base/status.h"));
  for (const char* path : {"backends/cuda/a.cu.cc", "backends/cuda/droppos/b.cu.cc",
                           "backends/cuda/a_launch.h", "backends/cuda/device.h"}) {
    for (const char* header : {"graph/runtime/kernel.h", "ops/add.h"}) {
      SCOPED_TRACE(path);
      ExpectRed(CheckKernelsSeeNoEngine, with(path, header), absl::StrCat(path, ":"), header);
    }
  }
  ExpectRed(CheckKernelsSeeNoEngine, with("backends/cuda/fault.h", "tests/simt/shim.h"),
            "backends/cuda/fault.h:3: ", "tests/simt/shim.h");
  // A kernel that includes what factories are made of sees what that includes.
  Texts texts = with("backends/cuda/kernel_util.h", "graph/base/status.h");
  texts["backends/cuda/a_launch.h"] = Include("backends/cuda/kernel_util.h");
  ExpectRed(CheckKernelsSeeNoEngine, texts,
            "backends/cuda/kernel_util.h:1: ", "graph/base/status.h");
}

TEST(EngineNamesNoPlugin, InAnyCase) {
  ExpectGreen(CheckEngineNamesNoPlugin,
              {{"graph/ir/net.h", "// Nets.\n"}, {"ops/droppos/a.h", "// DropPos.\n"}});
  ExpectRed(CheckEngineNamesNoPlugin, {{"graph/ir/net.h", "\n// For DropPos.\n"}},
            "graph/ir/net.h:2: ", "plugin");
  ExpectRed(CheckEngineNamesNoPlugin, {{"graph/ir/BUILD.bazel", "\"//ops/droppos\"\n"}},
            "graph/ir/BUILD.bazel:1: ", "plugin");
  ExpectRed(CheckEngineNamesNoPlugin, {{"graph/ir/droppos_net.h", "// Nets.\n"}},
            "graph/ir/droppos_net.h:1: ", "plugin");
}

TEST(PluginConceptsStayInside, ClassesDrawsAndFlags) {
  const auto with = [](const std::string& path, const std::string& text) {
    return Texts{{"ops/fog/purposes.h", "inline constexpr graph::Purpose kFogShare{1024};\n"},
                 {"models/fog/fog.h", "struct ModelConfig;\nstruct FogOptions : A {\n};\n"},
                 {"models/fog/fog.cc", "return {{\"fog_share\", &fog_share}, \"x\"};\n"},
                 {path, text}};
  };
  ExpectGreen(CheckPluginConceptsStayInside, with("models/zoo/a.h", "struct ModelConfig {};\n"));
  ExpectGreen(CheckPluginConceptsStayInside,
              with("tools/a.cc", "int fog_shares;  // of FogOptions\nSay(\"a FogOptions\");\n"));
  ExpectGreen(CheckPluginConceptsStayInside, with("backends/cpu/fog/a.cc", "kFogShare;\n"));
  ExpectGreen(CheckPluginConceptsStayInside, with("backends/cuda/fog/a.cu.cc", "kFogShare;\n"));
  ExpectGreen(CheckPluginConceptsStayInside, with("tools/plugins.cc", "FogOptions options;\n"));
  ExpectRed(CheckPluginConceptsStayInside, with("graph/base/a.h", "enum { kFogShare = 1 };\n"),
            "graph/base/a.h:1: ", "kFogShare");
  ExpectRed(CheckPluginConceptsStayInside, with("backends/cuda/a.cu.cc", "Draw(kFogShare);\n"),
            "backends/cuda/a.cu.cc:1: ", "kFogShare");
  ExpectRed(CheckPluginConceptsStayInside, with("tools/a.cc", "\nif (IsA<FogOptions>(x)) {}\n"),
            "tools/a.cc:2: ", "FogOptions");
  ExpectRed(CheckPluginConceptsStayInside, with("tools/flags/a.cc", "Say(\"--fog_share=1\");\n"),
            "tools/flags/a.cc:1: ", "fog_share");
}

TEST(TreeIsWhole, SeesWhatOthersUse) {
  ExpectGreen(CheckTreeIsWhole,
              {{"ops/a.cc", "#include <vector>\n#include \"absl/a.h\"\n#include \"ops/a.h\"\n"},
               {"ops/a.h", ""},
               {"graph/ir/b.cc", Include("graph/proto/net.pb.h")},
               {"ops/BUILD.bazel", "[\"//third_party:abseil\", \"//ops\", \"//:tests\"]\n"},
               {"BUILD.bazel", "packages = [\"//ops/...\"]\n"}});
  ExpectRed(CheckTreeIsWhole, {{"ops/a.cc", Include("ops/novel/b.h")}},
            "ops/a.cc:2: ", "ops/novel/b.h");
  ExpectRed(CheckTreeIsWhole, {{"ops/BUILD.bazel", "deps = [\"//models/novel:b\"],\n"}},
            "ops/BUILD.bazel:1: ", "//models/novel");
}

Texts Operator() {
  return {
      {"ops/add.h", "void RegisterAdd(graph::SchemaRegistry* registry);\n"},
      {"ops/add.cc", "void RegisterAdd(graph::SchemaRegistry* registry) {\n"},
      {"ops/op_table.h", "void RegisterOps(graph::SchemaRegistry* registry);\n"},
      {"ops/ops.bzl", "OPS = {\n    \"add\": \"Add\",\n}\n"},
      {"ops/shapes.h", "int Helper();\n"},
      {"backends/cpu/add.cc", "void RegisterAdd(graph::KernelTable* table) {\n"},
      {"backends/cuda/add.cc", "void RegisterAdd(const DevicePtr&, graph::KernelTable* table) {\n"},
      {"backends/reference/add.cc", "void RegisterAdd(graph::KernelTable* table) {\n"},
      {"tests/ops/add_test.cc", "TEST(Add, Works) {}\n"}};
}

// The same operator as one of the plugin.
Texts PluginOperator() {
  Texts texts;
  for (const auto& [path, text] : Operator()) {
    texts[Folder(path) + "/droppos/" + BaseName(path)] = text;
  }
  return texts;
}

// And as one that only the CPU's passes make.
Texts LoweredOperator() {
  Texts texts = {{"backends/reference/cpu/add.cc", Operator().at("backends/reference/add.cc")}};
  for (const auto& [path, text] : Operator()) {
    if (Folder(path) == "ops") texts["backends/cpu/ops/" + BaseName(path)] = text;
    if (Folder(path) == "tests/ops") texts["tests/backends/cpu/ops/" + BaseName(path)] = text;
    if (Folder(path) == "backends/cpu") texts[path] = text;
  }
  return texts;
}

TEST(SameStems, AreCompleteOrNamed) {
  ExpectGreen(CheckSameStems, Operator());
  ExpectGreen(CheckSameStems, PluginOperator());
  ExpectGreen(CheckSameStems, LoweredOperator());
  for (const auto& [path, text] : LoweredOperator()) {
    if (Folder(path) == "backends/cpu/ops" && path != "backends/cpu/ops/add.cc") continue;
    Texts texts = LoweredOperator();
    texts.erase(path);
    ExpectRed(CheckSameStems, texts, "backends/cpu/ops/add.h:1: ", path);
  }
  for (const char* file : {"ops/add.cc", "backends/cpu/add.cc", "backends/cuda/add.cc",
                           "backends/reference/add.cc", "tests/ops/add_test.cc"}) {
    SCOPED_TRACE(file);
    Texts texts = Operator();
    texts.erase(file);
    ExpectRed(CheckSameStems, texts, "ops/add.h:1: ", file);
    const std::string plugin_file = Folder(file) + "/droppos/" + BaseName(file);
    texts = PluginOperator();
    texts.erase(plugin_file);
    ExpectRed(CheckSameStems, texts, "ops/droppos/add.h:1: ", plugin_file);
  }
}

TEST(SameStems, RefuseKernelsUnderAnotherName) {
  Texts texts = Operator();
  texts["backends/cpu/sum.cc"] = "void RegisterSum(graph::KernelTable* table) {\n";
  ExpectRed(CheckSameStems, texts, "backends/cpu/sum.cc:1: ", "ops/sum.h");
  // Of another operator, in a file that has its own.
  texts = Operator();
  const std::string sum =
      "void RegisterSum(const DevicePtr& device, graph::KernelTable* table) {\n";
  texts["backends/cuda/add.cc"] += sum;
  ExpectRed(CheckSameStems, texts, "backends/cuda/add.cc:2: ", "RegisterSum in ops/add.h");
  texts = PluginOperator();
  texts["backends/cuda/droppos/sum.cc"] = sum;
  ExpectRed(CheckSameStems, texts, "backends/cuda/droppos/sum.cc:1: ", "ops/droppos/sum.h");
}

TEST(SameStems, CudaHasThemAll) {
  for (Texts texts : {Operator(), PluginOperator()}) {
    const bool plugin = texts.count("ops/add.h") == 0;
    const std::string kernels = plugin ? "backends/cuda/droppos/add.cc" : "backends/cuda/add.cc";
    const std::string header = plugin ? "ops/droppos/add.h:1: " : "ops/add.h:1: ";
    texts.erase(kernels);
    ExpectRed(CheckSameStems, texts, header, kernels);
  }
}

TEST(OpsAreListed, UnderTheirStem) {
  ExpectGreen(CheckOpsAreListed, Operator());
  ExpectGreen(CheckOpsAreListed, PluginOperator());
  ExpectGreen(CheckOpsAreListed, LoweredOperator());
  for (const char* list :
       {"OPS = {\n    \"add_layer_norm\": \"AddLayerNorm\",\n}\n",
        "OPS = {\n    \"sum\": \"Add\",\n}\n", "OPS = {\n#    \"add\": \"Add\",\n}\n"}) {
    Texts texts = Operator();
    texts["ops/ops.bzl"] = list;
    ExpectRed(CheckOpsAreListed, texts, "ops/add.h:1: ", "add \"add\": \"Add\" to ops/ops.bzl");
  }
}

TEST(Kernels, MatchSchemas) {
  EXPECT_TRUE(CheckKernels({"Add", "Gelu"}, "cpu", {"Gelu", "Add"}).empty());
  Findings findings = CheckKernels({"Add", "Gelu"}, "cpu", {"Add"});
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(absl::StrContains(findings[0], "no kernel for Gelu")) << findings[0];
  findings = CheckKernels({"Add"}, "cpu", {"Add", "Gelu"});
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(absl::StrContains(findings[0], "Gelu, which has no schema")) << findings[0];
}

TEST(HeaderGuards, AreThePath) {
  ExpectGreen(CheckHeaderGuards,
              {{"ops/a_b.h", "// Doc.\n#ifndef OPS_A_B_H_\n#define OPS_A_B_H_\n#endif\n"},
               {"ops/a_b.cc", "int x;\n"}});
  ExpectRed(CheckHeaderGuards, {{"ops/a_b.h", "#ifndef OPS_A_H_\n#define OPS_A_H_\n"}},
            "ops/a_b.h:1: ", "OPS_A_B_H_");
  ExpectRed(CheckHeaderGuards, {{"ops/a_b.h", "#ifndef OPS_A_B_H_\n#define OPS_A_BB_H_\n"}},
            "ops/a_b.h:1: ", "OPS_A_B_H_");
  ExpectRed(CheckHeaderGuards, {{"ops/a_b.h", "// Doc.\n#pragma once\n"}},
            "ops/a_b.h:2: ", "OPS_A_B_H_");
  ExpectRed(CheckHeaderGuards, {{"ops/a_b.h", ""}}, "ops/a_b.h:", "OPS_A_B_H_");
}

std::string CodeOf(size_t lines) {
  std::string text;
  for (size_t i = 0; i < lines; ++i) text += ";\n";
  return text;
}

TEST(Sizes, HaveABoundAndAReport) {
  ExpectGreen(CheckSizes, {{"ops/a.cc", CodeOf(kMaxLines)}, {"docs/a.md", CodeOf(2000)}});
  ExpectRed(CheckSizes, {{"ops/a.cc", CodeOf(kMaxLines + 1)}}, "ops/a.cc:801: ", "split");
  ExpectGreen(LongFiles, {{"ops/a.cc", CodeOf(kLongLines)}});
  ExpectRed(LongFiles, {{"ops/a.cc", CodeOf(kLongLines + 1)}}, "ops/a.cc: ", "401 lines");
}

TEST(OneBuildSystem, RefusesTheOther) {
  const std::string other = absl::StrCat("CM", "ake");
  ExpectGreen(CheckOneBuildSystem, {{"docs/a.md", absl::StrCat("Not ", other, ".\n")},
                                    {"ops/BUILD.bazel", "cc_library()\n"}});
  ExpectRed(CheckOneBuildSystem, {{"ops/" + other + "Lists.txt", "project()\n"}},
            absl::StrCat("ops/", other, "Lists.txt:1: "), "delete");
  ExpectRed(CheckOneBuildSystem,
            {{"tools/setup.sh", absl::StrCat("\napt-get install ", other, "\n")}},
            "tools/setup.sh:2: ", "build system");
}

TEST(MachinePaths, AreRefused) {
  ExpectGreen(CheckNoMachinePaths,
              {{"a.cc", "#include \"graph/runtime/workspace.h\"\n\"/usr/include\" \"/tmp/x\"\n"},
               {"b.sh", absl::StrCat("$HOME/wo", "rk/x ~/ro", "ot/x ${A}/ho", "me/x\n")}});
  for (const std::string& path : {absl::StrCat("/wo", "rk/main"), absl::StrCat("/ro", "ot/x"),
                                  absl::StrCat("/ho", "me/me"), absl::StrCat("/tm", "p/ob_x")}) {
    for (const char* before : {"", "x = \"", "--path=", "-I", "cd ", "file://"}) {
      SCOPED_TRACE(absl::StrCat(before, path));
      ExpectRed(CheckNoMachinePaths, {{"a.sh", absl::StrCat("\n", before, path, "\n")}},
                "a.sh:2: ", "one machine");
    }
  }
}

TEST(TimeOfDay, IsForDates) {
  ExpectGreen(CheckTimeOfDay,
              {{"tools/training_program.cc", "started = absl::Now();\n"},
               {"models/a.cc", "const auto now = std::chrono::steady_clock::now();\n"},
               {"tests/a_test.cc", "absl::Now()\n"}});
  ExpectRed(CheckTimeOfDay, {{"models/a.cc", "\nconst absl::Time before = absl::Now();\n"}},
            "models/a.cc:2: ", "steady_clock");
}

TEST(Ptx, StandsInOneFile) {
  ExpectGreen(CheckPtx, {{"backends/cuda/device.h", "asm volatile(\"x\");\n"},
                         {"backends/cuda/a.cu.cc", "MmaBf16(a, b, c);\n"},
                         {"backends/cpu/a.cc", "asm volatile(\"x\");\n"}});
  for (const char* path :
       {"backends/cuda/a.cu.cc", "backends/cuda/droppos/a.h", "tests/backends/cuda/a.cu.cc"}) {
    ExpectRed(CheckPtx, {{path, "\nasm volatile(\"x\");\n"}}, absl::StrCat(path, ":2: "),
              "device.h");
    ExpectRed(CheckPtx, {{path, "asm(\"x\");\n"}}, absl::StrCat(path, ":1: "), "device.h");
  }
}

TEST(TestsRun, OnlyAsASourceOfATest) {
  ExpectGreen(CheckTestsRun, {{"tests/ops/add_test.cc", ""},
                              {"tests/ops/gelu_test.cc", ""},
                              {"tests/ops/sum_test.cc", ""},
                              {"tests/ops/scale_test.cc", ""},
                              {"tests/ops/run_test.sh", ""},
                              {"tests/ops/cast_test.cc", ""},
                              {"ops/ops.bzl", "OPS = {\n    \"cast\": \"Cast\",\n}\n"},
                              {"tests/ops/BUILD.bazel", R"(
# why
cc_test(
    name = "a",
    srcs = [
        "add_test.cc",
    ],
)

sh_test(
    srcs = ["run_test.sh"],
)

[cc_test(
    srcs = [stem + "_test.cc"],
) for stem, isa in [
    # why
    "gelu",
] + [("sum", "AVX2")] + [(stem, "") for stem in OPS]]

[
    cc_test(
        srcs = [stem + "_test.cc"],
    )
    for stem in ["scale"]
]
)"}});
  // Kernels on the emulated GPU.
  const std::string emulated = "emulated_test(\n    srcs = [\"a_test.cu.cc\"],\n)\n";
  ExpectGreen(CheckTestsRun,
              {{"tests/simt/a_test.cu.cc", ""}, {"tests/simt/BUILD.bazel", emulated}});
  ExpectRed(CheckTestsRun, {{"tests/simt/b_test.cu.cc", ""}, {"tests/simt/BUILD.bazel", emulated}},
            "tests/simt/b_test.cu.cc:1: ", "tests/simt/BUILD.bazel");
  for (const char* build :
       {"cc_test(\n    srcs = [\"bad_add_test.cc\"],\n)\n",
        "cc_test(\n    srcs = [\"sum_test.cc\"],\n    data = [\"add_test.cc\"],\n)\n",
        "cc_library(\n    srcs = [\"add_test.cc\"],\n)\n",
        "cc_test(\n    srcs = [  # \"add_test.cc\"\n        \"sum_test.cc\",\n    ],\n)\n",
        "# cc_test(\n#     srcs = [\"add_test.cc\"],\n# )\n",
        "[cc_test(\n    srcs = [stem + \"_test.cc\"],\n    data = [\"add\"],\n"
        ") for stem in [\"gelu\"]]\n"}) {
    SCOPED_TRACE(build);
    ExpectRed(CheckTestsRun, {{"tests/ops/add_test.cc", ""}, {"tests/ops/BUILD.bazel", build}},
              "tests/ops/add_test.cc:1: ", "tests/ops/BUILD.bazel");
  }
}

}  // namespace
}  // namespace structure
