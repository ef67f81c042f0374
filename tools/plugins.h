// The only place that names the plugins: programs can build and run the core plus what plugins.cc
// adds to it. A new plugin is a line in each function.
#ifndef TOOLS_PLUGINS_H_
#define TOOLS_PLUGINS_H_

#include "absl/status/statusor.h"
#include "graph/runtime/kernel.h"
#include "graph/schema/schema.h"
#include "models/zoo/zoo.h"

namespace tools {

graph::SchemaRegistry MakeRegistry();
models::Zoo MakeZoo();
// The CPU backend on `threads` OpenMP threads (at least 1), for the calling thread. An error says
// why the threads are not available (backends/cpu/openmp.h).
absl::StatusOr<graph::Backend> MakeCpuBackend(int threads);

}  // namespace tools

#endif  // TOOLS_PLUGINS_H_
