#include "models/files/durable.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "models/files/input_file.h"

namespace models {

class Summer {
 public:
  Summer() { XXH3_64bits_reset(state_.get()); }
  void Add(absl::string_view bytes) {
    XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
    bytes_ += static_cast<int64_t>(bytes.size());
  }
  FileSum sum() const { return {bytes_, XXH3_64bits_digest(state_.get())}; }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_{XXH3_createState()};
  int64_t bytes_ = 0;
};

absl::Status CannotWrite(const std::string& path) {
  return absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
}

std::string HexText(uint64_t value) { return absl::StrFormat("%016x", value); }

FileSum SumOfBytes(absl::string_view bytes) {
  return {static_cast<int64_t>(bytes.size()), XXH3_64bits(bytes.data(), bytes.size())};
}

absl::StatusOr<FileSum> SumOfFile(const std::string& path) {
  ASSIGN_OR_RETURN(const InputFile file, InputFile::Open(path));
  std::vector<char> piece(1 << 20);
  Summer summer;
  while (true) {
    ASSIGN_OR_RETURN(const size_t n, file.ReadAt(summer.sum().bytes, absl::MakeSpan(piece)));
    if (n == 0) return summer.sum();
    summer.Add({piece.data(), n});
  }
}

absl::Status CheckSum(const std::string& path, const FileSum& sum) {
  const absl::StatusOr<InputFile> file = InputFile::Open(path);
  RETURN_IF_ERROR(file.status());
  if (file->bytes() != sum.bytes) {
    return absl::DataLossError(absl::StrCat(path, " is not what was written: it has ",
                                            file->bytes(), " bytes instead of ", sum.bytes));
  }
  ASSIGN_OR_RETURN(const FileSum found, SumOfFile(path));
  if (found == sum) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(path, " is not what was written: its sum is ",
                                          HexText(found.xxh3), " instead of ", HexText(sum.xxh3)));
}

FileWriter::FileWriter(std::string path, int fd, FileSystem* files)
    : path_(std::move(path)), fd_(fd), files_(files), summer_(std::make_unique<Summer>()) {}

FileWriter::FileWriter(FileWriter&& other) noexcept
    : path_(std::move(other.path_)),
      fd_(std::exchange(other.fd_, -1)),
      files_(other.files_),
      summer_(std::move(other.summer_)) {}

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
  summer_->Add(bytes);
  return files_->WriteAll(fd_, bytes) == 0 ? absl::OkStatus() : CannotWrite(path_);
}

absl::Status FileWriter::Finish() {
  if (files_->Flush(fd_) != 0) return CannotWrite(path_);
  // Network file systems report only here that they could not store data they had accepted.
  if (files_->Close(std::exchange(fd_, -1)) != 0) {
    const absl::Status status = CannotWrite(path_);
    files_->Remove(path_);
    return status;
  }
  return absl::OkStatus();
}

FileSum FileWriter::sum() const { return summer_->sum(); }

absl::Status SyncFolder(const std::string& folder, FileSystem* files) {
  const int fd = files->Open(folder, O_RDONLY | O_DIRECTORY);
  if (fd < 0) return CannotWrite(folder);
  const absl::Status status = files->Flush(fd) == 0 ? absl::OkStatus() : CannotWrite(folder);
  files->Close(fd);
  return status;
}

std::string FolderOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

std::vector<std::string> NamesIn(const std::string& folder, std::error_code* error) {
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    names.push_back(entry->path().filename().string());
  }
  if (error != nullptr) *error = failed;
  return names;
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

absl::Status CopyFile(const std::string& from, int64_t most, const std::string& to,
                      FileSystem* files) {
  ASSIGN_OR_RETURN(const InputFile source, InputFile::Open(from));
  ASSIGN_OR_RETURN(FileWriter copy, CreateBeside(to, files));
  std::vector<char> piece(1 << 20);
  for (int64_t done = 0; done < most;) {
    const size_t wanted = std::min(piece.size(), static_cast<size_t>(most - done));
    ASSIGN_OR_RETURN(const size_t n, source.ReadAt(done, absl::MakeSpan(piece.data(), wanted)));
    if (n == 0) break;
    RETURN_IF_ERROR(copy.Append({piece.data(), n}));
    done += static_cast<int64_t>(n);
  }
  return Replace(std::move(copy), to, files);
}

absl::Status CheckRoom(absl::string_view what, int64_t bytes, const std::string& folder,
                       FileSystem* files) {
  constexpr int64_t kFew = 4 << 20;
  if (bytes <= kFew) return absl::OkStatus();
  const int64_t needed = bytes + kFew;  // headers, and the growth of logs meanwhile
  const int64_t free = files->FreeBytes(folder);
  if (free < 0 || free >= needed) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrFormat("%s needs %d MiB and %s has %d MiB free",
                                                      what, needed >> 20, folder, free >> 20));
}

void RemoveFolder(const std::string& folder, FileSystem* files) {
  const int fd = files->Open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (DIR* const open = fd < 0 ? nullptr : ::fdopendir(fd); open != nullptr) {
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(open)) names.push_back(entry->d_name);
    for (const std::string& name : names) {
      if (name != "." && name != "..") files->RemoveIn(fd, name);
    }
    ::closedir(open);
  }
  files->Remove(folder);
}

}  // namespace models
