#include "tools/version.h"

#include <dlfcn.h>
#include <gif_lib.h>
#include <gnu/libc-version.h>
#include <google/protobuf/stubs/common.h>
#include <jconfig.h>

#include <utility>

#include "absl/base/config.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"

namespace tools {

extern const char kCommit[];  // version_stamp.cc, which is compiled when a program is linked

namespace {

#define DROPPOS_TEXT_OF(x) #x
#define DROPPOS_TEXT(x) DROPPOS_TEXT_OF(x)

// A function of a loaded library; null if the library is not loaded.
template <typename Function>
Function* Loaded(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_DEFAULT, name));
}

std::string Dotted(unsigned major, unsigned minor, unsigned patch) {
  return absl::StrCat(major, ".", minor, ".", patch);
}

// "4.5.0" of "LIBTIFF, Version 4.5.0\nCopyright ...".
std::string FirstNumber(absl::string_view text) {
  const size_t begin = text.find_first_of("0123456789");
  if (begin == absl::string_view::npos) return "";
  return std::string(text.substr(begin, text.find_first_not_of("0123456789.", begin) - begin));
}

using Versions = std::map<std::string, std::string>;

// These cannot be asked; their headers say what was there when the program was built.
Versions BuiltWith() {
  Versions versions;
  versions["giflib"] = Dotted(GIFLIB_MAJOR, GIFLIB_MINOR, GIFLIB_RELEASE);
  versions["libjpeg-turbo"] = DROPPOS_TEXT(LIBJPEG_TURBO_VERSION);
  versions["protobuf"] = google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION);
#ifdef ABSL_LTS_RELEASE_VERSION
  versions["abseil"] = absl::StrCat(ABSL_LTS_RELEASE_VERSION, ".", ABSL_LTS_RELEASE_PATCH_LEVEL);
#endif
  return versions;
}

// Programs link different libraries, so those that can say their version are asked by name.
Versions LoadedVersions() {
  Versions versions;
  versions["glibc"] = gnu_get_libc_version();
  for (const auto& [name, function] : {
           std::pair<const char*, const char*>{"cairo", "cairo_version_string"},
           {"libarchive", "archive_version_string"},
           {"libtiff", "TIFFGetVersion"},
           {"zlib", "zlibVersion"},
       }) {
    if (auto* version = Loaded<const char*()>(function)) versions[name] = FirstNumber(version());
  }
  if (auto* version = Loaded<const char*(void*)>("png_get_libpng_ver")) {
    versions["libpng"] = version(nullptr);
  }
  if (auto* version = Loaded<int()>("WebPGetDecoderVersion")) {
    const unsigned v = version();
    versions["libwebp"] = Dotted(v >> 16, v >> 8 & 255, v & 255);
  }
  if (auto* version = Loaded<unsigned()>("XXH_versionNumber")) {
    const unsigned v = version();
    versions["xxhash"] = Dotted(v / 10000, v / 100 % 100, v % 100);
  }
  struct OneDnnVersion {
    int major, minor, patch;
  };
  if (auto* version = Loaded<const OneDnnVersion*()>("dnnl_version")) {
    const OneDnnVersion& v = *version();
    versions["oneDNN"] = Dotted(v.major, v.minor, v.patch);
  }
  return versions;
}

std::string Listed(const Versions& versions) {
  return absl::StrJoin(versions, ", ", absl::PairFormatter(" "));
}

}  // namespace

std::string BuiltFromCommit() {
  const std::string commit = kCommit;
  return commit == "0" ? "" : commit;
}

std::map<std::string, std::string> LibraryVersions() {
  Versions versions = LoadedVersions();
  versions.merge(BuiltWith());
  return versions;
}

std::string VersionText(const std::string& program) {
  return absl::StrCat(program, " (DropPos for C++) ", DROPPOS_VERSION, "\ncommit ",
                      BuiltFromCommit().empty() ? "unknown" : BuiltFromCommit(), ", built by GCC ",
                      __VERSION__, "\nwith ", Listed(LoadedVersions()), "\nbuilt with ",
                      Listed(BuiltWith()), "\n");
}

}  // namespace tools
