// Rules for single files.
#ifndef TESTS_STRUCTURE_FILE_RULES_H_
#define TESTS_STRUCTURE_FILE_RULES_H_

#include "tests/structure/source_tree.h"

namespace structure {

inline constexpr size_t kMaxLines = 800;
inline constexpr size_t kLongLines = 400;

// ops/layer_norm.h has #ifndef and #define of OPS_LAYER_NORM_H_ before anything else.
Findings CheckHeaderGuards(const Tree& tree);

// Code files have at most kMaxLines lines.
Findings CheckSizes(const Tree& tree);
// Files over kLongLines lines: not wrong, but perhaps two things in one file.
Findings LongFiles(const Tree& tree);

// There are no files of another build system, and no mention of it in scripts and code.
Findings CheckOneBuildSystem(const Tree& tree);

// No file has absolute paths of the machine or home folder on which it was written.
Findings CheckNoMachinePaths(const Tree& tree);

// The time of day is for dates only: a duration measured with it is wrong when the clock is set.
// The rule lists the files that write dates.
Findings CheckTimeOfDay(const Tree& tree);

// Assembly of GPUs stands in backends/cuda/device.h alone: the emulator that runs kernels in tests
// cannot see it.
Findings CheckPtx(const Tree& tree);

// Each tests/**/x_test.{cc,sh} is a source of a test in its folder, so that it runs.
Findings CheckTestsRun(const Tree& tree);

}  // namespace structure

#endif  // TESTS_STRUCTURE_FILE_RULES_H_
