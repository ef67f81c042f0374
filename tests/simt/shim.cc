#include "tests/simt/shim.h"

#include <string>
#include <vector>

namespace simt {
namespace {

struct ShuffleSlot {
  uint64_t value;
  int source;
  const char* function;
  Site site;
};

struct MmaSlot {
  const uint32_t* a;
  const uint32_t* b;
  float* c;
};

float FromBf16(uint16_t bits) { return __uint_as_float(uint32_t{bits} << 16); }

// D = A·B + C of m16n8k16, the fragments as the PTX ISA's figures have them: with g = lane / 4
// and t = lane % 4, A's registers hold rows g, g+8, g, g+8 and columns 2t, 2t, 2t+8, 2t+8 (and
// the one behind), B's rows 2t, 2t+8 (and behind) of column g, C's rows g, g, g+8, g+8 and
// columns 2t, 2t+1.
void ResolveMma(Meeting* m) {
  float a[16][16], b[8][16];  // b transposed
  for (unsigned lane = 0; lane < 32; ++lane) {
    const MmaSlot& s = *static_cast<MmaSlot*>(m->slots[lane]);
    const unsigned g = lane / 4, t = lane % 4;
    for (unsigned r = 0; r < 4; ++r) {
      for (unsigned half = 0; half < 2; ++half) {
        const uint16_t bits = static_cast<uint16_t>(s.a[r] >> (16 * half));
        a[g + r % 2 * 8][2 * t + half + r / 2 * 8] = FromBf16(bits);
      }
    }
    for (unsigned r = 0; r < 2; ++r) {
      for (unsigned half = 0; half < 2; ++half) {
        b[g][2 * t + half + r * 8] = FromBf16(static_cast<uint16_t>(s.b[r] >> (16 * half)));
      }
    }
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    const MmaSlot& s = *static_cast<MmaSlot*>(m->slots[lane]);
    for (unsigned i = 0; i < 4; ++i) {
      const float* row = a[lane / 4 + i / 2 * 8];
      const float* col = b[lane % 4 * 2 + i % 2];
      double sum = s.c[i];
      for (unsigned k = 0; k < 16; ++k) sum += double{row[k]} * col[k];
      s.c[i] = static_cast<float>(sum);
    }
  }
  ++counters().mmas;
}

struct LdMatrixSlot {
  const char* row;
  bool transposed;
  uint32_t* to;
  Site site;
};

// Lane 8i + r brings the address of row r of matrix i, 8 x 8 elements of two bytes; register i
// of a lane gets two neighbours of matrix i: row lane / 4, columns 2 (lane % 4) and the next,
// or, transposed, rows and columns the other way about.
void ResolveLdMatrix(Meeting* m) {
  uint16_t matrix[4][8][8];
  for (unsigned lane = 0; lane < 32; ++lane) {
    std::memcpy(matrix[lane / 8][lane % 8], static_cast<LdMatrixSlot*>(m->slots[lane])->row, 16);
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    const LdMatrixSlot& s = *static_cast<LdMatrixSlot*>(m->slots[lane]);
    const unsigned g = lane / 4, t = lane % 4 * 2;
    for (unsigned i = 0; i < 4; ++i) {
      const uint16_t low = s.transposed ? matrix[i][t][g] : matrix[i][g][t];
      const uint16_t high = s.transposed ? matrix[i][t + 1][g] : matrix[i][g][t + 1];
      s.to[i] = low | uint32_t{high} << 16;
    }
  }
}

void CheckAligned(const void* p, size_t bytes, Site site) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(p);
  if (address % bytes != 0) {
    FailAt(Finding::kMisaligned,
           "an access of " + std::to_string(bytes) + " bytes at an address that ends in " +
               std::to_string(address % bytes),
           site);
  }
}

struct PendingCopy {
  void* to;
  unsigned char bytes[16];
  const void* pc;
};
// By thread: what is not committed, then the groups, oldest first.
struct AsyncCopies {
  std::vector<PendingCopy> open;
  std::vector<std::vector<PendingCopy>> groups;
};
AsyncCopies& Copies() {
  static auto* by_thread = new std::vector<AsyncCopies>(1024);
  static uint64_t launch = 0, block = 0;
  if (launch != current_launch() || block != actor->now.block) {
    launch = current_launch();
    block = actor->now.block;
    by_thread->assign(1024, {});
  }
  return (*by_thread)[actor->now.thread];
}

}  // namespace

