// A device whose memory the host may not touch, for tests: what a GPU's memory is to the host,
// without a GPU.
#ifndef TESTS_HARNESS_GUARD_DEVICE_H_
#define TESTS_HARNESS_GUARD_DEVICE_H_

#include <memory>

#include "graph/compiler/backend.h"
#include "graph/runtime/device.h"

namespace harness {

// Named "guard". Its addresses are mapped without any rights except while Launch() runs, so that
// kernels of the CPU work on it and any other access of the host ends the process with a line that
// says so. Copies go through another mapping of the same memory; addresses that are not where they
// should be, the host's for the device's or the other way round, end the process, too. Aligned to
// 256 bytes. Memory that is given back is not given out again. Copies that are started are done
// when somebody waits for them and not before: who forgets to wait reads the old values.
std::shared_ptr<graph::Device> MakeGuardDevice(int threads);

// The same backend on a guard device if the environment has DROPPOS_TEST_DEVICE=guard, else as it
// is. Tests whose backend went through this run on both (tests/harness/on_guard.sh).
graph::Backend OnTestDevice(graph::Backend backend);
// The device of such a backend with one thread.
std::shared_ptr<graph::Device> TestDevice();

}  // namespace harness

#endif  // TESTS_HARNESS_GUARD_DEVICE_H_
