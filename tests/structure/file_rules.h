// Rules for single files.
#ifndef TESTS_STRUCTURE_FILE_RULES_H_
#define TESTS_STRUCTURE_FILE_RULES_H_

#include "tests/structure/source_tree.h"

namespace structure {

inline constexpr size_t kMaxLines = 800;
inline constexpr size_t kLongLines = 400;

// #ifndef and #define of OPS_LAYER_NORM_H_ in ops/layer_norm.h, before anything else.
Findings CheckHeaderGuards(const Tree& tree);

// Code of at most kMaxLines lines.
Findings CheckSizes(const Tree& tree);
// Not wrong, but perhaps two things in one file: over kLongLines lines.
Findings LongFiles(const Tree& tree);

// No files of another build system, and no word of it in scripts and code.
Findings CheckOneBuildSystem(const Tree& tree);

// No absolute paths of the machine or the home folder a file was written on.
Findings CheckNoMachinePaths(const Tree& tree);

// The time of day is for dates alone: who measures with it is wrong by a day when somebody sets
// the clock. Files that write dates are listed in the rule.
Findings CheckTimeOfDay(const Tree& tree);

// Each tests/**/x_test.{cc,sh} is a source of a test of its folder, so that it runs.
Findings CheckTestsRun(const Tree& tree);

}  // namespace structure

#endif  // TESTS_STRUCTURE_FILE_RULES_H_
