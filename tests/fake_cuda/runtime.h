// The fake CUDA runtime: cudart.cc and cublaslt.cc define the functions of cuda_runtime_api.h and
// cublasLt.h that the backend calls, and run them on host memory. Tests link them in place of
// libcudart and libcublasLt; the backend's objects are the same.
//
// Work is done as late as the API allows (Mode::kLate: when somebody waits for it) or as early
// (kEarly). Every operation carries a clock of what has been waited for, by which memory.h finds
// bytes that two streams, or two branches of a graph, share without an order.
#ifndef FAKE_RUNTIME_H_
#define FAKE_RUNTIME_H_

#include <cuda_runtime_api.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/simt/memory.h"

namespace fake {

enum class Mode { kLate, kEarly };
// Back to a new device of `memory_bytes`; nothing may be pending. `seed`: of the order in which
// a graph's branches and waiting streams go.
void Reset(Mode mode, uint64_t seed = 0, size_t memory_bytes = size_t{80} << 30);

// What went wrong since the last call, in order: findings of memory.h, and misuse of the API.
// The runtime has returned an error for each of them, now or at a later call.
std::vector<std::string> TakeFindings();
// Misuse that CUDA need not notice.
void Misuse(const std::string& what);

// Puts work into a stream, or into the graph that it is captured into. `run` is called within an
// operation of memory.h and may throw a simt::Finding.
cudaError_t Enqueue(cudaStream_t stream, const std::string& name, std::function<void()> run);

// Nodes of a captured graph, in order of capture: "name <- names of what it waits for".
std::vector<std::string> Describe(cudaGraph_t graph);

}  // namespace fake

#endif  // FAKE_RUNTIME_H_
