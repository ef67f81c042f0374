// Replaces one folder of files by another, whole.
#ifndef MODELS_FILES_REPLACE_FOLDER_H_
#define MODELS_FILES_REPLACE_FOLDER_H_

#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/files/file_system.h"

namespace models {

// If names cannot be exchanged, an earlier folder `path` is briefly called path + this.
inline constexpr char kReplacedSuffix[] = ".replaced";

// Renames the folder `staging`, which is beside `path`, complete and flushed, to `path`, replacing
// any folder of that name. If the file system cannot exchange two names, `path` is missing for a
// moment, and PutBackReplaced() repairs what a crash in it leaves. On an error `path` is one of the
// two, whole, and `staging` may still exist. Errors name `path`, and the earlier folder's current
// name if it could not be renamed back.
absl::Status ReplaceFolder(const std::string& staging, const std::string& path, FileSystem* files);

// Handles each NAME.replaced in `folder` with `is_ours(NAME)`: if NAME is missing, renames it back;
// otherwise removes it. Best effort: failures are retried the next time. The caller holds the lock
// of the folder.
void PutBackReplaced(const std::string& folder, absl::FunctionRef<bool(absl::string_view)> is_ours,
                     FileSystem* files);

}  // namespace models

#endif  // MODELS_FILES_REPLACE_FOLDER_H_
