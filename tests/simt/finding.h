// What a check of the emulator found, and where in the kernel.
#ifndef TESTS_SIMT_FINDING_H_
#define TESTS_SIMT_FINDING_H_

#include <stdexcept>
#include <string>

namespace simt {

// Ends the launch. what() reads "race: Kernel, block (0,0,0), thread (1,0,0), file.cu.cc:12: writes
// what was read by ...". Host operations (copies, library calls) have no block and no line.
class Finding : public std::runtime_error {
 public:
  enum Kind {
    kOutOfBounds,
    kFreed,
    kHostMemory,
    kUninitialized,  // read, and nobody has written it
    kRace,           // of threads of one launch
    kStreamRace,     // of launches and copies that nothing orders
    kAsyncCopy,      // cp.async that nobody waited for
    kMisaligned,
    kDivergence,  // a barrier or warp function that not all reach
    kShuffle,     // a warp function and a mask that do not fit
    kOrder,       // results that depend on the order of blocks, warps or lanes
    kLaunch,      // what CUDA refuses to launch
    kLimit        // of the emulator; the kernel may be right
  };
  Finding(Kind kind, const std::string& what) : std::runtime_error(what), kind(kind) {}
  const Kind kind;
};
const char* KindName(Finding::Kind kind);

// Where a call stands; of what a compiler inserts, only the address is known.
struct Site {
  const char* file;
  int line;
};
struct Where {
  Where(const void* pc) : pc(pc) {}
  Where(Site site) : site(site) {}
  const void* pc = nullptr;
  Site site = {nullptr, 0};
};
// "file:line", and after an inlined function where it was called; "" where that is not known.
std::string SourceLine(const Where& where);

struct Actor;
// `actor` is the thread that does it, null for the host.
Finding MakeFinding(Finding::Kind kind, const std::string& what, const Where& where,
                    const Actor* actor);
// Ends the launch: to the scheduler from a kernel's thread, as an exception elsewhere.
[[noreturn]] void Fail(Finding::Kind kind, const std::string& what, const Where& where);

}  // namespace simt

#endif  // TESTS_SIMT_FINDING_H_
