// What the start and the end of every program of tools/ have in common.
#ifndef TOOLS_PROGRAM_H_
#define TOOLS_PROGRAM_H_

#include <ostream>

#include "absl/status/statusor.h"

namespace tools {

// The whole of a program's main(): runs `main` and returns the exit code, which is what `main`
// returns or, with one line on standard error that begins with `name`, 1 for an error.
// Memory that cannot be had is such an error, too, and so is std::cout that cannot be written
// (a full disk; not a reader that goes away). Before that
//   - descriptors 0 to 2 that came closed are opened on /dev/null, so that no file of ours gets
//     one of them and what is meant for the screen;
//   - OpenMP's threads spin only briefly (short_spins.h);
//   - the process has the program's name for top, pgrep and the kernel's log;
//   - a screen that nobody reads any more (`| head`) ends nothing: files are written all the same;
//   - a file that may not grow further (ulimit -f) is an error like a full disk;
//   - a ~/ that the shell left in `argv` becomes the home folder (flags/home.h);
//   - std::cout and std::cerr escape what a terminal would obey (graph::PrintableLines): much
//     of what is printed comes from files. JSON that is printed must be ASCII, which this
//     leaves as it is.
int RunProgram(const char* name, int argc, char** argv,
               absl::StatusOr<int> (*main)(int argc, char** argv));

// Standard output as it is, while `main` runs: for models::RunLog, which escapes by itself and
// draws.
std::ostream* Screen();

}  // namespace tools

#endif  // TOOLS_PROGRAM_H_
