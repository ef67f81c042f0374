// Makes text from a file or a command line fit for a message.
#ifndef GRAPH_BASE_QUOTED_H_
#define GRAPH_BASE_QUOTED_H_

#include <string>

#include "absl/strings/string_view.h"

namespace graph {

// The first 100 bytes of `text`, and "..." if there are more: input of any length leaves the
// message readable.
std::string Shortened(absl::string_view text);

// The same in single quotes, escaped by Printable().
std::string Quoted(absl::string_view text);

}  // namespace graph

#endif  // GRAPH_BASE_QUOTED_H_
