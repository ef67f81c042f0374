#include "tests/structure/include_rules.h"

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace structure {
namespace {

// A file below `from` (the longest match counts) may include headers that lie
// directly in one of the folders `to`.
struct Rule {
  std::string from;
  std::vector<std::string> to;
};

std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

const std::vector<Rule>& Rules() {
  using Folders = std::vector<std::string>;
  static const Folders nets = {"graph/base", "graph/ir", "graph/schema"};
  static const Folders engine =
      nets + Folders{"graph/autodiff", "graph/passes", "graph/runtime", "graph/compiler"};
  static const Folders backend = nets + Folders{"graph/runtime", "graph/compiler", "ops"};
  static const Folders model = nets + Folders{"ops", "models/layers", "models/zoo", "models/vit"};
  static const Folders tool = engine + model +
                              Folders{"ops",
                                      "backends/cpu",
                                      "backends/cuda",
                                      "backends/reference",
                                      "models/data",
                                      "models/files",
                                      "models/training",
                                      "tools",
                                      "tools/benchmark",
                                      "tools/curves",
                                      "tools/data_check",
                                      "tools/diff",
                                      "tools/dump",
                                      "tools/flags",
                                      "tools/parity",
                                      "tools/plan",
                                      "tools/profile",
                                      "tools/checkpoint",
                                      "tools/evaluation",
                                      "tools/onnx",
                                      "tools/output",
                                      "tools/weights",
                                      "tools/vis"};
  // The plugin's folders, and the schemas of what a backend's passes make.
  static const Folders registered = {
      "ops/droppos",           "backends/cpu/droppos",  "backends/cpu/ops",
      "backends/cuda/droppos", "backends/cuda/ops",     "backends/reference/droppos",
      "models/droppos"};
  static const std::vector<Rule> rules = {
      {"graph/base", {"graph/base"}},
      {"graph/ir", {"graph/base", "graph/ir", "graph/proto"}},
      {"graph/schema", nets},
      {"graph/autodiff", nets + Folders{"graph/autodiff"}},
      {"graph/passes", nets + Folders{"graph/passes"}},
      // Runs nets whatever their operators mean: no schemas.
      {"graph/runtime", {"graph/base", "graph/ir", "graph/runtime"}},
      {"graph/compiler", engine},
      {"ops", nets + Folders{"ops"}},
      {"ops/droppos", nets + Folders{"ops", "ops/droppos"}},
      {"backends/cpu",
       backend + Folders{"backends/cpu", "backends/cpu/ops", "backends/cpu/passes"}},
      // What a program knows of a backend whose kernels it may not have: no kernels, no device.
      {"backends/cpu/ops", nets + Folders{"ops", "backends/cpu/ops"}},
      {"backends/cpu/passes", nets + Folders{"graph/passes", "backends/cpu/passes"}},
      {"backends/cpu/droppos",
       backend + Folders{"backends/cpu", "backends/cpu/droppos", "ops/droppos"}},
      {"backends/cuda",
       backend + Folders{"backends/cuda", "backends/cuda/ops", "backends/cuda/passes"}},
      {"backends/cuda/ops", nets + Folders{"ops", "backends/cuda/ops"}},
      {"backends/cuda/passes", nets + Folders{"graph/passes", "backends/cuda/passes"}},
      // What a program loads has the plugins' kernels.
      {"backends/cuda/entry.cc", {"backends/cuda", "backends/cuda/droppos"}},
      // What kernels are written with is of nvcc or of the emulator.
      {"backends/cuda/device.h", {"backends/cuda", "tests/simt"}},
      {"backends/cuda/droppos",
       backend + Folders{"backends/cuda", "backends/cuda/droppos", "ops/droppos"}},
      {"backends/reference", backend + Folders{"backends/reference"}},
      {"backends/reference/cpu",
       backend + Folders{"backends/reference", "backends/reference/cpu", "backends/cpu/ops"}},
      {"backends/reference/cuda",
       backend + Folders{"backends/reference", "backends/reference/cuda", "backends/cuda/ops"}},
      {"backends/reference/droppos",
       backend + Folders{"backends/reference", "backends/reference/droppos", "ops/droppos"}},
      // Device-free. Layers know no model, the zoo knows no nets.
      {"models/layers", nets + Folders{"ops", "models/layers"}},
      {"models/zoo", nets + Folders{"models/layers", "models/zoo"}},
      {"models/vit", model},
      {"models/droppos", model + Folders{"ops/droppos", "models/droppos"}},
      {"models/files", {"graph/base", "models/files"}},
      // Trains whatever is a Model: it names none.
      {"models/data", {"graph/base", "models/data", "models/files"}},
      {"models/training", engine + Folders{"ops", "models/layers", "models/zoo", "models/data",
                                           "models/files", "models/training"}},
      {"tools", tool},
      // The places that name the plugins and the operators of backends.
      {"tools/plugins.cc", tool + registered},
      {"tools/reference_backend.cc", tool + registered},
      {"tools/parity", tool + registered},
      {"tools/evaluation", tool + registered},
      {"tools/vis", tool + registered},
  };
  return rules;
}

const Rule* RuleFor(const std::string& path) {
  const Rule* best = nullptr;
  for (const Rule& rule : Rules()) {
    const bool matches = path == rule.from || absl::StartsWith(path, rule.from + "/");
    if (matches && (best == nullptr || rule.from.size() > best->from.size())) best = &rule;
  }
  return best;
}

std::string TopFolder(const std::string& path) { return path.substr(0, path.find('/')); }

bool IsOurs(const std::string& path) {
  static const std::set<std::string> tops = {"graph",  "ops",   "backends",
                                             "models", "tools", "tests"};
  return path.find('/') != std::string::npos && tops.count(TopFolder(path)) > 0;
}

// A library by how its headers begin, and where they may be included.
struct Vendor {
  std::string name;
  std::vector<std::string> headers;
  std::vector<std::string> allowed;  // path prefixes
};

const std::vector<Vendor>& Vendors() {
  static const std::vector<Vendor> vendors = {
      // The roofline is measured apart from the kernels it is the yardstick of.
      {"oneDNN", {"dnnl", "oneapi/"}, {"backends/cpu/", "tools/benchmark/roofline.cc"}},
      // Tests use it where they need linear algebra of their own.
      {"Eigen", {"eigen3/", "Eigen/", "unsupported/Eigen/"}, {"backends/cpu/", "tests/"}},
      {"Highway", {"hwy/"}, {"backends/cpu/", "models/data/"}},
      {"OpenMP", {"omp.h"}, {"backends/cpu/", "tools/benchmark/roofline.cc", "tests/"}},
      {"protobuf",
       {"google/protobuf/", "graph/proto/", "tools/onnx/onnx.pb.h", "models/training/event.pb.h"},
       {"graph/ir/serialize.cc", "tools/onnx/", "tools/version.cc", "models/training/event_file.cc",
        "tests/tools/onnx/", "tests/models/training/"}},
      {"Boost", {"boost/"}, {"tests/simt/"}},
      {"CLI11", {"CLI/"}, {"tools/"}},
      {"ISA-L", {"isa-l"}, {"models/training/event_file.cc"}},
      {"Cairo", {"cairo"}, {"tools/vis/"}},
      // Tests write the images that they then read.
      {"libjpeg-turbo", {"turbojpeg", "jpeglib", "jerror"}, {"models/data/", "tests/models/data/"}},
      {"libpng", {"png.h", "pngconf", "spng.h"}, {"models/data/", "tests/models/data/"}},
      {"libarchive", {"archive"}, {"models/data/", "tests/models/data/"}},
      {"libwebp", {"webp/"}, {"models/data/", "tests/models/data/"}},
      {"zlib", {"zlib.h"}, {"models/data/", "tests/models/data/"}},
      {"nlohmann-json", {"nlohmann/"}, {"models/training/", "tools/", "tests/"}},
      {"xxHash", {"xxhash", "xxh3"}, {"models/files/"}},
      {"GoogleTest", {"gtest/", "gmock/"}, {"tests/"}},
      {"CUDA",
       {"cuda", "cublas", "cudnn", "nvrtc"},
       {"backends/cuda/", "tests/backends/cuda/", "tests/fake_cuda/", "tests/gpu_suite/",
        "tests/third_party/cuda/"}},
  };
  return vendors;
}

bool StartsWithAny(const std::string& text, const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    if (absl::StartsWith(text, prefix)) return true;
  }
  return false;
}

// Packages named by "//pkg:target" or "//pkg" in one line of a BUILD file.
std::vector<std::string> PackagesIn(const std::string& line) {
  std::vector<std::string> packages;
  for (size_t at = line.find("\"//"); at != std::string::npos; at = line.find("\"//", at + 1)) {
    const size_t begin = at + 3;
    packages.push_back(line.substr(begin, line.find_first_of(":\"", begin) - begin));
  }
  return packages;
}

}  // namespace

