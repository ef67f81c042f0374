// Draws a profile on a picture of the net.
#ifndef TOOLS_PROFILE_GRAPH_SVG_H_
#define TOOLS_PROFILE_GRAPH_SVG_H_

#include <string>

#include "tools/profile/profiler.h"

namespace tools {

// An SVG, drawn without Graphviz: forward pass on the left, the guide's beside it, backward pass on
// the right (upwards, each part beside its forward part), the optimizer below. A box is a part of
// the model. Repeated blocks share one box; a line in a box is an operator, summed over the blocks
// and shaded by its share of the step. Tooltips show calls, times and rates. With accumulation the
// times are summed over the window's nets and the arrows are the last net's.
std::string GraphSvg(const Profile& profile);

}  // namespace tools

#endif  // TOOLS_PROFILE_GRAPH_SVG_H_
