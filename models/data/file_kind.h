// What a file that is no picture of ours is instead, for messages.
#ifndef MODELS_DATA_FILE_KIND_H_
#define MODELS_DATA_FILE_KIND_H_

#include <string>

#include "absl/strings/string_view.h"

namespace models {

struct FileKind {
  std::string name;  // "a GIF picture"
  std::string hint;  // what to do with a file of that kind among the pictures
};

// By the first bytes of `bytes`, which is the whole file. The name is empty where nothing is
// known about them.
FileKind KindOfFile(absl::string_view bytes);

}  // namespace models

#endif  // MODELS_DATA_FILE_KIND_H_
