// A folder of files that takes the place of another, whole.
#ifndef MODELS_FILES_REPLACE_FOLDER_H_
#define MODELS_FILES_REPLACE_FOLDER_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/files/file_system.h"

namespace models {

// Where names cannot be exchanged, an earlier folder `path` is called path + this for a moment.
inline constexpr char kReplacedSuffix[] = ".replaced";

// Gives the folder `staging`, which lies beside `path` and is whole and flushed, the name
// `path`; a folder of that name goes. Where the file system can exchange two names, `path` is
// one of the two at every moment. Elsewhere it is missing for a moment, and PutBackReplaced()
// mends what a crash in that moment leaves.
// On an error `path` is one of the two, whole, and `staging` may be there still. Errors name
// `path`, and what the earlier one is called now where even its name could not be given back.
absl::Status ReplaceFolder(const std::string& staging, const std::string& path, FileSystem* files);

// For each NAME.replaced in `folder` where `is_ours(NAME)`: a NAME that is missing gets its name
// back, and where the new one is there, the replaced one goes. Best effort: what fails is tried
// again the next time. For who has the lock of the folder.
void PutBackReplaced(const std::string& folder, absl::FunctionRef<bool(absl::string_view)> is_ours,
                     FileSystem* files);

}  // namespace models

#endif  // MODELS_FILES_REPLACE_FOLDER_H_
