// What the lanes of a warp do together, and accesses that the compiler does not report.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/simt/shim.h"

namespace simt {
namespace {

struct ShuffleSlot {
  uint64_t value;
  int source;
  Site site;
};

template <typename F>
void ForLanes(const Meeting& m, const F& f) {
  for (uint32_t mask = m.mask; mask != 0; mask &= mask - 1) {
    f(static_cast<unsigned>(__builtin_ctz(mask)));
  }
}
template <typename Slot>
Slot& SlotOf(const Meeting& m, unsigned lane) {
  return *static_cast<Slot*>(m.slots[lane]);
}

void ResolveShuffle(Meeting* m) {
  uint64_t values[32];
  ForLanes(*m, [&](unsigned lane) { values[lane] = SlotOf<ShuffleSlot>(*m, lane).value; });
  ForLanes(*m, [&](unsigned lane) {
    ShuffleSlot& s = SlotOf<ShuffleSlot>(*m, lane);
    if (s.source < 0 || s.source > 31) return;
    if ((m->mask >> s.source & 1) == 0) {
      char mask[16];
      snprintf(mask, sizeof(mask), "%08x", m->mask);
      FailLane(lane, Finding::kShuffle,
               std::string(m->function) + " reads lane " + std::to_string(s.source) +
                   ", which mask " + mask + " leaves out",
               s.site);
    }
    s.value = values[s.source];
  });
}

void ResolveBallot(Meeting* m) {
  uint64_t all = 0;
  ForLanes(*m, [&](unsigned lane) { all |= SlotOf<ShuffleSlot>(*m, lane).value << lane; });
  ForLanes(*m, [&](unsigned lane) { SlotOf<ShuffleSlot>(*m, lane).value = all; });
}

struct ReduceSlot {
  int64_t value;
  Reduction reduction;
};

int64_t Combine(Reduction reduction, int64_t a, int64_t b) {
  switch (reduction) {
    case Reduction::kAdd:
      return a + b;
    case Reduction::kMin:
      return std::min(a, b);
    case Reduction::kMax:
      return std::max(a, b);
    case Reduction::kAnd:
      return a & b;
    case Reduction::kOr:
      return a | b;
    case Reduction::kXor:
      return a ^ b;
  }
  return 0;
}

void ResolveReduce(Meeting* m) {
  const unsigned first = static_cast<unsigned>(__builtin_ctz(m->mask));
  int64_t all = SlotOf<ReduceSlot>(*m, first).value;
  ForLanes(*m, [&](unsigned lane) {
    const ReduceSlot& s = SlotOf<ReduceSlot>(*m, lane);
    if (lane != first) all = Combine(s.reduction, all, s.value);
  });
  ForLanes(*m, [&](unsigned lane) { SlotOf<ReduceSlot>(*m, lane).value = all; });
}

struct MmaSlot {
  const uint32_t* a;
  const uint32_t* b;
  float* c;
};

float FromBf16(uint32_t bits) {
  bits <<= 16;
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

// D = A·B + C of m16n8k16, the fragments as the PTX ISA's figures have them: with g = lane / 4
// and t = lane % 4, A's registers hold rows g, g+8, g, g+8 and columns 2t, 2t, 2t+8, 2t+8 (and
// the one behind), B's rows 2t, 2t+8 (and behind) of column g, C's rows g, g, g+8, g+8 and
// columns 2t, 2t+1.
void ResolveMma(Meeting* m) {
  double a[16][16], b[16][8];
  for (unsigned lane = 0; lane < 32; ++lane) {
    const MmaSlot& s = SlotOf<MmaSlot>(*m, lane);
    const unsigned g = lane / 4, t = lane % 4;
    for (unsigned r = 0; r < 4; ++r) {
      double* const to = &a[g + r % 2 * 8][2 * t + r / 2 * 8];
      to[0] = FromBf16(s.a[r] & 0xffffu);
      to[1] = FromBf16(s.a[r] >> 16);
    }
    for (unsigned r = 0; r < 2; ++r) {
      b[2 * t + r * 8][g] = FromBf16(s.b[r] & 0xffffu);
      b[2 * t + r * 8 + 1][g] = FromBf16(s.b[r] >> 16);
    }
  }
  double c[16][8];
  for (unsigned lane = 0; lane < 32; ++lane) {
    const MmaSlot& s = SlotOf<MmaSlot>(*m, lane);
    for (unsigned i = 0; i < 4; ++i) c[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2] = s.c[i];
  }
  for (unsigned row = 0; row < 16; ++row) {
    for (unsigned k = 0; k < 16; ++k) {
      for (unsigned col = 0; col < 8; ++col) c[row][col] += a[row][k] * b[k][col];
    }
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    const MmaSlot& s = SlotOf<MmaSlot>(*m, lane);
    for (unsigned i = 0; i < 4; ++i) {
      s.c[i] = static_cast<float>(c[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2]);
    }
  }
  ++counters.mmas;
}

struct LdMatrixSlot {
  const void* row;
  bool transposed;
  uint32_t* to;
};

// Lane 8i + r brings the address of row r of matrix i, 8 x 8 elements of two bytes; register i
// of a lane gets two neighbours of matrix i: row lane / 4, columns 2 (lane % 4) and the next,
// or, transposed, rows and columns the other way about.
void ResolveLdMatrix(Meeting* m) {
  uint16_t matrix[4][8][8];
  for (unsigned lane = 0; lane < 32; ++lane) {
    std::memcpy(matrix[lane / 8][lane % 8], SlotOf<LdMatrixSlot>(*m, lane).row, 16);
  }
  for (unsigned lane = 0; lane < 32; ++lane) {
    const LdMatrixSlot& s = SlotOf<LdMatrixSlot>(*m, lane);
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
  if (address % bytes == 0) return;
  Fail(Finding::kMisaligned,
       "an access of " + std::to_string(bytes) + " bytes, " + std::to_string(address % bytes) +
           " bytes behind a multiple of that",
       site);
}

struct PendingCopy {
  void* to;
  unsigned char bytes[16];
  Site site;
};
// Of a thread: what is not committed, then the groups, oldest first.
struct AsyncCopies {
  std::vector<PendingCopy> open;
  std::vector<std::vector<PendingCopy>> groups;
};
std::vector<AsyncCopies>& Copies() {
  static auto* by_thread = new std::vector<AsyncCopies>();
  return *by_thread;
}
bool any_copies = false;  // in this block

}  // namespace

void LoadVector(const void* from, void* to, size_t bytes, Site site) {
  const Outside outside;
  CheckAligned(from, bytes, site);
  OnAccess(from, bytes, false, site);
  std::memcpy(to, from, bytes);
}

void StoreVector(const void* from, void* to, size_t bytes, Site site) {
  const Outside outside;
  CheckAligned(to, bytes, site);
  OnAccess(to, bytes, true, site);
  std::memcpy(to, from, bytes);
}

void CheckAtomic(const void* p, size_t bytes, Site site) {
  const Outside outside;
  CheckAligned(p, bytes, site);
  OnDeviceAccess(p, bytes, Access::kAtomic, site);
}

uint64_t Shuffle(const char* function, uint32_t mask, uint64_t value, int source, Site site) {
  const Outside outside;
  ShuffleSlot slot = {value, source, site};
  Meet(function, mask, &slot, ResolveShuffle, site);
  return slot.value;
}

uint32_t Ballot(const char* function, uint32_t mask, bool predicate, Site site) {
  const Outside outside;
  ShuffleSlot slot = {predicate, 0, site};
  Meet(function, mask, &slot, ResolveBallot, site);
  return static_cast<uint32_t>(slot.value);
}

int64_t Reduce(const char* function, uint32_t mask, int64_t value, Reduction reduction, Site site) {
  const Outside outside;
  ReduceSlot slot = {value, reduction};
  Meet(function, mask, &slot, ResolveReduce, site);
  return slot.value;
}

void LdMatrixX4(const void* row, bool transposed, uint32_t* to, Site site) {
  const Outside outside;
  CheckAligned(row, 16, site);
  OnAccess(row, 16, false, site);
  LdMatrixSlot slot = {row, transposed, to};
  Meet("ldmatrix", 0xffffffffu, &slot, ResolveLdMatrix, site);
}

void MmaBf16(const uint32_t* a, const uint32_t* b, float* c, Site site) {
  const Outside outside;
  MmaSlot slot = {a, b, c};
  Meet("mma", 0xffffffffu, &slot, ResolveMma, site);
}

void StartAsyncCopies(unsigned threads) {
  if (any_copies || Copies().size() < threads) Copies().assign(threads, {});
  any_copies = false;
}

void LeaveAsyncCopies() {
  if (!any_copies) return;
  const AsyncCopies& copies = Copies()[actor->now.thread];
  const PendingCopy* left = copies.open.empty() ? nullptr : &copies.open.front();
  for (const auto& group : copies.groups) {
    if (!group.empty()) left = &group.front();
  }
  if (left == nullptr) return;
  Fail(Finding::kAsyncCopy, "the thread leaves the kernel before this cp.async is waited for",
       left->site);
}

// What the copy brings lies in shared memory only after the wait.
void CpAsync16(void* shared, const void* global, bool fill_zero, Site site) {
  const Outside outside;
  CheckAligned(shared, 16, site);
  PendingCopy copy = {shared, {}, site};
  if (!fill_zero) {
    CheckAligned(global, 16, site);
    OnAccess(global, 16, false, site);
    std::memcpy(copy.bytes, global, 16);
  }
  OnCopyStart(shared, 16, site);
  any_copies = true;
  Copies()[actor->now.thread].open.push_back(copy);
}

void CpAsyncCommit() {
  const Outside outside;
  any_copies = true;
  AsyncCopies& copies = Copies()[actor->now.thread];
  copies.groups.push_back(std::move(copies.open));
  copies.open.clear();
}

void CpAsyncWait(int pending) {
  const Outside outside;
  auto& groups = Copies()[actor->now.thread].groups;
  while (groups.size() > static_cast<size_t>(pending)) {
    for (const PendingCopy& copy : groups.front()) {
      OnCopyArrive(copy.to, 16);
      std::memcpy(copy.to, copy.bytes, 16);
    }
    groups.erase(groups.begin());
  }
}

}  // namespace simt
