#include "models/data/tar_index.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"

namespace models {
namespace {

constexpr int64_t kMaxText = 4096;
constexpr size_t kBlock = size_t{1} << 16;
constexpr int64_t kTarBlock = 512;

double Gib(int64_t bytes) { return static_cast<double>(bytes) / (int64_t{1} << 30); }

struct ArchiveFreer {
  void operator()(struct archive* a) const { archive_read_free(a); }
};
using Archive = std::unique_ptr<struct archive, ArchiveFreer>;

std::string Reason(struct archive* a) {
  const char* text = archive_error_string(a);
  return text == nullptr ? "damaged data" : text;
}

// A stretch of a file, as libarchive asks for it.
struct Source {
  int file;
  int64_t base, size;
  int64_t at = 0;
  std::string buffer;
};

la_ssize_t ReadSource(struct archive* a, void* data, const void** bytes) {
  auto* source = static_cast<Source*>(data);
  const size_t wanted = static_cast<size_t>(std::min<int64_t>(kBlock, source->size - source->at));
  source->buffer.resize(kBlock);
  ssize_t n;
  do {
    n = ::pread(source->file, &source->buffer[0], wanted, source->base + source->at);
  } while (n < 0 && errno == EINTR);
  if (n < 0) {
    archive_set_error(a, errno, "cannot be read");
    return ARCHIVE_FATAL;
  }
  source->at += n;
  *bytes = source->buffer.data();
  return n;
}

la_int64_t SkipSource(struct archive*, void* data, la_int64_t count) {
  auto* source = static_cast<Source*>(data);
  const int64_t skipped = std::min<int64_t>(count, source->size - source->at);
  source->at += skipped;
  return skipped;
}

std::string PathOf(struct archive_entry* entry) {
  // Names in an archive are bytes; the second way is for those that libarchive has only
  // as UTF-8, because the program's locale is "C".
  if (const char* path = archive_entry_pathname(entry)) return path;
  if (const char* path = archive_entry_pathname_utf8(entry)) return path;
  return "";
}

}  // namespace

absl::StatusOr<TarIndex> IndexTar(int file, int64_t base, int64_t size,
                                  const std::function<bool(absl::string_view path)>& wants_text) {
  if (size == 0) return graph::InvalidArgument("is empty");
  const Archive a(archive_read_new());
  if (a == nullptr) return absl::ResourceExhaustedError("no memory to read the archive");
  archive_read_support_format_tar(a.get());
  Source source = {file, base, size, 0, ""};
  archive_read_set_skip_callback(a.get(), &SkipSource);
  archive_read_set_read_callback(a.get(), &ReadSource);
  archive_read_set_callback_data(a.get(), &source);
  if (archive_read_open1(a.get()) != ARCHIVE_OK) {
    return graph::InvalidArgument("is no tar archive: ", Reason(a.get()));
  }
  TarIndex index;
  int64_t end = 0;  // of the last member, padded
  while (true) {
    struct archive_entry* entry = nullptr;
    const int result = archive_read_next_header(a.get(), &entry);
    if (result == ARCHIVE_EOF) break;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
      if (end == 0) return graph::InvalidArgument("is no tar archive: ", Reason(a.get()));
      index.broken = Reason(a.get());
      return index;
    }
    TarMember member;
    member.path = PathOf(entry);
    member.offset = archive_filter_bytes(a.get(), 0);
    const bool regular =
        archive_entry_filetype(entry) == AE_IFREG && archive_entry_hardlink(entry) == nullptr;
    member.size = regular ? archive_entry_size(entry) : 0;
    // A damaged header may hold any number.
    if (member.size < 0 || member.size > std::numeric_limits<int64_t>::max() / 2) {
      member.broken = absl::StrCat("claims ", member.size, " bytes");
      index.broken = "a header is damaged";
      index.members.push_back(std::move(member));
      return index;
    }
    end = member.offset + (member.size + kTarBlock - 1) / kTarBlock * kTarBlock;
    if (!regular) continue;
    if (archive_entry_sparse_count(entry) > 0) {
      member.broken = "is stored as a sparse file; write the archive without --sparse";
      end = member.offset;
    } else if (member.offset + member.size > size) {
      member.broken =
          absl::StrCat("the archive ends after ", std::max<int64_t>(0, size - member.offset),
                       " of its ", member.size, " bytes");
      index.broken = "it is truncated";
      index.members.push_back(std::move(member));
      return index;
    } else if (member.size <= kMaxText && wants_text(member.path)) {
      auto text = ReadAt(file, base + member.offset, member.size, member.path);
      if (text.ok()) {
        member.text = *std::move(text);
      } else {
        member.broken = std::string(text.status().message());
      }
    }
    index.members.push_back(std::move(member));
  }
  if (end == 0 && size % kTarBlock != 0) return graph::InvalidArgument("is no tar archive");
  index.end_mark = end < size;
  return index;
}

