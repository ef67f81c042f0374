// What nets are compiled for.
#ifndef GRAPH_COMPILER_BACKEND_H_
#define GRAPH_COMPILER_BACKEND_H_

#include <functional>
#include <memory>
#include <string>

#include "graph/passes/pipeline.h"
#include "graph/runtime/device.h"
#include "graph/runtime/host_device.h"
#include "graph/runtime/kernel.h"

namespace graph {

// What a backend computes fast, or at all.
struct Capabilities {
  bool bf16_products = false;
  bool int8_products = false;  // else a net that asks for them is refused
  // Whole nets in bf16 are faster than in f32: bf16_products alone does not say so.
  bool fast_bf16_products = false;
};

// Kernels, the device whose memory they work in, and the passes that make of a net what the kernels
// do best. Operators that only these passes make are in the registry that the net is compiled with.
struct Backend {
  std::string name;         // "cpu", "reference"
  std::string description;  // "oneDNN 3.2, AVX-512 with BF16"; for the banner
  KernelTable kernels;
  std::shared_ptr<Device> device = MakeHostDevice();
  Capabilities capabilities;
  std::function<Lowering(const PipelineOptions&)> lowering = [](const PipelineOptions&) {
    return Lowering();
  };
  // Prepares nets that need at least as much memory as this one's, and faster, for who asks about
  // many nets; it computes nothing. Null: this one is fast enough.
  std::shared_ptr<const Backend> estimator;
};

}  // namespace graph

#endif  // GRAPH_COMPILER_BACKEND_H_
