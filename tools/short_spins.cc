#include "tools/short_spins.h"

#include <unistd.h>

#include <cstdlib>

namespace tools {

void UseShortSpins(char** argv) {
  if (std::getenv("GOMP_SPINCOUNT") != nullptr || std::getenv("OMP_WAIT_POLICY") != nullptr) {
    return;
  }
  // About 10 µs: longer than two threads of equal work differ, shorter than it
  // takes to notice.
  setenv("GOMP_SPINCOUNT", "10000", 1);
  execv("/proc/self/exe", argv);
  // Without /proc the program goes on as it is, only slower in company.
}

}  // namespace tools
