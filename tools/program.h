// The common start and end of every program of tools/.
#ifndef TOOLS_PROGRAM_H_
#define TOOLS_PROGRAM_H_

#include <ostream>

#include "absl/status/statusor.h"

namespace tools {

// The whole of a program's main(): runs `main` and returns the exit code: `main`'s result or, for
// an error, 1 with one line on standard error that begins with `name`. Running out of memory is
// such an error, and so is failing to write std::cout (a full disk; not a reader that goes away).
// `--version` alone prints the version instead. Before that
//   - descriptors 0 to 2 that were closed are opened on /dev/null, so that no file of ours gets
//     one of them and receives what is meant for the screen;
//   - OpenMP's threads are set to spin only briefly, for which the program executes itself again,
//     once, unless GOMP_SPINCOUNT or OMP_WAIT_POLICY is set: then the user knows better;
//   - the process gets the program's name for top, pgrep and the kernel's log;
//   - a closed pipe (`| head`) no longer ends the program: files are still written;
//   - a file that may not grow further (ulimit -f) becomes an error like a full disk;
//   - a ~/ that the shell left in `argv` becomes the home folder (flags/home.h);
//   - std::cout and std::cerr escape what a terminal would obey (graph::PrintableLines), because
//     much of the output comes from files. Printed JSON must be ASCII, which this leaves unchanged.
int RunProgram(const char* name, int argc, char** argv,
               absl::StatusOr<int> (*main)(int argc, char** argv));

// Standard output without escaping, while `main` runs: for models::RunLog, which escapes and draws
// by itself.
std::ostream* Screen();

// GOMP_SPINCOUNT for spins of `microseconds`. It counts PAUSE instructions, which take 10 to 140
// cycles, depending on processor and virtual machine; measured in less than a millisecond.
int SpinCount(double microseconds);

}  // namespace tools

#endif  // TOOLS_PROGRAM_H_
