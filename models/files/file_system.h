// The system calls by which a run changes what is on the disk, so that a test can
// have any of them fail, or have the power go off between two of them.
//
// Reading is not here: a file that is read is checked, whatever it holds.
#ifndef MODELS_FILES_FILE_SYSTEM_H_
#define MODELS_FILES_FILE_SYSTEM_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace models {

// Every function does what the system call named beside it does and returns what that
// returns, -1 with errno where it fails; calls that a signal interrupts are repeated.
// The class itself is the real file system. Thread-safe.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  // The real one; lives as long as the program.
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
  // What a program without privileges may still write where `path` is; -1, also where the
  // file system counts no blocks (many in user space): nobody knows until it is tried.
  virtual int64_t FreeBytes(const std::string& path);  // statvfs

  // All of `bytes`, by Write() as often as that takes; -1 with errno. A Write() that takes
  // nothing is EIO: trying again might never end.
  int WriteAll(int fd, absl::string_view bytes);
  // Sync() that forgives a file system, pipe or device that has no such thing: what is there is
  // as safe as it can be.
  int Flush(int fd);
};

}  // namespace models

#endif  // MODELS_FILES_FILE_SYSTEM_H_
