// Commands in messages, to be pasted into a shell.
#ifndef GRAPH_BASE_SHELL_WORD_H_
#define GRAPH_BASE_SHELL_WORD_H_

#include <string>

namespace graph {

// `path` as one word of a shell: "'runs/my cats'".
inline std::string ShellWord(const std::string& path) {
  constexpr char kPlain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:,@%";
  if (!path.empty() && path.find_first_not_of(kPlain) == std::string::npos) return path;
  std::string quoted = "'";
  for (const char c : path) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace graph

#endif  // GRAPH_BASE_SHELL_WORD_H_
