#include "models/training/screen_text.h"

#include <sys/ioctl.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace models {

int ScreenColumns(int fd) {
  winsize size = {};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? int{size.ws_col} : 80;
}

int TextColumns(int fd) { return std::min(ScreenColumns(fd), 100); }

int TextWidth(absl::string_view text) {
  return static_cast<int>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

void AppendWrapped(absl::string_view text, int indent, int columns, std::string* out) {
  int column = TextWidth(absl::string_view(*out).substr(out->rfind('\n') + 1));
  bool first = true;
  for (const absl::string_view word : absl::StrSplit(text, ' ')) {
    const int width = TextWidth(word);
    if (!first && column + 1 + width > columns) {
      absl::StrAppend(out, "\n", std::string(static_cast<size_t>(indent), ' '));
      column = indent;
    } else if (!first) {
      *out += ' ';
      ++column;
    }
    absl::StrAppend(out, word);
    column += width;
    first = false;
  }
  *out += '\n';
}

std::string WrappedLines(absl::string_view text, int columns) {
  std::string wrapped;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t blanks = std::min(line.find_first_not_of(' '), line.size());
    wrapped.append(blanks, ' ');
    AppendWrapped(line.substr(blanks), static_cast<int>(blanks), columns, &wrapped);
  }
  wrapped.pop_back();  // `text` may end within a line
  return wrapped;
}

}  // namespace models