Findings CheckIncludeDirections(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (!IsCode(path) || !IsOurs(path) || TopFolder(path) == "tests") continue;
    const Rule* rule = RuleFor(path);
    if (rule == nullptr) {
      findings.push_back(absl::StrCat(At(path, 0), "no rule says what ", Folder(path),
                                      " may include; give it a row in ",
                                      "tests/structure/include_rules.cc"));
      continue;
    }
    const std::set<std::string> allowed(rule->to.begin(), rule->to.end());
    for (const Include& include : Includes(lines)) {
      if (!IsOurs(include.name) || allowed.count(Folder(include.name)) > 0) continue;
      findings.push_back(
          absl::StrCat(At(path, include.line_index), "includes ", include.name, ", but ",
                       rule->from, " may only include ", absl::StrJoin(rule->to, ", "),
                       "; move what is shared down a layer (docs/architecture.md), or, if the "
                       "folder is new, give it a rule in include_rules.cc"));
    }
  }
  return findings;
}

Findings CheckKernelsSeeNoEngine(const Tree& tree) {
  std::set<std::string> seen;
  std::vector<std::string> files;
  for (const auto& [path, lines] : tree) {
    if (absl::StartsWith(path, "backends/cuda/") && absl::EndsWith(path, ".cu.cc")) {
      files.push_back(path);
    }
  }
  Findings findings;
  while (!files.empty()) {
    const std::string path = files.back();
    files.pop_back();
    if (!seen.insert(path).second || tree.count(path) == 0) continue;
    for (const Include& include : Includes(tree.at(path))) {
      if (!IsOurs(include.name) || include.name == "graph/runtime/fault.h") continue;
      if (absl::StartsWith(include.name, "backends/cuda/")) {
        files.push_back(include.name);
      } else if (path != "backends/cuda/device.h" || Folder(include.name) != "tests/simt") {
        findings.push_back(absl::StrCat(
            At(path, include.line_index), "includes ", include.name, ", which kernels would see; ",
            "keep what knows the engine in the operator's x.cc and in kernel_util.h"));
      }
    }
  }
  return findings;
}