absl::StatusOr<std::unique_ptr<SpoolFile>> SpoolFile::Create() {
  const char* given = std::getenv("TMPDIR");
  const std::string folder = given == nullptr || *given == '\0' ? "/tmp" : given;
  std::string path = JoinPath(folder, "droppos-shards-XXXXXX");
  const int file = ::mkostemp(&path[0], O_CLOEXEC);
  if (file < 0) {
    const absl::Status status = ErrnoStatus("write a temporary file into", folder, errno);
    return absl::Status(status.code(), absl::StrCat(status.message(),
                                                    "; set TMPDIR to a folder with room for the "
                                                    "unpacked shards, or unpack them with gunzip"));
  }
  ::unlink(path.c_str());
  return std::unique_ptr<SpoolFile>(new SpoolFile(file, folder));
}

SpoolFile::~SpoolFile() { ::close(file_); }

absl::Status SpoolFile::Full(const std::string& reason) const {
  return absl::ResourceExhaustedError(absl::StrCat(reason,
                                                   "; set TMPDIR to a folder with more room than ",
                                                   folder_, ", or unpack the shards with gunzip"));
}

// zlib's own reader: it checks the checksum and, where the file breaks off, still gives
// every byte before that.
absl::StatusOr<SpoolFile::Piece> SpoolFile::Unpack(const std::string& path) {
  struct Closer {
    void operator()(gzFile file) const { gzclose(file); }
  };
  const std::unique_ptr<std::remove_pointer_t<gzFile>, Closer> in(gzopen(path.c_str(), "rbe"));
  if (in == nullptr) return ErrnoStatus("read", path, errno);
  gzbuffer(in.get(), 2 * kBlock);
  Piece piece;
  piece.base = size_;
  std::vector<char> buffer(4 * kBlock);
  while (true) {
    const int count = gzread(in.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
    for (int done = 0; done < count;) {
      const ssize_t n = ::pwrite(file_, buffer.data() + done, count - done, size_);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        return Full(std::string(
            ErrnoStatus(absl::StrCat("unpack ", path, " into"), folder_, errno).message()));
      }
      done += static_cast<int>(n);
      size_ += n;
    }
    piece.size = size_ - piece.base;
    if (count == static_cast<int>(buffer.size())) continue;
    int error = Z_OK;
    const char* reason = gzerror(in.get(), &error);
    if (error == Z_BUF_ERROR) {
      piece.broken = "the gzip data end too early";
    } else if (error == Z_ERRNO) {
      return ErrnoStatus("read", path, errno);
    } else if (error != Z_OK) {
      piece.broken = absl::StrCat("gzip: ", reason);
    }
    return piece;
  }
}

absl::Status CheckSpoolRoom(const SpoolFile& spool, const std::vector<std::string>& paths) {
  int64_t needed = 0;
  for (const std::string& path : paths) {
    struct stat info;
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0 || ::fstat(file, &info) != 0) {
      const absl::Status status = ErrnoStatus("read", path, errno);
      if (file >= 0) ::close(file);
      return status;
    }
    // The last four bytes are the size modulo 2^32.
    unsigned char end[4] = {};
    if (info.st_size >= 4) (void)!::pread(file, end, 4, info.st_size - 4);
    ::close(file);
    int64_t size = end[0] | end[1] << 8 | end[2] << 16 | int64_t{end[3]} << 24;
    // Pictures hardly shrink: a size far below the file's has wrapped around.
    while (size < info.st_size * 9 / 10) size += int64_t{1} << 32;
    needed += size;
    // Of a cut file these bytes say nothing, and the size on disk must do.
    if (size > 8 * int64_t{info.st_size} + (1 << 20)) needed += int64_t{info.st_size} - size;
  }
  struct statvfs room;
  if (::fstatvfs(spool.file(), &room) != 0) return absl::OkStatus();
  const int64_t free = static_cast<int64_t>(room.f_bavail) * static_cast<int64_t>(room.f_frsize);
  if (needed <= free) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrFormat(
      "%d gzip shards need about %.2f GiB unpacked, but %s has %.2f GiB free; set TMPDIR to a "
      "folder with more room, or unpack the shards with gunzip",
      paths.size(), Gib(needed), spool.folder(), Gib(free)));
}

absl::StatusOr<bool> IsGzip(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return ErrnoStatus("read", path, errno);
  unsigned char begin[2] = {};
  const ssize_t n = ::pread(file, begin, 2, 0);
  const int error = errno;
  ::close(file);
  if (n < 0) return ErrnoStatus("read", path, error);
  return n == 2 && begin[0] == 0x1F && begin[1] == 0x8B;
}

absl::StatusOr<std::string> ReadAt(int file, int64_t offset, int64_t size,
                                   const std::string& name) {
  std::string bytes(static_cast<size_t>(size), '\0');
  for (int64_t done = 0; done < size;) {
    const ssize_t n = ::pread(file, &bytes[static_cast<size_t>(done)],
                              static_cast<size_t>(size - done), offset + done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoStatus("read", name, errno);
    if (n == 0) return graph::InvalidArgument("cannot read ", name, ": the file ends before it");
    done += n;
  }
  return bytes;
}

}  // namespace models
