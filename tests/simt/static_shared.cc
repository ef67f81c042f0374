// The __shared__ arrays of kernels, found by name. They are thread-local variables (shim.h), so the
// program's symbols of that kind have their places and sizes; the compiler's accesses do not.
#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "tests/simt/shadow.h"

namespace simt {
namespace {

// Where thread-local memory begins differs from thread to thread; what lies where in it does not.
extern "C" {
thread_local char simt_thread_local_anchor = 1;
}

// What lies so near behind an array is taken for it, so that the finding names it.
constexpr size_t kBehind = 1024;

struct Arrays {
  std::vector<std::unique_ptr<Region>> sorted;
  const char* low = nullptr;
  const char* high = nullptr;
  const char* anchor = nullptr;  // of the host thread that all this is right for
  Region* last = nullptr;
};
Arrays& arrays() {
  static Arrays* a = new Arrays();
  return *a;
}

// "tile" of "void Kernel<3>(float*)::tile".
std::string ShortName(const char* symbol) {
  int status = 0;
  char* const text = abi::__cxa_demangle(symbol, nullptr, nullptr, &status);
  std::string name = status == 0 && text != nullptr ? text : symbol;
  std::free(text);
  const size_t colons = name.rfind("::");
  return colons == std::string::npos ? name : name.substr(colons + 2);
}

// A region for each; `base` is the offset that the symbol has.
std::vector<std::unique_ptr<Region>> ReadSymbols(const char** anchor, bool* has_anchor) {
  std::vector<std::unique_ptr<Region>> found;
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  struct stat status = {};
  if (file < 0 || fstat(file, &status) != 0) return found;
  const size_t size = static_cast<size_t>(status.st_size);
  void* const map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  close(file);
  if (map == MAP_FAILED) return found;
  const char* const data = static_cast<const char*>(map);
  const Elf64_Ehdr& header = *reinterpret_cast<const Elf64_Ehdr*>(data);
  const Elf64_Shdr* const sections = reinterpret_cast<const Elf64_Shdr*>(data + header.e_shoff);
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    if (sections[i].sh_type != SHT_SYMTAB) continue;
    const char* const names = data + sections[sections[i].sh_link].sh_offset;
    const Elf64_Sym* const symbols =
        reinterpret_cast<const Elf64_Sym*>(data + sections[i].sh_offset);
    for (size_t s = 0; s < sections[i].sh_size / sizeof(Elf64_Sym); ++s) {
      const Elf64_Sym& symbol = symbols[s];
      if (ELF64_ST_TYPE(symbol.st_info) != STT_TLS || symbol.st_shndx == SHN_UNDEF) continue;
      const std::string name = names + symbol.st_name;
      auto region = std::make_unique<Region>();
      region->base = reinterpret_cast<const char*>(symbol.st_value);
      if (name == "simt_thread_local_anchor") *anchor = region->base, *has_anchor = true;
      region->bytes = symbol.st_size;
      region->shared = true;
      region->name = ShortName(name.c_str());
      found.push_back(std::move(region));
    }
  }
  munmap(map, size);
  std::sort(found.begin(), found.end(),
            [](const auto& a, const auto& b) { return a->base < b->base; });
  return found;
}

void Move(ptrdiff_t by) {
  Arrays& a = arrays();
  for (const auto& r : a.sorted) r->base += by;
  a.low = a.sorted.front()->base;
  a.high = a.sorted.back()->base + a.sorted.back()->bytes + kBehind;
}

}  // namespace

void FindStaticShared() {
  Arrays& a = arrays();
  const char* const anchor = &simt_thread_local_anchor;
  if (a.anchor == anchor) return;
  if (a.anchor == nullptr) {
    const char* offset = nullptr;
    bool has_anchor = false;
    a.sorted = ReadSymbols(&offset, &has_anchor);
    if (!has_anchor) {
      throw Finding(Finding::kLimit,
                    "limit: the program has no symbols, by which __shared__ arrays are found; "
                    "link it without -s");
    }
    Move(anchor - offset);
  } else {
    Move(anchor - a.anchor);
  }
  a.anchor = anchor;
}

Region* StaticShared(const char* p) {
  Arrays& a = arrays();
  if (a.last != nullptr && static_cast<size_t>(p - a.last->base) < a.last->bytes) return a.last;
  if (p < a.low || p >= a.high) return nullptr;
  const auto after = std::upper_bound(a.sorted.begin(), a.sorted.end(), p,
                                      [](const char* at, const auto& r) { return at < r->base; });
  Region* const r = std::prev(after)->get();
  if (r->cells == nullptr) MakeCells(r);
  return a.last = r;
}

void ForgetStaticShared() {
  for (const auto& r : arrays().sorted) ForgetStamps(r.get());
}

}  // namespace simt
