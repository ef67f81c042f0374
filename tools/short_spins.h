// How long OpenMP threads spin before they sleep.
#ifndef TOOLS_SHORT_SPINS_H_
#define TOOLS_SHORT_SPINS_H_

namespace tools {

// Call first in main. GNU OpenMP's threads spin for milliseconds at the end of
// each parallel loop by default. On cores that others use too (loader threads, a
// browser, another run) that makes a step many times slower, and on idle
// cores it gains nothing. libgomp reads its environment when it is loaded, so
// this sets GOMP_SPINCOUNT and starts the program anew, once. Does nothing where
// GOMP_SPINCOUNT or OMP_WAIT_POLICY is set: the user knows better.
void UseShortSpins(char** argv);

// GOMP_SPINCOUNT for spins of `microseconds`: it counts PAUSE instructions, which take 10 to
// 140 cycles, by processor and virtual machine. Measured here, in less than a millisecond.
int SpinCount(double microseconds);

}  // namespace tools

#endif  // TOOLS_SHORT_SPINS_H_
