// What //tools:op_report prints: whose kernels a backend has for each operator, by element type.
#ifndef TOOLS_OPERATOR_REPORT_H_
#define TOOLS_OPERATOR_REPORT_H_

#include <string>
#include <vector>

#include "absl/types/span.h"
#include "graph/base/types.h"
#include "graph/compiler/backend.h"
#include "graph/schema/schema.h"

namespace tools {

// One operator in one float type on one backend.
struct OperatorSupport {
  std::string op;       // "MatMul"
  std::string backend;  // "cuda"
  graph::DType dtype = graph::DType::kF32;
  bool needed = false;  // nets have the operator in this type
  std::vector<std::string> implementations;  // KernelTraits'; empty: there is no kernel

  bool missing() const { return needed && implementations.empty(); }
};

// Each operator of `registry`, which knows those that a net on `backend` may have
// (MakeRegistryOf), in f32 and in bf16. Every operator is needed in f32, and in bf16 those to which
// the mixed_precision pass may give it. No kernel is made: `backend` need have no device.
std::vector<OperatorSupport> ListSupport(const graph::SchemaRegistry& registry,
                                         const graph::Backend& backend);

// A row an operator, a column a backend and type: implementations, "MISSING", "-" where nets have
// no such type, blank where the backend's nets have no such operator.
std::string SupportTable(absl::Span<const OperatorSupport> all);
// A line for each that is missing: "cuda: no kernel for Gelu in bf16".
std::string MissingText(absl::Span<const OperatorSupport> all);
// A line: {"kernels": [{"operator": "Gelu", "backend": "cuda", "dtype": "f32", "needed": true,
// "implementations": ["own"]}, ...]}.
std::string SupportJson(absl::Span<const OperatorSupport> all);

}  // namespace tools

#endif  // TOOLS_OPERATOR_REPORT_H_
