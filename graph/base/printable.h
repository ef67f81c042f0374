// Makes text from files safe for a screen or a log: a name may hold anything, and a terminal
// executes the control sequences in it.
#ifndef GRAPH_BASE_PRINTABLE_H_
#define GRAPH_BASE_PRINTABLE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace graph {

// `text` with every byte that a terminal would obey or a reader could not see written as \xNN:
// control characters (U+0000 to U+001F, U+007F to U+009F), marks of writing direction, blanks that
// are invisible or look like a space (U+00A0, U+200B, U+FEFF), line ends (U+2028, U+2029), and
// invalid UTF-8.
std::string Printable(absl::string_view text);

// The same for whole lines: keeps tabs and newlines.
std::string PrintableLines(absl::string_view text);

}  // namespace graph

#endif  // GRAPH_BASE_PRINTABLE_H_
