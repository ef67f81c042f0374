// Operators, their kernels and their tests: same stem, fixed folders, complete tables.
#ifndef TESTS_STRUCTURE_TABLE_RULES_H_
#define TESTS_STRUCTURE_TABLE_RULES_H_

#include <string>
#include <vector>

#include "tests/structure/source_tree.h"

namespace structure {

// ops/x.{h,cc} that registers operators has backends/{reference,cpu,cuda}/x.cc and
// tests/ops/x_test.cc, and a backend's file that registers kernels belongs to an
// operator, whose name its function has; the same for ops/droppos and, with
// backends/reference/cpu and without cuda, for backends/cpu/ops.
Findings CheckSameStems(const Tree& tree);

// Each Register function of schemas declared in a header stands in the ops.bzl of its folder, from
// which all tables are made, beside the header's stem.
Findings CheckOpsAreListed(const Tree& tree);

// Each operator type with a schema has a kernel and the other way round.
Findings CheckKernels(const std::vector<std::string>& schema_types, const std::string& backend,
                      const std::vector<std::string>& kernel_types);

}  // namespace structure

#endif  // TESTS_STRUCTURE_TABLE_RULES_H_
