// Text from files, made fit for a screen or a log: a name may hold anything, and a terminal
// obeys what it is told.
#ifndef GRAPH_BASE_PRINTABLE_H_
#define GRAPH_BASE_PRINTABLE_H_

#include <string>

#include "absl/strings/string_view.h"

namespace graph {

// `text` with the bytes that a terminal would obey or a reader could not see as \xNN: control
// characters (U+0000 to U+001F, U+007F to U+009F), those that turn the direction of writing, blanks
// that look like none or like others (U+00A0, U+200B, U+FEFF), ends of lines (U+2028, U+2029), and
// what is no UTF-8.
std::string Printable(absl::string_view text);

// The same of whole lines: tabs and ends of lines stay.
std::string PrintableLines(absl::string_view text);

}  // namespace graph

#endif  // GRAPH_BASE_PRINTABLE_H_
