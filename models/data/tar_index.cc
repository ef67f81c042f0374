#include "models/data/tar_index.h"

#include <archive.h>
#include <archive_entry.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <memory>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"
#include "models/data/file_util.h"

namespace models {
namespace {

constexpr size_t kBlock = size_t{1} << 16;
constexpr int64_t kTarBlock = 512;

std::string Reason(struct archive* a) {
  const char* text = archive_error_string(a);
  return text == nullptr ? "damaged data" : text;
}

// A range of a file, as libarchive reads it.
struct Source {
  int file;
  int64_t base, size;
  int64_t at = 0;
  std::string buffer;
  int error = 0;  // why it could not be read
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
    source->error = errno;
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
  // Names in an archive are bytes; the second call is for names that libarchive has only as UTF-8,
  // because the program's locale is "C".
  if (const char* path = archive_entry_pathname(entry)) return path;
  if (const char* path = archive_entry_pathname_utf8(entry)) return path;
  return "";
}

// The path that a hard link names; null where `entry` is none.
const char* HardLinkTarget(struct archive_entry* entry) {
  if (const char* path = archive_entry_hardlink(entry)) return path;
  return archive_entry_hardlink_utf8(entry);
}

class Indexer {
 public:
  using HeadBytes = std::function<int64_t(absl::string_view path)>;
  Indexer(int file, int64_t base, int64_t size, const HeadBytes& head_bytes)
      : file_(file), base_(base), size_(size), head_bytes_(head_bytes) {}

  // Adds the members of the archive that begins at `at`, as far as it can be read. InvalidArgument,
  // adding nothing, if none begins there.
  absl::Status Read(int64_t at);
  // Offset of the first nonzero block after what was read; -1: none.
  int64_t NextBlock() const;

  TarIndex& index() { return index_; }

 private:
  absl::Status ReadHead(TarMember* member) const;
  // Adds the hard link `member` to `target`, or records that it is lost.
  absl::Status AddLink(TarMember member, const char* target);

