// The one place that names the plugins: what a program can build and run is the
// core plus what plugins.cc adds to it. A new plugin is a line in each function, a new backend a
// branch of MakeBackend.
#ifndef TOOLS_PLUGINS_H_
#define TOOLS_PLUGINS_H_

#include "absl/status/statusor.h"
#include "graph/compiler/backend.h"
#include "graph/schema/schema.h"
#include "models/zoo/zoo.h"

namespace tools {

// With the operators that only a backend's passes make.
graph::SchemaRegistry MakeRegistry();
// With the operators that the passes of backend `name` ("cpu", "cuda", "reference") make, and of no
// other: what it needs kernels for.
graph::SchemaRegistry MakeRegistryOf(absl::string_view name);
// What //tools:train trains, what //tools:finetune does, and both, for programs that read either.
models::Zoo PretrainingZoo();
models::Zoo ClassifierZoo();
models::Zoo MakeZoo();
// Backend `name` of ChooseDevice (device.h): "cuda:N" (cuda_backend.h), or "cpu", on `threads` OpenMP
// threads (at least 1) for the calling thread. Where they cannot be had, an error that says why
// (backends/cpu/openmp.h). INVALID_ARGUMENT for other names; programs that check know "reference",
// too (reference_backend.h).
absl::StatusOr<graph::Backend> MakeBackend(absl::string_view name, int threads);

}  // namespace tools

#endif  // TOOLS_PLUGINS_H_
