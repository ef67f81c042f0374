// Cells, and what is said of them.
#include "tests/simt/shadow.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <vector>

namespace simt {
namespace {

size_t CellBytes(const Region& r) { return ((r.bytes >> r.shift) + 1) * sizeof(Cell); }

// Of each page of a large region's cells what Linux says: the highest two bits are zero where
// nobody has touched it, which is nearly everywhere. Empty where it is quicker to look, or Linux is
// silent.
std::vector<uint64_t> PagesOf(const Region& r) {
  std::vector<uint64_t> pages;
  if (r.bytes <= kFilled) return pages;
  const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const int file = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (file < 0) return pages;
  pages.resize((CellBytes(r) + page - 1) / page);
  const size_t bytes = pages.size() * sizeof(uint64_t);
  const off_t first =
      static_cast<off_t>(reinterpret_cast<uintptr_t>(r.cells) / page * sizeof(uint64_t));
  for (size_t done = 0; done < bytes;) {
    const ssize_t got = pread(file, reinterpret_cast<char*>(pages.data()) + done, bytes - done,
                              first + static_cast<off_t>(done));
    if (got <= 0) {
      pages.clear();
      break;
    }
    done += static_cast<size_t>(got);
  }
  close(file);
  return pages;
}

std::string Text(Index i) {
  return "(" + std::to_string(i.x) + "," + std::to_string(i.y) + "," + std::to_string(i.z) + ")";
}

std::string Who(const Stamp& s) {
  if (s.block == kManyBlocks) return "several blocks";
  std::string text = "block " + Text(BlockOf(s.block)) + ", ";
  if (s.thread == kManyWarps) return text + "threads of several warps";
  if (s.thread >= kLaneGroups) {
    const Lanes lanes = LanesOf(GroupOf(s.thread));
    const unsigned first = WarpOf(s.thread) * 32 + lanes.first;
    return text + "threads among " + std::to_string(first) + " to " +
           std::to_string(first + lanes.count - 1);
  }
  return text + "thread " + Text(ThreadOf(s.thread));
}

std::string Place(const Region& r, size_t offset) {
  return (r.name.empty() ? std::string("an allocation") : "'" + r.name + "'") + " of " +
         std::to_string(r.bytes) + " bytes, at byte " + std::to_string(offset);
}

}  // namespace

void MakeCells(Region* region) {
  void* const cells = mmap(nullptr, CellBytes(*region), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (cells == MAP_FAILED) throw std::bad_alloc();
  region->cells = static_cast<Cell*>(cells);
}

void DropCells(Region* region) {
  if (region->cells != nullptr) munmap(region->cells, CellBytes(*region));
  region->cells = nullptr;
}

void ForgetStamps(Region* region) {
  if (region->cells == nullptr) return;
  for (size_t unit = 0; unit <= region->bytes >> region->shift; ++unit) {
    Cell& cell = region->cells[unit];
    if (Raw(cell.write) == 0 && Raw(cell.read) == 0) continue;
    const bool written = Raw(cell.write) != 0 && !region->shared;
    cell = Cell{};
    if (written) cell.write.epoch = 1;
  }
}

void SplitCells(Region* r, unsigned shift) {
  const Outside outside;
  const Region whole = *r;
  r->shift = shift;
  MakeCells(r);
  const size_t parts = size_t{1} << (whole.shift - shift);
  const size_t units = (r->bytes >> shift) + 1;
  const std::vector<uint64_t> pages = PagesOf(whole);
  const size_t of_page = static_cast<size_t>(sysconf(_SC_PAGESIZE)) / sizeof(Cell);
  const size_t end = (whole.bytes >> whole.shift) + 1;
  for (size_t unit = 0; unit < end; ++unit) {
    if (!pages.empty() && unit % of_page == 0 && pages[unit / of_page] >> 62 == 0) {
      unit += of_page - 1;
      continue;
    }
    const Cell& cell = whole.cells[unit];
    if (Raw(cell.write) == 0 && Raw(cell.read) == 0) continue;  // pages that nobody needs
    for (size_t i = unit * parts; i < (unit + 1) * parts && i < units; ++i) r->cells[i] = cell;
  }
  munmap(whole.cells, CellBytes(whole));
}

void WarpTimes::MeetSome(uint32_t mask) {
  if (!some) std::memset(last, 0, sizeof(last));
  some = true;
  // Who meets learns of all that any of them had met.
  uint16_t met[32] = {};
  for (unsigned a = 0; a < 32; ++a) {
    if ((mask >> a & 1) == 0) continue;
    for (unsigned b = 0; b < 32; ++b) met[b] = last[a][b] > met[b] ? last[a][b] : met[b];
  }
  for (unsigned a = 0; a < 32; ++a) {
    if (mask >> a & 1) met[a] = static_cast<uint16_t>(now);
  }
  for (unsigned a = 0; a < 32; ++a) {
    if (mask >> a & 1) std::memcpy(last[a], met, sizeof(met));
  }
}

void Conflict(const Region& r, size_t unit, const Stamp& then, bool then_write, Access access,
              const Where& where) {
  const Outside outside;
  const Stamp& now = actor->now;
  const std::string what = std::string(access == Access::kRead     ? "reads"
                                       : access == Access::kAtomic ? "updates by an atomic"
                                                                   : "writes") +
                           " what was " +
                           (then.atomic  ? "updated by an atomic"
                            : then_write ? "written"
                                         : "read") +
                           " by ";
  const std::string in = " in " + Place(r, unit << r.shift);
  if (then.launch != now.launch) {
    Fail(Finding::kStreamRace,
         what + OperationName(then.launch) + ", which nothing orders before it," + in, where);
  }
  const char* missing = then.block != now.block ? ", and blocks have no order"
                        : WarpOf(then.thread) == now.thread / 32 && then.thread != kManyWarps
                            ? " with no __syncwarp between"
                            : " with no __syncthreads between";
  Fail(Finding::kRace, what + Who(then) + in + missing, where);
}

void Copying(const Region& r, size_t unit, const Stamp& then, bool read, const Where& where) {
  const Outside outside;
  Fail(Finding::kAsyncCopy,
       std::string(read ? "reads" : "writes") + " what a cp.async of thread " +
           Text(ThreadOf(then.epoch)) + " brings, which has not waited for it, in " +
           Place(r, unit << r.shift),
       where);
}

void Unwritten(const Region& r, size_t unit, const Where& where) {
  const Outside outside;
  Fail(Finding::kUninitialized,
       std::string("reads what nobody wrote") + (r.shared ? " in this block" : "") + " in " +
           Place(r, unit << r.shift),
       where);
}

void OutOfRegion(const Region& r, size_t offset, size_t bytes, bool read, const Where& where) {
  const Outside outside;
  if (!r.live) Fail(Finding::kFreed, "touches freed " + Place(r, offset), where);
  Fail(Finding::kOutOfBounds,
       std::string(read ? "reads " : "writes ") + std::to_string(bytes) +
           " bytes past the end of " + Place(r, offset),
       where);
}

}  // namespace simt
