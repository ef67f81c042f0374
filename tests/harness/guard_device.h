// A device for tests whose memory the host may not touch, like a GPU's.
#ifndef TESTS_HARNESS_GUARD_DEVICE_H_
#define TESTS_HARNESS_GUARD_DEVICE_H_

#include <memory>

#include "graph/compiler/backend.h"
#include "graph/runtime/device.h"

namespace harness {

// Named "guard". Its memory is mapped without access rights except while Launch() runs, so that CPU
// kernels work on it, and any other access by the host ends the process with a line that says so.
// Copies go through another mapping of the same memory; an address of the host where one of the
// device is expected, or the reverse, ends the process, too. Tensors are aligned to 256 bytes.
// Freed memory is never given out again. A started copy is done only when something waits for it,
// so code that forgets to wait reads old values.
std::shared_ptr<graph::Device> MakeGuardDevice(int threads);

// `backend` on a guard device if the environment has DROPPOS_TEST_DEVICE=guard, else unchanged.
// Tests that pass their backend through this run on both (tests/harness/on_guard.sh).
graph::Backend OnTestDevice(graph::Backend backend);
// The device of such a backend, with one thread.
std::shared_ptr<graph::Device> TestDevice();

}  // namespace harness

#endif  // TESTS_HARNESS_GUARD_DEVICE_H_
