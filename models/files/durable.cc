#include "models/files/durable.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"

namespace models {

struct FileWriter::Hash {
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  Hash() : state(XXH3_createState()) { XXH3_64bits_reset(state.get()); }
  std::unique_ptr<XXH3_state_t, Free> state;
};

absl::Status CannotWrite(const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
}

std::string HexText(uint64_t value) { return absl::StrFormat("%016x", value); }

FileSum SumOfBytes(absl::string_view bytes) {
  return {static_cast<int64_t>(bytes.size()), XXH3_64bits(bytes.data(), bytes.size())};
}

absl::StatusOr<FileSum> SumOfFile(const std::string& path) {
  const auto error = [&path] {
    return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", path));
  };
  const int fd = FileSystem::Real()->Open(path, O_RDONLY);
  if (fd < 0) return error();
  const std::unique_ptr<XXH3_state_t, void (*)(XXH3_state_t*)> hash(
      XXH3_createState(), [](XXH3_state_t* state) { XXH3_freeState(state); });
  XXH3_64bits_reset(hash.get());
  std::vector<char> piece(1 << 20);
  FileSum sum;
  while (true) {
    const ssize_t n = ::read(fd, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const absl::Status status = error();
      ::close(fd);
      return status;
    }
    if (n == 0) break;
    XXH3_64bits_update(hash.get(), piece.data(), static_cast<size_t>(n));
    sum.bytes += n;
  }
  ::close(fd);
  sum.xxh3 = XXH3_64bits_digest(hash.get());
  return sum;
}

FileWriter::FileWriter(std::string path, int fd, FileSystem* files)
    : path_(std::move(path)), fd_(fd), files_(files), hash_(std::make_unique<Hash>()) {}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      files_(other.files_),
      hash_(std::move(other.hash_)),
      bytes_(other.bytes_) {}

FileWriter::~FileWriter() {
  if (fd_ < 0) return;
  files_->Close(fd_);
  files_->Remove(path_);
}

absl::StatusOr<FileWriter> FileWriter::Create(const std::string& path, FileSystem* files) {
  const int fd = files->Open(path, O_WRONLY | O_CREAT | O_EXCL);
  if (fd < 0) return CannotWrite(path);
  return FileWriter(path, fd, files);
}

absl::Status FileWriter::Append(absl::string_view bytes) {
  XXH3_64bits_update(hash_->state.get(), bytes.data(), bytes.size());
  bytes_ += static_cast<int64_t>(bytes.size());
  while (!bytes.empty()) {
    const ssize_t n = files_->Write(fd_, bytes.data(), bytes.size());
    if (n < 0) return CannotWrite(path_);
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status FileWriter::Finish() {
  if (files_->Sync(fd_) != 0) return CannotWrite(path_);
  // Network file systems say only here that they could not keep what they took.
  if (files_->Close(std::exchange(fd_, -1)) != 0) {
    const absl::Status status = CannotWrite(path_);
    files_->Remove(path_);
    return status;
  }
  return absl::OkStatus();
}

FileSum FileWriter::sum() const { return {bytes_, XXH3_64bits_digest(hash_->state.get())}; }

absl::Status SyncFolder(const std::string& folder, FileSystem* files) {
  const int fd = files->Open(folder, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return CannotWrite(folder);
  const int failed = files->Sync(fd);
  const int error = errno;
  files->Close(fd);
  errno = error;
  return failed != 0 && error != EINVAL && error != ENOTSUP ? CannotWrite(folder)
                                                            : absl::OkStatus();
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::StatusOr<FileWriter> CreateBeside(const std::string& path, FileSystem* files) {
  for (int attempt = 0;; ++attempt) {
    auto writer = FileWriter::Create(absl::StrCat(path, ".tmp-", ::getpid(), "-", attempt), files);
    if (writer.ok() || errno != EEXIST || attempt > 1000) return writer;
  }
}

absl::Status Replace(FileWriter writer, const std::string& path, FileSystem* files) {
  RETURN_IF_ERROR(writer.Finish());
  if (files->Rename(writer.path(), path) != 0) {
    const absl::Status status = CannotWrite(path);
    files->Remove(writer.path());
    return status;
  }
  return SyncFolder(FolderOf(path), files);
}

absl::Status ReplaceFile(const std::string& path, absl::string_view bytes, FileSystem* files) {
  ASSIGN_OR_RETURN(FileWriter writer, CreateBeside(path, files));
  RETURN_IF_ERROR(writer.Append(bytes));
  return Replace(std::move(writer), path, files);
}

void RemoveFolder(const std::string& folder, FileSystem* files) {
  if (DIR* const open = ::opendir(folder.c_str()); open != nullptr) {
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(open)) names.push_back(entry->d_name);
    ::closedir(open);
    for (const std::string& name : names) {
      if (name != "." && name != "..") files->Remove(absl::StrCat(folder, "/", name));
    }
  }
  files->Remove(folder);
}

}  // namespace models
