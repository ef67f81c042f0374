// Places in a model, as operators carry them (Op::part): the scopes in which something is
// built, each followed by '/', then the path of the module with '.', as in parameter names:
//
//   guide/blocks.3.mlp.fc1
//   scope block   module in it
//
// A word and a number name a block, one of a row of equal ones.
#ifndef GRAPH_IR_PART_H_
#define GRAPH_IR_PART_H_

#include "absl/strings/string_view.h"

namespace graph {

// Whether `part` has only characters of a name, is not empty and has no empty step ("a//b", "/a",
// "a.").
bool IsValidPart(absl::string_view part);

// Whether `part` is `whole` or lies in it: "guide/blocks.3.mlp" in "guide",
// "guide/blocks.3" and "guide/blocks", not in "guide/blocks.3.m". Everything lies in "".
bool IsWithin(absl::string_view part, absl::string_view whole);

// The scopes and the block, "guide/blocks.3"; empty if `part` is in no block.
absl::string_view BlockOf(absl::string_view part);

}  // namespace graph

#endif  // GRAPH_IR_PART_H_
