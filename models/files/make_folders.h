// Folders that are made on the way to what a program writes.
#ifndef MODELS_FILES_MAKE_FOLDERS_H_
#define MODELS_FILES_MAKE_FOLDERS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace models {

// That `folder` is one that may be written to, or that it and what is missing above it can be
// made. Touches nothing. Errors name the part of the path that is in the way: "FILE is a file,
// not a folder", "LINK is a link to nothing", "cannot write to FOLDER: REASON".
absl::Status CheckCanMake(const std::string& folder);

// Makes `folder` and those above it that are missing, and flushes their names to the disk.
// Returns those made, the highest first, for RemoveEmpty(). On an error nothing is left.
absl::StatusOr<std::vector<std::string>> MakeFolders(const std::string& folder);

// Removes those of `made` that are empty, the last first.
void RemoveEmpty(const std::vector<std::string>& made);

}  // namespace models

#endif  // MODELS_FILES_MAKE_FOLDERS_H_
