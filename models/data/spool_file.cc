#include "models/data/spool_file.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"

namespace models {
namespace {

constexpr size_t kPacked = size_t{1} << 17, kUnpacked = size_t{1} << 18;
constexpr absl::string_view kGzipMagic = "\x1F\x8B";

double Gib(int64_t bytes) { return static_cast<double>(bytes) / (int64_t{1} << 30); }

struct GzipSizes {
  int64_t file = 0;
  // Unpacked size in the file's last four bytes: modulo 2^32, for the last member only, and
  // arbitrary if the file is cut or malicious.
  int64_t claim = 0;
};

absl::StatusOr<GzipSizes> SizesOf(const OpenFile& file, const std::string& path) {
  ASSIGN_OR_RETURN(const struct stat info, file.Stat(path));
  unsigned char end[4] = {};
  if (info.st_size >= 4) (void)!::pread(file.get(), end, 4, info.st_size - 4);
  return GzipSizes{info.st_size, end[0] | end[1] << 8 | end[2] << 16 | int64_t{end[3]} << 24};
}

// The expected size: the claim if it is plausible for a shard of pictures, else the size on disk,
// which is a lower bound; Unpack() checks again as it goes.
int64_t Expected(const GzipSizes& sizes) {
  const bool likely =
      sizes.claim >= sizes.file / 10 * 9 && sizes.claim / 8 <= sizes.file + (1 << 17);
  return likely ? sizes.claim : sizes.file;
}

absl::Status NoMemory(const std::string& path) {
  return absl::ResourceExhaustedError(absl::StrCat("no memory to unpack ", PrintablePath(path)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SpoolFile>> SpoolFile::Create(const Limits& limits) {
  const char* given = std::getenv("TMPDIR");
  const std::string folder = given == nullptr || *given == '\0' ? "/tmp" : given;
  std::string path = JoinPath(folder, "droppos-shards-XXXXXX");
  const int file = ::mkostemp(&path[0], O_CLOEXEC);
  if (file < 0) {
    return WithHint(ErrnoStatus("write a temporary file into", folder, errno),
                    "set TMPDIR to a folder with room for the unpacked shards, or unpack them "
                    "with gunzip");
  }
  ::unlink(path.c_str());
  return std::unique_ptr<SpoolFile>(new SpoolFile(file, folder, limits));
}

SpoolFile::~SpoolFile() { ::close(file_); }

int64_t SpoolFile::Room() const {
  struct statvfs room;
  // A file system that does not count blocks (tmpfs without a limit).
  if (::fstatvfs(file_, &room) != 0 || room.f_blocks == 0) {
    return std::numeric_limits<int64_t>::max();
  }
  const auto unit = static_cast<int64_t>(room.f_frsize);
  const int64_t keep =
      limits_.keep_free >= 0
          ? limits_.keep_free
          : std::min<int64_t>(int64_t{256} << 20, static_cast<int64_t>(room.f_blocks) / 100 * unit);
  return static_cast<int64_t>(room.f_bavail) * unit - keep;
}

absl::Status SpoolFile::Full(const std::string& reason) const {
  return absl::ResourceExhaustedError(absl::StrCat(reason,
                                                   "; set TMPDIR to a folder with more room than ",
                                                   folder_, ", or unpack the shards with gunzip"));
}

absl::Status SpoolFile::Append(const std::string& path, const void* bytes, int64_t count) {
  if (count > 0 && count > Room()) {
    return Full(
        absl::StrFormat("cannot unpack %s into %s: only %.2f GiB may still be written there", path,
                        folder_, Gib(std::max<int64_t>(0, Room()))));
  }
  for (int64_t done = 0; done < count;) {
    const ssize_t n = ::pwrite(file_, static_cast<const char*>(bytes) + done,
                               static_cast<size_t>(count - done), size_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return Full(std::string(
          ErrnoStatus(absl::StrCat("unpack ", PrintablePath(path), " into"), folder_, errno)
              .message()));
    }
    done += n;
    size_ += n;
  }
  return absl::OkStatus();
}

// Uses zlib's inflate(), not its gzread(), which on an error loses up to a whole buffer of the
// bytes before it.
absl::StatusOr<SpoolFile::Piece> SpoolFile::Unpack(const std::string& path) {
  const OpenFile in(path);
  ASSIGN_OR_RETURN(const GzipSizes sizes, SizesOf(in, path));
  const int64_t by_ratio = sizes.file < std::numeric_limits<int64_t>::max() / limits_.ratio
                               ? sizes.file * limits_.ratio
                               : std::numeric_limits<int64_t>::max();
  const int64_t most = std::max(limits_.always_bytes, by_ratio);
  z_stream stream = {};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return NoMemory(path);  // 16: gzip's frame
  const std::unique_ptr<z_stream, int (*)(z_stream*)> ends(&stream, &inflateEnd);
  std::vector<unsigned char> packed(kPacked), unpacked(kUnpacked);
  Piece piece;
  piece.base = size_;
  bool between_members = false;
  bool more_to_come = false;  // among the bytes read
  int64_t read = 0;
  while (true) {
    if (stream.avail_in == 0 && !more_to_come) {
      ssize_t n;
      do {
        n = ::read(in.get(), packed.data(), packed.size());
      } while (n < 0 && errno == EINTR);
      if (n < 0) return ErrnoStatus("read", path, errno);
      if (n == 0) {
        if (!between_members) piece.broken = "the gzip data end too early";
        return piece;
      }
      stream.next_in = packed.data();
      stream.avail_in = static_cast<uInt>(n);
      read += n;
    }
    if (between_members) {
      if (*stream.next_in != static_cast<unsigned char>(kGzipMagic[0])) {
        // Zeros pad a tape's blocks.
        if (*stream.next_in != 0) piece.bytes_after_end = sizes.file - read + stream.avail_in;
        return piece;
      }
      inflateReset(&stream);
      between_members = false;
    }
    stream.next_out = unpacked.data();
    stream.avail_out = static_cast<uInt>(unpacked.size());
    const int result = inflate(&stream, Z_NO_FLUSH);
    const auto count = static_cast<int64_t>(unpacked.size() - stream.avail_out);
    if (count > most - piece.size) {
      return graph::InvalidArgument(
          "cannot unpack ", PrintablePath(path), ": its ", sizes.file, " bytes become more than ",
          most, ", as no shard of pictures does (the file itself says ", sizes.claim,
          "); take it out of the data, or unpack it with gunzip if all of that is wanted");
    }
    RETURN_IF_ERROR(Append(path, unpacked.data(), count));
    piece.size += count;
    between_members = result == Z_STREAM_END;
    more_to_come = !between_members && stream.avail_out == 0;
    if (result == Z_MEM_ERROR) return NoMemory(path);
    // Z_BUF_ERROR: the input is exhausted.
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      piece.broken =
          absl::StrCat("damaged gzip data: ", stream.msg == nullptr ? "no gzip data" : stream.msg);
      return piece;
    }
  }
}

absl::Status CheckSpoolRoom(const SpoolFile& spool, const std::vector<std::string>& paths) {
  int64_t needed = 0;
  for (const std::string& path : paths) {
    ASSIGN_OR_RETURN(const GzipSizes sizes, SizesOf(OpenFile(path), path));
    needed += Expected(sizes);
  }
  const int64_t room = std::max<int64_t>(0, spool.Room());
  if (needed <= room) return absl::OkStatus();
  return absl::ResourceExhaustedError(absl::StrFormat(
      "%d gzip shards need about %.2f GiB unpacked, but %s has %.2f GiB to spare; set TMPDIR to a "
      "folder with more room, or unpack the shards with gunzip",
      paths.size(), Gib(needed), spool.folder(), Gib(room)));
}

absl::StatusOr<bool> IsGzip(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string head, ReadHead(path, 2));
  return head == kGzipMagic;
}

absl::StatusOr<std::string> SpoolFile::StandardInput() {
  static const absl::StatusOr<SpoolFile*> spooled = []() -> absl::StatusOr<SpoolFile*> {
    if (::isatty(STDIN_FILENO)) {
      return graph::InvalidArgument(
          "--data_path=- reads a tar of pictures from standard input, which is a terminal here: "
          "tar -c PHOTOS | ...");
    }
    ASSIGN_OR_RETURN(std::unique_ptr<SpoolFile> spool, SpoolFile::Create());
    std::vector<char> bytes(kUnpacked);
    while (true) {
      const ssize_t n = ::read(STDIN_FILENO, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return ErrnoStatus("read", "standard input", errno);
      if (n == 0) break;
      RETURN_IF_ERROR(spool->Append("standard input", bytes.data(), n));
    }
    if (spool->size() == 0) {
      return graph::InvalidArgument(
          "--data_path=- reads a tar of pictures from standard input, "
          "which ended before its first byte");
    }
    return spool.release();
  }();
  RETURN_IF_ERROR(spooled.status());
  return absl::StrCat("/proc/self/fd/", (*spooled)->file());
}

}  // namespace models
