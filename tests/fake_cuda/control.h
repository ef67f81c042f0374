// What tests say to the fake CUDA device and ask of it.
//
// //tests/fake_cuda:cudart and :cublaslt define the functions of cuda_runtime_api.h and cublasLt.h
// that the backend calls, and run them on host memory. Tests link them in place of libcudart and
// libcublasLt; the backend's objects are the same. Each rule quotes the header or manual that it is
// from: "CUDA" means the comments of cuda_runtime_api.h and driver_types.h, "Guide" the CUDA C++
// Programming Guide, "Sync" the page "API synchronization behavior" of the runtime's manual, "Lt"
// the comments of cublasLt.h. Where a document leaves a choice, the fake takes the one on which
// less can be relied: "may synchronize" does not.
//
// Every operation carries a clock of what has been waited for, by which tests/simt finds bytes that
// two streams, or two branches of a graph, share without an order.
#ifndef TESTS_FAKE_CUDA_CONTROL_H_
#define TESTS_FAKE_CUDA_CONTROL_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

struct CUgraph_st;  // CUDA's

namespace fake_cuda {

enum class Mode {
  kLate,   // work is done when somebody waits for it
  kEarly,  // before the call that starts it returns, where that is allowed
};
enum class Driver { kPresent, kTooOld, kNone };

struct Options {
  Mode mode = Mode::kLate;
  uint64_t seed = 0;  // of the order in which a graph's branches and waiting streams go
  Driver driver = Driver::kPresent;
  int devices = 1;
  int major = 9, minor = 0;                // of all devices
  size_t memory_bytes = size_t{80} << 30;  // of each
  size_t host_bytes = size_t{1} << 40;     // that can be page-locked
  bool cudnn = true;                       // libcudnn.so.9 can be loaded
  // Bits of cublasLtEpilogue_t for which cuBLASLt has no algorithm: "CUBLAS_STATUS_NOT_SUPPORTED if
  // no heuristic function available for current configuration" (Lt), which no document says ahead.
  uint32_t refused_epilogues = 0;
};

// As if the process had just begun, with such a machine; every test begins so. Work that nobody
// waited for is dropped; handles and memory stay until their owners free them.
void Reset(const Options& options = {});

// What went wrong since the last call, in order: findings of tests/simt, and misuse of the API. The
// fake has returned an error for each of them, or will at the next call.
std::vector<std::string> TakeFindings();

struct Counters {
  std::map<std::string, uint64_t> work;  // done, by name: kernels, "copy HtoD", "cublasLtMatmul"
  uint64_t host_waits = 0;               // calls in which the host waits for the device
  uint64_t graph_launches = 0;
  uint64_t unaligned_products = 0;  // done by the algorithm for rows that are no 16 bytes
};
// Since the last call.
Counters TakeCounters();

// What has been made and not yet destroyed.
struct Live {
  size_t allocations = 0, host_allocations = 0, streams = 0, events = 0, graphs = 0,
         executables = 0, cublaslt = 0;
  size_t total() const {
    return allocations + host_allocations + streams + events + graphs + executables + cublaslt;
  }
};
Live CountLive();

// Nodes of a captured graph, in order of capture: "name <- names of what it waits for".
std::vector<std::string> Describe(CUgraph_st* graph);

}  // namespace fake_cuda

#endif  // TESTS_FAKE_CUDA_CONTROL_H_