  const int file_;
  const int64_t base_, size_;
  const HeadBytes& head_bytes_;
  TarIndex index_;
  // Members by path, up to `mapped_`: filled only at hard links, which most archives do not have.
  std::unordered_map<std::string, size_t> by_path_;
  size_t mapped_ = 0;
  int64_t read_ = 0;  // end of the last archive
};

absl::Status Indexer::ReadHead(TarMember* member) const {
  const int64_t bytes = std::min(head_bytes_(member->path), member->size);
  if (!member->broken.empty() || bytes <= 0) return absl::OkStatus();
  auto head = ReadAt(file_, base_ + member->offset, bytes, member->path);
  if (absl::IsUnavailable(head.status())) return head.status();
  if (head.ok()) {
    member->head = *std::move(head);
  } else {
    member->broken = std::string(head.status().message());
  }
  return absl::OkStatus();
}

absl::Status Indexer::AddLink(TarMember member, const char* target) {
  for (; mapped_ < index_.members.size(); ++mapped_) {
    by_path_[index_.members[mapped_].path] = mapped_;
  }
  const auto at = by_path_.find(target);
  if (at == by_path_.end()) {
    index_.lost_links.push_back(std::move(member.path));
    return absl::OkStatus();
  }
  const TarMember& file = index_.members[at->second];
  member.offset = file.offset;
  member.size = file.size;
  member.broken = file.broken;
  member.sparse = file.sparse;
  RETURN_IF_ERROR(ReadHead(&member));
  index_.members.push_back(std::move(member));
  return absl::OkStatus();
}

absl::Status Indexer::Read(int64_t at) {
  const std::unique_ptr<struct archive, int (*)(struct archive*)> a(archive_read_new(),
                                                                    &archive_read_free);
  if (a == nullptr) return absl::ResourceExhaustedError("no memory to read the archive");
  archive_read_support_format_tar(a.get());
  Source source = {file_, base_ + at, size_ - at, 0, "", 0};
  archive_read_set_skip_callback(a.get(), &SkipSource);
  archive_read_set_read_callback(a.get(), &ReadSource);
  archive_read_set_callback_data(a.get(), &source);
  if (archive_read_open1(a.get()) != ARCHIVE_OK) {
    return graph::InvalidArgument("is no tar archive: ", Reason(a.get()));
  }
  int64_t end = at;  // of the last member, padded
  while (true) {
    struct archive_entry* entry = nullptr;
    const int result = archive_read_next_header(a.get(), &entry);
    if (result == ARCHIVE_EOF) break;
    if (result != ARCHIVE_OK && result != ARCHIVE_WARN) {
      if (source.error != 0) {
        return absl::UnavailableError(
            absl::StrCat("cannot be read: ", std::generic_category().message(source.error)));
      }
      if (end == at) return graph::InvalidArgument("is no tar archive: ", Reason(a.get()));
      index_.broken = Reason(a.get());
      return absl::OkStatus();
    }
    TarMember member;
    member.path = PathOf(entry);
    member.offset = end = at + archive_filter_bytes(a.get(), 0);
    const char* target = HardLinkTarget(entry);
    // pax archives may repeat a hard link's bytes; then it is a regular file.
    if (target != nullptr && archive_entry_size(entry) == 0) {
      RETURN_IF_ERROR(AddLink(std::move(member), target));
      continue;
    }
    if (archive_entry_filetype(entry) == AE_IFLNK) index_.symbolic_links.push_back(member.path);
    if (archive_entry_filetype(entry) != AE_IFREG) continue;
    member.size = archive_entry_size(entry);
    // A damaged header may hold any number.
    if (member.size < 0 || member.size > std::numeric_limits<int64_t>::max() / 2) {
      member.broken = absl::StrCat("claims ", member.size, " bytes");
      index_.broken = "a header is damaged";
    } else if (archive_entry_sparse_count(entry) > 0) {
      member.broken = "is stored as a sparse file";
      member.sparse = true;
    } else if (member.size > size_ - member.offset) {
      member.broken =
          absl::StrCat("the archive ends after ", std::max<int64_t>(0, size_ - member.offset),
                       " of its ", member.size, " bytes");
      index_.broken = "it is truncated";
    } else {
      end += (member.size + kTarBlock - 1) / kTarBlock * kTarBlock;
      RETURN_IF_ERROR(ReadHead(&member));
    }
    index_.members.push_back(std::move(member));
    if (!index_.broken.empty()) return absl::OkStatus();
  }
  if (end == at && (size_ - at) % kTarBlock != 0)
    return graph::InvalidArgument("is no tar archive");
  index_.end_mark = end < size_;
  read_ = at + archive_filter_bytes(a.get(), 0);
  return absl::OkStatus();
}

int64_t Indexer::NextBlock() const {
  for (int64_t at = read_; at < size_; at += kBlock) {
    const auto bytes = ReadUpTo(file_, base_ + at, std::min<int64_t>(kBlock, size_ - at), "");
    if (!bytes.ok()) return -1;
    const size_t found = bytes->find_first_not_of('\0');
    if (found != std::string::npos) {
      return (at + static_cast<int64_t>(found)) / kTarBlock * kTarBlock;
    }
  }
  return -1;
}

}  // namespace

absl::StatusOr<TarIndex> IndexTar(
    int file, int64_t base, int64_t size,
    const std::function<int64_t(absl::string_view path)>& head_bytes) {
  if (size == 0) return graph::InvalidArgument("is empty");
  Indexer indexer(file, base, size, head_bytes);
  RETURN_IF_ERROR(indexer.Read(0));
  TarIndex& index = indexer.index();
  while (index.broken.empty()) {
    const int64_t next = indexer.NextBlock();
    if (next < 0) break;
    const absl::Status status = indexer.Read(next);
    if (absl::IsInvalidArgument(status)) {
      index.bytes_after_end = size - next;
      break;
    }
    RETURN_IF_ERROR(status);
  }
  return std::move(index);
}

absl::StatusOr<std::string> ReadAt(int file, int64_t offset, int64_t size,
                                   const std::string& name) {
  ASSIGN_OR_RETURN(std::string bytes, ReadUpTo(file, offset, size, name));
  if (static_cast<int64_t>(bytes.size()) < size) {
    return graph::InvalidArgument("cannot read ", name, ": the file ends before it");
  }
  return bytes;
}

}  // namespace models
