// What the user types into a shell, for messages that say what to type next.
#ifndef MODELS_TRAINING_INVOCATION_H_
#define MODELS_TRAINING_INVOCATION_H_

#include <cstdlib>
#include <string>

namespace models {

// "bazel run //tools:replay --" for "replay"; "droppos replay" if ./droppos or a download of it
// runs us: it puts its own name into $DROPPOS_LAUNCHER.
inline std::string Invocation(const std::string& program) {
  const char* launcher = std::getenv("DROPPOS_LAUNCHER");
  if (launcher == nullptr) return "bazel run //tools:" + program + " --";
  return std::string(launcher) + " " + program;
}

// `path` as one word of a shell: "'runs/my cats'".
inline std::string ShellWord(const std::string& path) {
  constexpr char kPlain[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:,@%";
  if (!path.empty() && path.find_first_not_of(kPlain) == std::string::npos) return path;
  std::string quoted = "'";
  for (const char c : path) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace models

#endif  // MODELS_TRAINING_INVOCATION_H_
