#include "models/data/tar_index.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"

namespace models {
namespace {

constexpr int64_t kMaxText = 4096;
constexpr size_t kBlock = size_t{1} << 16;
constexpr int64_t kTarBlock = 512;

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

// The path that a hard link names; null where `entry` is none.
const char* HardLinkTarget(struct archive_entry* entry) {
  if (const char* path = archive_entry_hardlink(entry)) return path;
  return archive_entry_hardlink_utf8(entry);
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
  const auto read_text = [&](TarMember* member) {
    if (!member->broken.empty() || member->size > kMaxText || !wants_text(member->path)) return;
    auto text = ReadAt(file, base + member->offset, member->size, member->path);
    if (text.ok()) {
      member->text = *std::move(text);
    } else {
      member->broken = std::string(text.status().message());
    }
  };
  TarIndex index;
  // Members by path as far as `mapped`: filled at hard links only, most archives have none.
  std::unordered_map<std::string, size_t> by_path;
  size_t mapped = 0;
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
    end = member.offset;
    const char* target = HardLinkTarget(entry);
    // pax archives may hold a hard link's bytes once more; then it is a file like others.
    if (target != nullptr && archive_entry_size(entry) == 0) {
      for (; mapped < index.members.size(); ++mapped) {
        by_path[index.members[mapped].path] = mapped;
      }
      const auto at = by_path.find(target);
      if (at == by_path.end()) {
        index.lost_links.push_back(std::move(member.path));
        continue;
      }
      const TarMember& file_before = index.members[at->second];
      member.offset = file_before.offset;
      member.size = file_before.size;
      member.broken = file_before.broken;
      read_text(&member);
      index.members.push_back(std::move(member));
      continue;
    }
    if (archive_entry_filetype(entry) == AE_IFLNK) index.symbolic_links.push_back(member.path);
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    member.size = archive_entry_size(entry);
    // A damaged header may hold any number.
    if (member.size < 0 || member.size > std::numeric_limits<int64_t>::max() / 2) {
      member.broken = absl::StrCat("claims ", member.size, " bytes");
      index.broken = "a header is damaged";
      index.members.push_back(std::move(member));
      return index;
    }
    if (archive_entry_sparse_count(entry) > 0) {
      member.broken = "is stored as a sparse file; write the archive without --sparse";
    } else if (member.size > size - member.offset) {
      member.broken =
          absl::StrCat("the archive ends after ", std::max<int64_t>(0, size - member.offset),
                       " of its ", member.size, " bytes");
      index.broken = "it is truncated";
      index.members.push_back(std::move(member));
      return index;
    } else {
      end += (member.size + kTarBlock - 1) / kTarBlock * kTarBlock;
      read_text(&member);
    }
    index.members.push_back(std::move(member));
  }
  if (end == 0 && size % kTarBlock != 0) return graph::InvalidArgument("is no tar archive");
  index.end_mark = end < size;
  return index;
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
