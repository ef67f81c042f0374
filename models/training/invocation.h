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

}  // namespace models

#endif  // MODELS_TRAINING_INVOCATION_H_
