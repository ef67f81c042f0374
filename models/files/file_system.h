// The system calls by which a run changes the disk, so that a test can make any of them fail, or
// simulate a power failure between two of them.
//
// Reading is not here: files that are read are checked, whatever they hold.
#ifndef MODELS_FILES_FILE_SYSTEM_H_
#define MODELS_FILES_FILE_SYSTEM_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace models {

// Each function does what the system call beside it does and has the same result: -1 with errno if
// it fails. Calls interrupted by a signal are repeated. The class itself is the real file system.
// Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // The real file system; lives as long as the program.
  static FileSystem* Real();

  virtual int Open(const std::string& path, int flags);  // open, 0666, O_CLOEXEC
  virtual ssize_t Write(int fd, const void* data, size_t size);
  virtual int Truncate(int fd, int64_t size);  // ftruncate
  virtual int Sync(int fd);                    // fsync
  virtual int Close(int fd);
  virtual int Rename(const std::string& from, const std::string& to);
  virtual int Exchange(const std::string& a, const std::string& b);      // renameat2
  virtual int MakeFolder(const std::string& path);                       // mkdir, 0777
  virtual int Remove(const std::string& path);                           // unlink, or rmdir
  virtual int RemoveIn(int folder, const std::string& name);             // unlinkat, the same
  virtual int Link(const std::string& target, const std::string& path);  // symlink
  // Bytes that a program without privileges may still write at `path`; -1 if unknown, for example
  // on file systems that count no blocks (many in user space).
  virtual int64_t FreeBytes(const std::string& path);  // statvfs

  // Writes all of `bytes` with as many calls of Write() as that takes; -1 with errno. A Write()
  // that writes nothing becomes EIO, because retrying might never end.
  int WriteAll(int fd, absl::string_view bytes);
  // Sync() that also succeeds on file systems, pipes and devices that do not support it.
  int Flush(int fd);
};

}  // namespace models

#endif  // MODELS_FILES_FILE_SYSTEM_H_
