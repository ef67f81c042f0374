#include "models/files/replace_folder.h"

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/files/durable.h"

namespace models {
namespace {

namespace fs = std::filesystem;

bool IsThere(const std::string& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

absl::Status ReplaceInTwoSteps(const std::string& staging, const std::string& path,
                               FileSystem* files) {
  const std::string replaced = absl::StrCat(path, kReplacedSuffix);
  if (files->Rename(path, replaced) != 0) {
    if (errno == ENOTEMPTY || errno == EEXIST) return CannotWrite(replaced);
    return CannotWrite(path);
  }
  if (files->Rename(staging, path) != 0) {
    const absl::Status status = CannotWrite(path);
    if (files->Rename(replaced, path) == 0) return status;
    return absl::Status(status.code(), absl::StrCat(status.message(), "; what was there is now ",
                                                    "called ", replaced));
  }
  RETURN_IF_ERROR(SyncFolder(FolderOf(path), files));
  RemoveFolder(replaced, files);
  return absl::OkStatus();
}

}  // namespace

absl::Status ReplaceFolder(const std::string& staging, const std::string& path, FileSystem* files) {
  if (!IsThere(path)) {
    if (files->Rename(staging, path) != 0) return CannotWrite(path);
    return SyncFolder(FolderOf(path), files);
  }
  // The earlier folder then has the staging name.
  if (files->Exchange(staging, path) == 0) {
    RETURN_IF_ERROR(SyncFolder(FolderOf(path), files));
    RemoveFolder(staging, files);
    return absl::OkStatus();
  }
  if (errno != EINVAL && errno != ENOSYS && errno != ENOTSUP) return CannotWrite(path);
  return ReplaceInTwoSteps(staging, path, files);
}

void PutBackReplaced(const std::string& folder, absl::FunctionRef<bool(absl::string_view)> is_ours,
                     FileSystem* files) {
  for (const std::string& name : NamesIn(folder)) {
    absl::string_view earlier = name;
    if (!absl::ConsumeSuffix(&earlier, kReplacedSuffix) || !is_ours(earlier)) continue;
    const std::string path = (fs::path(folder) / std::string(earlier)).string();
    const std::string replaced = absl::StrCat(path, kReplacedSuffix);
    if (IsThere(path)) {
      RemoveFolder(replaced, files);
    } else {
      files->Rename(replaced, path);
    }
  }
}

}  // namespace models
