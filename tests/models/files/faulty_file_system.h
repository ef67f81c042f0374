// A file system on which one call goes wrong.
#ifndef TESTS_MODELS_FILES_FAULTY_FILE_SYSTEM_H_
#define TESTS_MODELS_FILES_FAULTY_FILE_SYSTEM_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "models/files/file_system.h"

namespace models {

// Calls that change something are counted from 0; closing is not one of them. What worked is
// recorded, so that a test can ask what came before what. Not thread-safe.
class FaultyFileSystem : public FileSystem {
 public:
  enum class Fault {
    kOnce,      // this call fails, the next ones work
    kForGood,   // it and all after it that write or make something: a full disk
    kPowerOff,  // it and everything after it does nothing; half of what was not flushed is lost
  };
  // The `call`-th from now fails, with `error` as errno.
  void Break(int64_t call, Fault fault, int error);
  void Mend() { fault_at_ = -1; }
  int64_t calls() const { return calls_; }
  bool broken() const { return broken_; }  // the call has come

  // "make NAME", "create NAME", "write NAME", "flush NAME", "rename NAME" (the new one),
  // "remove NAME", "link NAME": names without their folders, a link with what it leads to. Writes
  // one after the other into one file are one.
  const std::vector<std::string>& done() const { return done_; }

  void set_free_bytes(int64_t bytes) { free_bytes_ = bytes; }
  // False: as on file systems that cannot.
  void set_exchanges(bool exchanges) { exchanges_ = exchanges; }

  int Open(const std::string& path, int flags) override;
  ssize_t Write(int fd, const void* data, size_t size) override;
  int Truncate(int fd, int64_t size) override;
  int Sync(int fd) override;
  int Close(int fd) override;
  int Rename(const std::string& from, const std::string& to) override;
  int Exchange(const std::string& a, const std::string& b) override;
  int MakeFolder(const std::string& path) override;
  int Remove(const std::string& path) override;
  int RemoveIn(int folder, const std::string& name) override;
  int Link(const std::string& target, const std::string& path) override;
  int64_t FreeBytes(const std::string& path) override;

 private:
  // Whether this call fails; errno is set then. `frees`: it needs no room.
  bool Fails(bool frees);
  void LosePower();
  int Done(int result, const char* what, const std::string& path);
  void Moved(const std::string& from, const std::string& to);

  int64_t calls_ = 0, fault_at_ = -1;
  Fault fault_ = Fault::kOnce;
  int error_ = 0;
  bool broken_ = false;
  int64_t free_bytes_ = -1;
  bool exchanges_ = true;
  std::vector<std::string> done_;
  std::map<int, std::string> open_;  // and not closed
  std::set<std::string> unflushed_;
  std::map<std::string, int64_t> flushed_;  // and how much of it, of files still open
};

}  // namespace models

#endif  // TESTS_MODELS_FILES_FAULTY_FILE_SYSTEM_H_
