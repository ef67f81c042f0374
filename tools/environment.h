// environment.json: the program and machine of a run, so that its numbers can be understood later,
// and a resumed run can report what has changed.
//
//   {"started": "2026-01-31T12:00:00+00:00", "command_line": ["--model=..."],
//    "program": {"commit": "40 digits" or null, "hash": "16 digits", "compiler": "GCC 12.2.0"},
//    "cpu": {"model": "...", "cores": 8, "threads": 8, "instruction_set": "avx512_core_amx",
//            "math_mode": "strict"},
//    "device": "cpu", or a GPU: "NVIDIA H200, compute capability 9.0, 139 GiB",
//    "memory_mib": 32000,
//    "system": {"os": "...", "kernel": "Linux 6.1.0 x86_64"},
//    "libraries": {"oneDNN": "3.2.0", "libpng": "1.6.39", ...},
//    "resizing": "as Pillow 13"}
//
// What the system does not tell is null.
#ifndef TOOLS_ENVIRONMENT_H_
#define TOOLS_ENVIRONMENT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "graph/compiler/backend.h"
#include "nlohmann/json.hpp"

namespace tools {

using Environment = nlohmann::ordered_json;

struct EnvironmentOptions {
  std::vector<std::string> command_line;
  absl::Time started;
  int threads = 1;             // compute threads
  std::string device = "cpu";  // of nets: DeviceText
};

// "cpu" for backends that compute there, else the GPU's description.
std::string DeviceText(const graph::Backend& backend);

// The commit is that of the source tree that `bazel run` names ($BUILD_WORKSPACE_DIRECTORY), with
// "-dirty" if its files were changed; without such a tree, what the program was built from
// (tools/version.h).
Environment DescribeEnvironment(const EnvironmentOptions& options);

// The text of the file. Bytes of a command line that are not UTF-8 become U+FFFD.
std::string EnvironmentText(const Environment& environment);

// Parses EnvironmentText's result, of which a checkpoint keeps a copy; null for any other text.
Environment ParseEnvironment(absl::string_view text);

// The differences between `then` and `now` that may affect the bits of a result: the device (where
// none is stated it was the CPU); unless both are GPUs, threads, instruction set and oneDNN's math
// mode (ONEDNN_DEFAULT_FPMATH_MODE); C++ and computing libraries, how pictures are resized and PNGs
// decoded, the program. One short phrase each: "threads: 8 then, 4 now". Two builds of the program
// with one hash are the same. A value that one of them lacks, or that is neither text nor a number,
// is skipped; a missing library, however, was "none".
std::vector<std::string> EnvironmentDifferences(const Environment& then, const Environment& now);

// The output of `git describe --always --dirty --abbrev=40` for the tree at `folder`; empty without
// git, without a repository there, and if git takes longer than 10 seconds.
std::string SourceCommit(const std::string& folder);

// 16 hexadecimal digits that identify the content of a file; empty if it cannot be read.
std::string FileHash(const std::string& path);

}  // namespace tools

#endif  // TOOLS_ENVIRONMENT_H_
