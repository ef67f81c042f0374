// Who may include whom: the arrows of docs/architecture.md.
#ifndef TESTS_STRUCTURE_INCLUDE_RULES_H_
#define TESTS_STRUCTURE_INCLUDE_RULES_H_

#include "tests/structure/source_tree.h"

namespace structure {

// Folders of our own against each other: layers point down, backends never see
// each other, plugins are seen by their own folders and by those that name them.
Findings CheckIncludeDirections(const Tree& tree);

// Kernels of backends/cuda (x.cu.cc) and all headers of that folder that they include, one way or
// another, include no others of ours but graph/runtime/fault.h: nvcc compiles them, and the
// emulator of tests, neither of which should see the engine.
Findings CheckKernelsSeeNoEngine(const Tree& tree);

// A library of others appears only where its table row says.
Findings CheckVendorHeaders(const Tree& tree);

// What files include and BUILD files depend on is in the tree: otherwise whole
// packages would escape all the other rules.
Findings CheckTreeIsWhole(const Tree& tree);

}  // namespace structure

#endif  // TESTS_STRUCTURE_INCLUDE_RULES_H_
