// Text that fits the screen it is written to.
#ifndef MODELS_TRAINING_SCREEN_TEXT_H_
#define MODELS_TRAINING_SCREEN_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace models {

// The width of the terminal behind the file descriptor `fd`; 80 if it is none, or reports no size
// (a serial line).
int ScreenColumns(int fd);
// The width of text to read, on that terminal: at most 100, because longer lines read badly.
int TextColumns(int fd);

// Columns that `text` takes: characters of UTF-8, each a column wide.
int TextWidth(absl::string_view text);

// Appends `text` and a line's end. The text goes on where `*out` ends; what does not fit `columns`
// follows in lines that begin with `indent` blanks. Only blanks are broken at, so that a number, a
// flag or a path stays whole, even one wider than a line.
void AppendWrapped(absl::string_view text, int indent, int columns, std::string* out);

// The lines of `text`, each of them wrapped if it is too long; it goes on below its first word.
std::string WrappedLines(absl::string_view text, int columns);

}  // namespace models

#endif  // MODELS_TRAINING_SCREEN_TEXT_H_
