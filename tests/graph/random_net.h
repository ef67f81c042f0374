// Random nets, and when two nets are equal.
#ifndef TESTS_GRAPH_RANDOM_NET_H_
#define TESTS_GRAPH_RANDOM_NET_H_

#include <string>

#include "graph/ir/net.h"

namespace graph {

// A net of operators of ToyRegistry() that verifies, a function of `seed`: states
// read only, overwritten, and overwritten without being read; in-place pairs;
// attributes of every kind with extreme values; names that look like keywords.
Net RandomNet(uint64_t seed);

// Names what differs, ids apart, in "" nothing. NaN equals NaN and 0 differs
// from -0.
std::string Difference(const Net& a, const Net& b);

// `text` with a few characters dropped, doubled, swapped or replaced.
std::string Mutate(std::string text, uint64_t seed);

}  // namespace graph

#endif  // TESTS_GRAPH_RANDOM_NET_H_
