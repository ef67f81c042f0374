#include "tests/simt/finding.h"

#include <dlfcn.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "tests/simt/shadow.h"

namespace simt {
namespace {

std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// "file:line" of a line of addr2line; "" where it knows none.
std::string Place(const char* line) {
  std::string text = BaseName(line);
  text = text.substr(0, text.find_first_of(" \n"));
  return text.empty() || text[0] == '?' ? "" : text;
}

}  // namespace

const char* KindName(Finding::Kind kind) {
  static const char* const names[] = {
      "out of bounds", "freed",      "host memory", "uninitialized", "race",
      "stream race",   "async copy", "misaligned",  "divergence",    "shuffle",
      "order",         "launch",     "limit"};
  return names[kind];
}

std::string SourceLine(const Where& where) {
  if (where.site.file != nullptr) {
    return BaseName(where.site.file) + ":" + std::to_string(where.site.line);
  }
  Dl_info info;
  if (where.pc == nullptr || dladdr(where.pc, &info) == 0) return "";
  char path[1024] = "";
  if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0) return "";
  char command[1200];
  snprintf(command, sizeof(command), "addr2line -i -e '%s' 0x%zx 2>/dev/null", path,
           static_cast<size_t>(static_cast<const char*>(where.pc) -
                               static_cast<const char*>(info.dli_fbase) - 1));
  std::string text;
  FILE* const pipe = popen(command, "r");
  if (pipe == nullptr) return "";
  char line[1024];
  while (fgets(line, sizeof(line), pipe) != nullptr) {
    const std::string place = Place(line);
    if (!place.empty()) text += (text.empty() ? "" : " called at ") + place;
  }
  pclose(pipe);
  return text;
}

Finding MakeFinding(Finding::Kind kind, const std::string& what, const Where& where,
                    const Actor* who) {
  std::string text = std::string(KindName(kind)) + ": " + OperationName();
  if (who != nullptr && who->stack_low != nullptr) {
    char at[96];
    snprintf(at, sizeof(at), ", block (%u,%u,%u), thread (%u,%u,%u)", who->block.x, who->block.y,
             who->block.z, who->thread.x, who->thread.y, who->thread.z);
    text += at;
  }
  const std::string line = SourceLine(where);
  if (!line.empty()) text += ", " + line;
  return Finding(kind, text + ": " + what);
}

void Fail(Finding::Kind kind, const std::string& what, const Where& where) {
  in_kernel = false;
  const Finding finding = MakeFinding(kind, what, where, actor);
  if (actor != nullptr && actor->stack_low != nullptr) abandon(finding);
  throw finding;
}

}  // namespace simt
