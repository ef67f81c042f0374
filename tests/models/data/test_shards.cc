#include "tests/models/data/test_shards.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "models/data/file_util.h"

namespace models {

std::string Made(const std::string& name) {
  const auto bytes = ReadFile(absl::StrCat(kMade, "/", name), 1 << 24);
  EXPECT_TRUE(bytes.ok()) << bytes.status();
  return bytes.ok() ? *bytes : "";
}

Opened MustOpen(const std::string& root, const std::vector<std::string>& names) {
  Opened opened;
  auto data = ShardDataset::Open(root, names, &opened.report);
  EXPECT_TRUE(data.ok()) << data.status();
  if (data.ok()) opened.data = *std::move(data);
  return opened;
}

std::string OpenError(const std::string& root, const std::vector<std::string>& names) {
  ShardDataset::Report report;
  return std::string(ShardDataset::Open(root, names, &report).status().message());
}

std::map<std::string, int64_t> ByName(const Dataset& data) {
  std::map<std::string, int64_t> index;
  for (int64_t i = 0; i < data.size(); ++i) index[data.name(i)] = i;
  return index;
}

std::string WriteTar(const std::vector<Member>& members) {
  std::string out(1 << 20, '\0');
  size_t used = 0;
  struct archive* a = archive_write_new();
  archive_write_set_format_pax(a);
  archive_write_set_bytes_per_block(a, 0);
  EXPECT_EQ(archive_write_open_memory(a, &out[0], out.size(), &used), ARCHIVE_OK);
  for (const Member& member : members) {
    struct archive_entry* entry = archive_entry_new();
    archive_entry_copy_pathname(entry, member.path.c_str());
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_filetype(entry, member.kind == 'd'   ? AE_IFDIR
                                      : member.kind == 'y' ? AE_IFLNK
                                                           : AE_IFREG);
    if (member.kind == 'l') {
      archive_entry_copy_hardlink(entry, member.bytes.c_str());
    } else if (member.kind == 'y') {
      archive_entry_copy_symlink(entry, member.bytes.c_str());
    } else {
      archive_entry_set_size(entry, static_cast<int64_t>(member.bytes.size()));
    }
    if (member.kind == 's') {
      archive_entry_sparse_add_entry(entry, 0, 1);
      archive_entry_sparse_add_entry(entry, static_cast<int64_t>(member.bytes.size()) - 1, 1);
    }
    // It warns of names that are not the locale's, and writes their bytes.
    EXPECT_GE(archive_write_header(a, entry), ARCHIVE_WARN) << archive_error_string(a);
    if (member.kind == 'f' || member.kind == 's') {
      archive_write_data(a, member.bytes.data(), member.bytes.size());
    }
    archive_entry_free(entry);
  }
  archive_write_close(a);
  archive_write_free(a);
  out.resize(used);
  return out;
}

std::string TarHeader(const std::string& path, int64_t size, char kind) {
  std::string header(512, '\0');
  const auto put = [&](size_t at, const std::string& text) {
    header.replace(at, text.size(), text);
  };
  char text[16];
  put(0, path);
  put(100, "0000644");
  std::snprintf(text, sizeof(text), "%011llo", static_cast<unsigned long long>(size));
  put(124, text);
  put(148, "        ");
  header[156] = kind;
  put(257, std::string("ustar\0"
                       "00",
                       8));
  unsigned sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  std::snprintf(text, sizeof(text), "%06o", sum);
  put(148, std::string(text, 7));
  return header;
}

std::string Gzip(const std::string& bytes) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(&out[0]);
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace models
