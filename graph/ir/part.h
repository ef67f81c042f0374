// Places in a model, as operators carry them (Op::part): the scopes that something is
// built in, each with '/', and the path of the module, with '.', as in the names of
// parameters:
//
//   guide/blocks.3.mlp.fc1
//   scope block   module in it
//
// A word and a number are a block: one of a row of equal ones.
#ifndef GRAPH_IR_PART_H_
#define GRAPH_IR_PART_H_

#include "absl/strings/string_view.h"

namespace graph {

// Characters of a name, and neither empty nor with an empty step: "a//b", "/a", "a.".
bool IsValidPart(absl::string_view part);

// Whether `part` is `whole` or lies in it: "guide/blocks.3.mlp" in "guide",
// "guide/blocks.3" and "guide/blocks", not in "guide/blocks.3.m". Everything lies in "".
bool IsWithin(absl::string_view part, absl::string_view whole);

// The scopes and the block, "guide/blocks.3"; empty for what is in no block.
absl::string_view BlockOf(absl::string_view part);

}  // namespace graph

#endif  // GRAPH_IR_PART_H_