int (*submit)(LaunchRequest request) = nullptr;

int Submit(LaunchRequest request) {
  if (submit != nullptr) return submit(std::move(request));
  BeginOperation(request.name, 0, {});
  Run(request.name, request.thread, request.grid, request.block, request.shared_bytes);
  return 0;
}

void LoadVector(const void* from, void* to, size_t bytes, Site site) {
  const Outside outside;
  CheckAligned(from, bytes, site);
  OnAccess(from, bytes, false, __builtin_return_address(0));
  std::memcpy(to, from, bytes);
}

void StoreVector(const void* from, void* to, size_t bytes, Site site) {
  const Outside outside;
  CheckAligned(to, bytes, site);
  OnAccess(to, bytes, true, __builtin_return_address(0));
  std::memcpy(to, from, bytes);
}

uint64_t Shuffle(const char* function, uint32_t mask, uint64_t value, int source, Site site) {
  const Outside outside;
  ShuffleSlot slot = {value, source, function, site};
  Meet(function, mask, &slot,
       [](Meeting* m) {
         uint64_t values[32] = {};
         for (int lane = 0; lane < 32; ++lane) {
           if (m->slots[lane]) values[lane] = static_cast<ShuffleSlot*>(m->slots[lane])->value;
         }
         for (int lane = 0; lane < 32; ++lane) {
           if (m->slots[lane] == nullptr) continue;
           ShuffleSlot* s = static_cast<ShuffleSlot*>(m->slots[lane]);
           const int from = s->source < 0 || s->source > 31 ? lane : s->source;
           if (m->slots[from] == nullptr) {
             throw Finding(Finding::kShuffle,
                           std::string("shuffle: ") + s->function + " at line " +
                               std::to_string(s->site.line) + ": lane " + std::to_string(lane) +
                               " reads lane " + std::to_string(from) +
                               ", which the mask leaves out");
           }
           s->value = values[from];
         }
       },
       site);
  return slot.value;
}

uint32_t Ballot(uint32_t mask, bool predicate, Site site) {
  const Outside outside;
  ShuffleSlot slot = {predicate, 0, "", site};
  Meet("__ballot_sync", mask, &slot,
       [](Meeting* m) {
         uint64_t all = 0;
         for (int lane = 0; lane < 32; ++lane) {
           if (m->slots[lane]) all |= static_cast<ShuffleSlot*>(m->slots[lane])->value << lane;
         }
         for (int lane = 0; lane < 32; ++lane) {
           if (m->slots[lane]) static_cast<ShuffleSlot*>(m->slots[lane])->value = all;
         }
       },
       site);
  return static_cast<uint32_t>(slot.value);
}

void LdMatrixX4(const void* row, bool transposed, uint32_t* to, Site site) {
  const Outside outside;
  CheckAligned(row, 16, site);
  OnAccess(row, 16, false, __builtin_return_address(0));
  LdMatrixSlot slot = {static_cast<const char*>(row), transposed, to, site};
  Meet("ldmatrix", 0xffffffffu, &slot, ResolveLdMatrix, site);
}

void MmaBf16(const uint32_t* a, const uint32_t* b, float* c, Site site) {
  const Outside outside;
  MmaSlot slot = {a, b, c};
  Meet("mma", 0xffffffffu, &slot, ResolveMma, site);
}

// What the copy brings lies in shared memory only after the wait: who forgets that finds the
// old bytes, or unwritten ones.
void CpAsync16(void* shared, const void* global, bool fill_zero, Site site) {
  const Outside outside;
  CheckAligned(shared, 16, site);
  PendingCopy copy = {shared, {}, __builtin_return_address(0)};
  if (!fill_zero) {
    CheckAligned(global, 16, site);
    OnAccess(global, 16, false, copy.pc);
    std::memcpy(copy.bytes, global, 16);
  }
  Copies().open.push_back(copy);
}

void CpAsyncCommit() {
  const Outside outside;
  AsyncCopies& copies = Copies();
  copies.groups.push_back(std::move(copies.open));
  copies.open.clear();
}

void CpAsyncWait(int pending) {
  const Outside outside;
  auto& groups = Copies().groups;
  while (groups.size() > static_cast<size_t>(pending)) {
    for (const PendingCopy& copy : groups.front()) {
      OnAccess(copy.to, 16, true, copy.pc);
      std::memcpy(copy.to, copy.bytes, 16);
    }
    groups.erase(groups.begin());
  }
}

}  // namespace simt
