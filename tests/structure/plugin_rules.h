// Plugins stay where they are: the engine and the tools work for any of them.
#ifndef TESTS_STRUCTURE_PLUGIN_RULES_H_
#define TESTS_STRUCTURE_PLUGIN_RULES_H_

#include "tests/structure/source_tree.h"

namespace structure {

// The engine never says "DropPos", in whatever case.
Findings CheckEngineNamesNoPlugin(const Tree& tree);

// What a plugin is made of (the classes and draws that the headers of its folders define, the
// flags of its options) is named in its folders, in tests, and in the few places that are listed
// in the rule. A plugin is what has a folder below ops/.
Findings CheckPluginConceptsStayInside(const Tree& tree);

}  // namespace structure

#endif  // TESTS_STRUCTURE_PLUGIN_RULES_H_
