// environment.json: what a run was computed by and on, so that its numbers can be
// understood later, and a resumed run can say what is not as it was.
//
//   {"started": "2026-01-31T12:00:00+00:00", "command_line": ["--model=..."],
//    "program": {"commit": "40 digits" or null, "hash": "16 digits", "compiler": "GCC 12.2.0"},
//    "cpu": {"model": "...", "cores": 8, "threads": 8, "instruction_set": "avx512_core_amx",
//            "math_mode": "strict"},
//    "memory_mib": 32000,
//    "system": {"os": "...", "kernel": "Linux 6.1.0 x86_64"},
//    "libraries": {"oneDNN": "3.2.0", "libpng": "16.39.0", ...},
//    "resizing": "as Pillow 13"}
//
// What the system does not say is null.
#ifndef TOOLS_ENVIRONMENT_H_
#define TOOLS_ENVIRONMENT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "nlohmann/json.hpp"

namespace tools {

using Environment = nlohmann::ordered_json;

struct EnvironmentOptions {
  std::vector<std::string> command_line;
  absl::Time started;
  int threads = 1;  // that compute
};

// The commit is that of the source tree that `bazel run` names ($BUILD_WORKSPACE_DIRECTORY),
// with "-dirty" where files of it were changed; started otherwise, or without git, the hash
// of the program's own file has to do. Libraries' versions are those that are loaded: what
// they say of themselves or, but for oneDNN and glibc, what their files' names end in.
Environment DescribeEnvironment(const EnvironmentOptions& options);

// As text, for the file. Bytes of a command line that are not UTF-8 become U+FFFD.
std::string EnvironmentText(const Environment& environment);

// What EnvironmentText wrote, of which a checkpoint keeps a copy; null for any other text.
Environment ParseEnvironment(absl::string_view text);

// What of `then` and `now` may make a difference to the bits of a result: threads,
// instruction set, oneDNN's math mode (ONEDNN_DEFAULT_FPMATH_MODE), C++ and computing libraries,
// how pictures are resized and PNGs decoded, the program. One short phrase each: "threads: 8 then,
// 4 now". Of two builds of the program those with one hash are the same. What one of them lacks or
// has as something else than text or a number is passed over, but for a library: it was "none".
std::vector<std::string> EnvironmentDifferences(const Environment& then, const Environment& now);

// What `git describe --always --dirty --abbrev=40` says of the tree at `folder`; empty without
// git, without a repository there, and where git takes longer than 10 seconds.
std::string SourceCommit(const std::string& folder);

// 16 hexadecimal digits that name the content of a file; empty where it cannot be read.
std::string FileHash(const std::string& path);

}  // namespace tools

#endif  // TOOLS_ENVIRONMENT_H_
