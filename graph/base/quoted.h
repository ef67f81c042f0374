// Text from a file or a command line, fit for a message.
#ifndef GRAPH_BASE_QUOTED_H_
#define GRAPH_BASE_QUOTED_H_

#include <string>

#include "absl/strings/string_view.h"

namespace graph {

// The first 100 bytes of `text`, and "..." where there are more. Whoever wrote the text may
// have made it as long as they liked; a message stays one that can be read.
std::string Shortened(absl::string_view text);

// The same in single quotes, as Printable() shows it.
std::string Quoted(absl::string_view text);

}  // namespace graph

#endif  // GRAPH_BASE_QUOTED_H_