Findings CheckVendorHeaders(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (!IsCode(path) || !IsOurs(path)) continue;
    for (const Include& include : Includes(lines)) {
      for (const Vendor& vendor : Vendors()) {
        if (!StartsWithAny(include.name, vendor.headers)) continue;
        if (StartsWithAny(path, vendor.allowed)) continue;
        findings.push_back(absl::StrCat(
            At(path, include.line_index), "includes ", include.name, ", but ", vendor.name,
            " is for ", vendor.allowed.empty() ? "nobody yet" : absl::StrJoin(vendor.allowed, ", "),
            "; hide it behind a header of that folder"));
      }
    }
  }
  return findings;
}

Findings CheckTreeIsWhole(const Tree& tree) {
  Findings findings;
  for (const auto& [path, lines] : tree) {
    if (IsCode(path) && IsOurs(path)) {
      for (const Include& include : Includes(lines)) {
        if (!include.quoted || !IsOurs(include.name) || tree.count(include.name) > 0) continue;
        if (absl::EndsWith(include.name, ".pb.h") || absl::EndsWith(include.name, "_list.inc")) {
          continue;  // generated
        }
        findings.push_back(absl::StrCat(
            At(path, include.line_index), "includes ", include.name, ", which is not in the tree ",
            "that structure_test reads; list its package in tests/structure/BUILD.bazel"));
      }
    }
    if (BaseName(path) != "BUILD.bazel") continue;
    for (size_t i = 0; i < lines.size(); ++i) {
      for (const std::string& package : PackagesIn(lines[i])) {
        if (!IsOurs(package + "/") || absl::StrContains(package, "...")) continue;
        if (absl::EndsWith(package, "__subpackages__")) continue;
        if (tree.count(package + "/BUILD.bazel") > 0) continue;
        findings.push_back(absl::StrCat(
            At(path, i), "names //", package, ", which structure_test does not read; give it an ",
            "all_sources filegroup and list that in tests/structure/BUILD.bazel"));
      }
    }
  }
  return findings;
}

}  // namespace structure
