#include "models/files/make_folders.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/files/durable.h"

namespace models {
namespace {

namespace fs = std::filesystem;

// The parent of `folder`; empty if it has none.
fs::path Above(const fs::path& folder) {
  const fs::path above = folder.parent_path();
  return above == folder ? fs::path() : above;
}

bool IsMissing(const fs::path& path) {
  std::error_code ignored;
  return fs::status(path, ignored).type() == fs::file_type::not_found;
}

}  // namespace

absl::Status CheckCanMake(const std::string& folder) {
  fs::path existing = folder;
  std::error_code error;
  for (; !existing.empty() && IsMissing(existing); existing = Above(existing)) {
    // Each name tried below would find the link again.
    if (fs::is_symlink(fs::symlink_status(existing, error))) {
      return graph::InvalidArgument(existing.string(), " is a link to nothing");
    }
  }
  if (existing.empty()) existing = ".";
  const auto type = fs::status(existing, error).type();
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("cannot use ", existing.string()));
  }
  if (type != fs::file_type::directory) {
    return graph::InvalidArgument(existing.string(), " is a file, not a folder");
  }
  if (::access(existing.c_str(), W_OK | X_OK) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot write to ", existing.string()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> MakeFolders(const std::string& folder) {
  std::vector<std::string> missing, made;
  for (fs::path path = folder; !path.empty() && IsMissing(path); path = Above(path)) {
    missing.push_back(path.string());
  }
  std::reverse(missing.begin(), missing.end());
  for (const std::string& path : missing) {
    std::error_code error;
    if (fs::create_directory(path, error)) made.push_back(path);
    absl::Status status =
        error ? absl::ErrnoToStatus(error.value(), absl::StrCat("cannot make the folder ", path))
              : SyncFolder(FolderOf(path), FileSystem::Real());
    // A folder that can be written but not read cannot be flushed either.
    if (status.ok() || (!error && absl::IsPermissionDenied(status))) continue;
    RemoveEmpty(made);
    return status;
  }
  return made;
}

void RemoveEmpty(const std::vector<std::string>& made) {
  std::error_code ignored;  // for example: not empty
  for (auto path = made.rbegin(); path != made.rend(); ++path) fs::remove(*path, ignored);
}

}  // namespace models
