// One declaration of an operator's use serves every test of it: shapes, each
// backend against the reference backend, in-place operands, threads, gradients.
#ifndef TESTS_HARNESS_OP_CASE_H_
#define TESTS_HARNESS_OP_CASE_H_

#include <string>
#include <vector>

#include "graph/ir/net.h"
#include "tests/harness/host_tensor.h"
#include "tests/harness/op_runner.h"

namespace harness {

struct CaseInput {
  graph::TensorType type;
  Generator generate;
  bool check_gradient = false;
};

struct OpCase {
  std::string type;
  graph::Attrs attrs;
  std::vector<CaseInput> inputs;
  std::vector<graph::TensorType> outputs;  // what shape inference must say
  // Outputs through which the loss of the gradient check goes, all at once.
  std::vector<int> gradient_of = {0};
  uint64_t seed = 1;
  // Equal parts of the last axis of output 0, like q, k and v of qkv, none of which may
  // be biased.
  int parts = 1;
};

// The inputs of a case, the same on every call.
std::vector<HostTensor> MakeInputs(const OpCase& c);

// Runs all of these, each failure a GoogleTest failure that names the backend:
//  - inferred types are `outputs`; with every float input (and "dtype" attribute)
//    turned into f64, the float outputs turn into f64;
//  - on each backend, at 1 to 4 threads: within tolerance.h of the reference
//    backend, and in bf16 without bias; every element written (outputs and scratch start as NaN);
//    nothing written elsewhere; bit-equal when run again and after the memory
//    has moved; nothing allocated when run again (allocation_counter.h), but by the reference
//    backend; the same for each in-place pair the schema allows, and for as
//    many of them at once as possible. In f64 too, where the backend has it, and a
//    case with bf16 only where it has that or the processor should (onednn.h); what
//    it lacks it must refuse by the operator's name and the type's;
//  - if an input has check_gradient: the schema's gradient, evaluated in f64 on
//    the reference backend, against central differences, for all such inputs
//    together and for each alone.
void RunCase(const OpCase& c);

// Only the second of these, on one backend, which need not be registered.
void RunCaseOn(const graph::Backend& backend, const OpCase& c);

// Expects shape inference to refuse the operator with a message that names it
// and contains `message`.
void ExpectRefused(const std::string& type, graph::Attrs attrs,
                   const std::vector<graph::TensorType>& inputs, const std::string& message);

// The outputs of one run on the reference backend; a failed test and no outputs
// where it fails.
std::vector<HostTensor> Reference(const std::string& type, graph::Attrs attrs,
                                  const std::vector<HostTensor>& inputs);

// The outputs of one run on `backend`; none where its processor lacks products in bf16 and the
// kernel wants them (`bf16`), and a failed test with none where it fails otherwise.
std::vector<HostTensor> RunIfAble(const graph::Backend& backend, const std::string& type,
                                  graph::Attrs attrs, const std::vector<HostTensor>& inputs,
                                  int threads, bool bf16);

// Expects each of `parts` parts of the last axis to be within kBiasBound, if it is bf16 and has
// kBiasElements elements.
void ExpectUnbiased(const HostTensor& actual, const HostTensor& expected, int parts = 1);

// Compares with the bound of tolerance.h's metric; NaN and infinities must be
// in the same places. Integers must be equal.
void ExpectClose(const HostTensor& actual, const HostTensor& expected, double bound);

}  // namespace harness

#endif  // TESTS_HARNESS_OP_CASE_H_
