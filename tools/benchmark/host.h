// What the operating system knows of this process and machine.
#ifndef TOOLS_BENCHMARK_HOST_H_
#define TOOLS_BENCHMARK_HOST_H_

#include <string>

namespace tools {

// "Intel(R) Xeon(R) ...": the model name in /proc/cpuinfo, or "unknown".
std::string CpuName();

// The most memory that was resident at once, in MiB (VmHWM), since the process began or
// ResetPeakResident() last succeeded; 0 where the system does not say.
double PeakResidentMib();

// Lets the peak begin again at what is resident now. False where the kernel does not
// allow it; the peak then counts from the beginning of the process.
bool ResetPeakResident();

// Since the system started this process; an exec in between does not begin anew. As
// fine as the system's clock tick, a hundredth of a second. 0 where it does not say.
double SecondsSinceLaunch();

}  // namespace tools

#endif  // TOOLS_BENCHMARK_HOST_H_
