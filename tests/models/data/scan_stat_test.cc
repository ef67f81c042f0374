// That a scan examines no file whose kind its folder tells: on a network drive each is a question
// to the server. The C library's functions are replaced by ones that count; rights would not do,
// because root has them all.
#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string>

#include "models/data/image_folder.h"
#include "tests/models/data/test_images.h"

namespace {

std::atomic<int> g_examined{0};

// Files of this test alone: the library that runs it looks at others.
int Examine(int folder, const char* path, struct stat* info, int flags) {
  if (std::strstr(path, "scan_stat_file") != nullptr) ++g_examined;
  return static_cast<int>(::syscall(SYS_newfstatat, folder, path, info, flags));
}

}  // namespace

extern "C" {
int stat(const char* path, struct stat* info) noexcept { return Examine(AT_FDCWD, path, info, 0); }
int lstat(const char* path, struct stat* info) noexcept {
  return Examine(AT_FDCWD, path, info, AT_SYMLINK_NOFOLLOW);
}
int fstatat(int folder, const char* path, struct stat* info, int flags) noexcept {
  return Examine(folder, path, info, flags);
}
}

namespace models {
namespace {

bool FolderTellsKinds(const std::string& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(folder.c_str()), &::closedir);
  while (const dirent* entry = ::readdir(handle.get())) {
    if (entry->d_type == DT_UNKNOWN) return false;
  }
  return true;
}

TEST(ListPictures, ExaminesNoFileWhoseKindItsFolderTells) {
  const std::string root = NewFolder("scan");
  for (const char* name : {"a/scan_stat_file0.jpg", "a/scan_stat_file1.txt", "scan_stat_file2.png",
                           "scan_stat_file3"}) {
    WriteFile(root + "/" + name, "x");
  }
  if (!FolderTellsKinds(root)) GTEST_SKIP() << "the file system does not tell kinds";
  g_examined = 0;
  const auto plain = ListPictures(root, "");
  ASSERT_TRUE(plain.ok()) << plain.status();
  EXPECT_EQ(plain->paths.size(), 2u);
  EXPECT_EQ(g_examined, 0);
  // What a link leads to, nobody else knows; and the counting works.
  std::filesystem::create_symlink("scan_stat_file2.png", root + "/scan_stat_file4.png");
  g_examined = 0;
  const auto linked = ListPictures(root, "");
  ASSERT_TRUE(linked.ok()) << linked.status();
  EXPECT_EQ(linked->paths.size(), 3u);
  EXPECT_EQ(g_examined, 1);
}

}  // namespace
}  // namespace models
