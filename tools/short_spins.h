// Limits how long OpenMP threads spin before they sleep.
#ifndef TOOLS_SHORT_SPINS_H_
#define TOOLS_SHORT_SPINS_H_

namespace tools {

// Call first in main. By default GNU OpenMP's threads spin for milliseconds at the end of each
// parallel loop. On cores that others use too (loader threads, a browser, another run) that makes a
// step many times slower, and on idle cores it gains nothing. libgomp reads its environment when it
// is loaded, so this sets GOMP_SPINCOUNT and re-executes the program, once. Does nothing if
// GOMP_SPINCOUNT or OMP_WAIT_POLICY is set: the user knows better.
void UseShortSpins(char** argv);

// GOMP_SPINCOUNT for spins of `microseconds`. It counts PAUSE instructions, which take 10 to 140
// cycles, depending on processor and virtual machine; measured in less than a millisecond.
int SpinCount(double microseconds);

}  // namespace tools

#endif  // TOOLS_SHORT_SPINS_H_
