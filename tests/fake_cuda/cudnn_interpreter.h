// Executes a cuDNN graph on the host, from what cudnn_frontend's Graph::serialize says of it, be it
// validated only or planned. cuDNN itself is not faked: the real library plans and compiles the
// same graphs without a GPU (driver_double.cc).
#ifndef TESTS_FAKE_CUDA_CUDNN_INTERPRETER_H_
#define TESTS_FAKE_CUDA_CUDNN_INTERPRETER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace fake_cuda {

// `pointers` by uid, for every tensor that is not virtual and not passed by value. Sums in double,
// virtual tensors in f32, results rounded once. Knows MATMUL, POINTWISE, SDPA and SDPA_BWD
// over bf16 and f32; throws std::runtime_error for anything else, naming it. `touch`, if given, is
// told of all bytes that are read, before, and written, after: simt::Touch.
void ExecuteCudnnGraph(
    const std::string& json, const std::map<int64_t, void*>& pointers,
    const std::function<void(const void* p, size_t bytes, bool write)>& touch = nullptr);

}  // namespace fake_cuda

#endif  // TESTS_FAKE_CUDA_CUDNN_INTERPRETER_H_
