// Kernels and the tables that hold them.
#ifndef GRAPH_RUNTIME_KERNEL_H_
#define GRAPH_RUNTIME_KERNEL_H_

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "graph/ir/net.h"
#include "graph/runtime/device.h"
#include "graph/runtime/fault.h"

namespace graph {

// Everything that is fixed when a kernel is made.
struct KernelSpec {
  const Op* op = nullptr;  // attributes; outlives the kernel's construction only
  std::vector<TensorType> inputs;
  std::vector<TensorType> outputs;
  int threads = 1;  // threads the kernel may use

  const TensorType& in(int i) const { return inputs[i]; }
  const TensorType& out(int i) const { return outputs[i]; }
};

// "MatMul 'blocks.0.fc1' (f32[8,17,128], f32[512,128]) -> (f32[8,17,512])".
std::string DescribeTypes(const KernelSpec& spec);

constexpr double kNoBound = std::numeric_limits<double>::infinity();

// OutOfRange: "Attention 'x': 'ids' i32[2,3] is 7 at element 4, and must be at least 0 and below
// 5". `blob` is the input, of type `type`.
absl::Status FaultError(const Fault& fault, const Op& op, absl::string_view blob,
                        const TensorType& type);

// Addresses on the device, fixed between two calls of Bind. Tensors are dense, row-major and
// aligned to Device::alignment. An output shares the memory of an input only where the schema
// allows it. Outputs hold garbage: a kernel writes every element unless it finds a fault.
struct KernelArgs {
  std::vector<const void*> inputs;
  std::vector<void*> outputs;
  void* scratch = nullptr;  // scratch_bytes(), aligned like tensors, garbage
  Stream stream = nullptr;  // where the kernel runs
  Fault* fault = nullptr;   // also on the device
  int op = 0;               // Fault::op of this kernel

  // For kernels on the host, from one thread at a time: reports that element `element` of input
  // `input` is `value`, outside [low, high).
  void ReportOutOfRange(int input, int64_t element, double value, double low, double high) const {
    if (fault->found == 0) *fault = {1, op, input, element, value, low, high};
  }
};

template <typename T>
const T* In(const KernelArgs& args, int i) {
  return static_cast<const T*>(args.inputs[i]);
}
template <typename T>
T* Out(const KernelArgs& args, int i) {
  return static_cast<T*>(args.outputs[i]);
}

// One operator for fixed shapes, dtypes and attributes. Construction is cheap and suffices for a
// plan; Prepare() makes what a run needs. Run() may be called any number of times after Bind(); it
// allocates nothing and looks nothing up. It returns errors of the machine only, such as a lack of
// memory; bad data is a fault, because a device finds it after Run() has returned. The net runs on
// after a fault, so a kernel checks every number that it uses as an address. One thread at a time
// may use a kernel.
class Kernel {
 public:
  virtual ~Kernel() = default;

  virtual size_t scratch_bytes() const { return 0; }
  // The implementation chosen, for profiles: "onednn:brg:avx512_core_amx". It begins with a name of
  // KernelTraits::implementations; empty for the only one called "own".
  virtual std::string implementation() const { return ""; }
  // Called once, before the first Bind: generates code, tunes plans. scratch_bytes() stays.
  virtual absl::Status Prepare() { return absl::OkStatus(); }
  // Called before the first Run and again whenever memory has moved. An override that
  // uses args() or scratch() calls Kernel::Bind first.
  virtual absl::Status Bind(const KernelArgs& args) {
    args_ = args;
    return absl::OkStatus();
  }
  virtual absl::Status Run() = 0;

 protected:
  template <typename T>
  const T* in(int i) const {
    return static_cast<const T*>(args_.inputs[i]);
  }
  template <typename T>
  T* out(int i) const {
    return static_cast<T*>(args_.outputs[i]);
  }
  void* scratch() const { return args_.scratch; }
  const KernelArgs& args() const { return args_; }

 private:
  KernelArgs args_;
};

// Makes a kernel, or says why this backend cannot run the operator with these
// types (Unimplemented). That answer *is* the support query; KernelTraits say what holds for every
// shape.
using KernelFactory =
    std::function<absl::StatusOr<std::unique_ptr<Kernel>>(const KernelSpec& spec)>;

// What is known of an operator's kernels before one is made.
struct KernelTraits {
  // What each float tensor may be. The factory refuses mixtures that it does not know.
  std::vector<DType> floats = {DType::kF32, DType::kF64, DType::kBF16};
  // Whose code computes, by shapes and machine: "own", or the name of a library.
  std::vector<std::string> implementations = {"own"};
};

// The kernels of one backend by operator type, filled by explicit lists
// (backends/<b>/kernel_table.cc and the plugins').
class KernelTable {
 public:
  // Aborts, naming the type, when it is taken. What Find gives answers Unimplemented, with the
  // operator and the type, for floats that `traits` do not have, and asks `factory` for all else.
  void Add(std::string op_type, KernelFactory factory, KernelTraits traits = {});
  const KernelFactory* Find(absl::string_view op_type) const;       // nullptr when unknown
  const KernelTraits* FindTraits(absl::string_view op_type) const;  // nullptr when unknown
  std::vector<std::string> Types() const;                           // sorted

 private:
  struct Entry {
    KernelFactory factory;
    KernelTraits traits;
  };
  std::map<std::string, Entry, std::less<>> entries_;
};

// Add kernels whose floats are f32, or each f32 or bf16.
void AddFloat32(KernelTable* table, std::string op_type, KernelFactory factory,
                std::vector<std::string> implementations = {"own"});
void AddFloat32OrBfloat16(KernelTable* table, std::string op_type, KernelFactory factory,
                          std::vector<std::string> implementations = {"own"});

}  // namespace graph

#endif  // GRAPH_RUNTIME_KERNEL_H_
