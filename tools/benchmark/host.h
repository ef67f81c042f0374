// What the operating system tells about this process and machine.
#ifndef TOOLS_BENCHMARK_HOST_H_
#define TOOLS_BENCHMARK_HOST_H_

#include <string>

namespace tools {

// "Intel(R) Xeon(R) ...": the model name in /proc/cpuinfo, or "unknown".
std::string CpuName();

// The peak resident memory in MiB (VmHWM) since the process began or ResetPeakResident() last
// succeeded; 0 if the system does not say.
double PeakResidentMib();

// Resets the peak to the memory resident now. False if the kernel does not allow it; the peak then
// still counts from the beginning of the process.
bool ResetPeakResident();

// Seconds since the system started this process; an exec does not restart the count. The resolution
// is the system's clock tick, a hundredth of a second. 0 if the system does not say.
double SecondsSinceLaunch();

}  // namespace tools

#endif  // TOOLS_BENCHMARK_HOST_H_
