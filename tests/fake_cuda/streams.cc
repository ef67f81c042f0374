// Streams, events and waiting of the fake CUDA runtime.
#include <algorithm>

#include "tests/fake_cuda/state.h"

namespace fake_cuda {
namespace {

CUevent_st* FindEvent(cudaEvent_t event) {
  if (event != nullptr && state().events.count(event) > 0) return event;
  Misuse(cudaErrorInvalidResourceHandle, "an event that does not exist, or no longer");
  return nullptr;
}

// "It is invalid to synchronize or query the execution status of a stream which is being captured
// or a captured event, because they do not represent items scheduled for execution." (Guide)
cudaError_t IfCaptured(CUevent_st* event, const char* function) {
  if (event->capture == nullptr) return cudaSuccess;
  return Invalidate(event->capture.get(), cudaErrorCapturedEvent,
                    std::string(function) + " of an event recorded in a capture");
}
cudaError_t IfCaptured(CUstream_st* stream, const char* function) {
  if (stream->capture == nullptr) return cudaSuccess;
  return Invalidate(stream->capture.get(), cudaErrorStreamCaptureUnsupported,
                    std::string(function) + " of a stream that is captured");
}

}  // namespace
}  // namespace fake_cuda

using fake_cuda::Capture;
using fake_cuda::Entry;
using fake_cuda::Find;
using fake_cuda::FindEvent;
using fake_cuda::IfCaptured;
using fake_cuda::Invalidate;
using fake_cuda::Misuse;
using fake_cuda::Return;
using fake_cuda::state;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Entry entry;
  *stream = nullptr;
  if (entry.error != cudaSuccess) return entry.error;
  if (flags != cudaStreamDefault && flags != cudaStreamNonBlocking) {
    return Return(cudaErrorInvalidValue);
  }
  *stream = new CUstream_st();
  (*stream)->device = fake_cuda::current_device;
  // "cudaStreamNonBlocking: [...] the created stream should perform no implicit synchronization
  // with stream 0" (CUDA)
  (*stream)->blocking = flags == cudaStreamDefault;
  (*stream)->chain = ++state().chains;
  state().streams.insert(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  return cudaStreamCreateWithFlags(stream, cudaStreamDefault);
}

// "In case the device is still doing work in the stream [...], the function will return immediately
// and the resources associated with stream will be released automatically once the device has
// completed all work in stream." (CUDA)
cudaError_t cudaStreamDestroy(cudaStream_t handle) {
  const Entry entry;
  CUstream_st* const stream = Find(handle);
  if (stream == nullptr) return fake_cuda::last_error;
  if (state().streams.erase(stream) == 0) return Return(cudaErrorInvalidResourceHandle);
  cudaError_t error = entry.error;
  if (stream->capture != nullptr) {
    error = Invalidate(stream->capture.get(), cudaErrorStreamCaptureUnsupported,
                       "cudaStreamDestroy of a stream that is captured");
    stream->capture->ends.erase(stream);
    stream->capture->branch.erase(stream);
  }
  if (stream->last != nullptr && !stream->last->done) state().orphans.push_back(stream->last);
  delete stream;
  return error;
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  CUstream_st* const stream = Find(handle);
  if (stream == nullptr) return fake_cuda::last_error;
  if (cudaError_t error = IfCaptured(stream, "cudaStreamSynchronize"); error != cudaSuccess) {
    return error;
  }
  ++state().counters.host_waits;
  return fake_cuda::WaitForStream(stream);
}
// "Returns cudaSuccess if all operations in stream have completed, or cudaErrorNotReady if not."
// (CUDA)
cudaError_t cudaStreamQuery(cudaStream_t handle) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  CUstream_st* const stream = Find(handle);
  if (stream == nullptr) return fake_cuda::last_error;
  if (cudaError_t error = IfCaptured(stream, "cudaStreamQuery"); error != cudaSuccess) return error;
  if (stream->last != nullptr && !stream->last->done) return cudaErrorNotReady;
  return fake_cuda::Wait(stream->last);
}

cudaError_t cudaDeviceSynchronize() {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  auto& s = state();
  // "it is also invalid to query the execution status of or synchronize a broader handle which
  // encompasses an active stream capture, such as a device or context handle" (Guide)
  std::vector<CUstream_st*> streams;
  for (auto& [device, legacy] : s.legacy) {
    if (device == fake_cuda::current_device) streams.push_back(&legacy);
  }
  for (CUstream_st* const stream : s.streams) {
    if (stream->device != fake_cuda::current_device) continue;
    streams.push_back(stream);
    if (stream->capture == nullptr) continue;
    return Invalidate(stream->capture.get(), cudaErrorStreamCaptureUnsupported,
                      "cudaDeviceSynchronize while a stream is captured");
  }
  std::vector<fake_cuda::WorkPtr> all = std::move(s.orphans);
  s.orphans.clear();
  for (const CUstream_st* const stream : streams) {
    all.insert(all.end(), stream->waits.begin(), stream->waits.end());
    all.push_back(stream->last);
  }
  ++s.counters.host_waits;
  std::shuffle(all.begin(), all.end(), s.random);
  for (const auto& work : all) fake_cuda::Wait(work);
  return Return(s.sticky);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const Entry entry;
  *event = nullptr;
  if (entry.error != cudaSuccess) return entry.error;
  *event = new CUevent_st();
  (*event)->device = fake_cuda::current_device;
  (*event)->timing = (flags & cudaEventDisableTiming) == 0;
  state().events.insert(*event);
  return cudaSuccess;
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}
// "An event may be destroyed before it is complete [...]. In this case, the call does not block"
// (CUDA)
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Entry entry;
  if (FindEvent(event) == nullptr) return fake_cuda::last_error;
  state().events.erase(event);
  delete event;
  return entry.error;
}

// "Captures in event the contents of stream at the time of this call. [...] Uses of stream after
// this call do not modify event. [...] can be called multiple times on the same event and will
// overwrite the previously captured state." (CUDA)
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  CUstream_st* const stream = Find(handle);
  if (stream == nullptr || FindEvent(event) == nullptr) return fake_cuda::last_error;
  // "cudaEventRecord() will fail if the input event and input stream are associated to different
  // devices." (Guide, Stream and Event Behavior)
  if (event->device != stream->device) {
    return Misuse(cudaErrorInvalidResourceHandle, "an event recorded on another device");
  }
  if (stream->capture != nullptr) {
    if (stream->capture->invalid) return Return(cudaErrorStreamCaptureInvalidated);
    event->capture = stream->capture;
    event->ends = stream->capture->ends[stream];
    event->work = nullptr;
    return cudaSuccess;
  }
  event->capture = nullptr;
  event->work = fake_cuda::Push(stream, "event", nullptr);
  return Return(state().sticky);
}

// "Makes all future work submitted to stream wait for all work captured in event. [...] use the
// most recently captured state at the time of the API call, and are not affected by later calls to
// cudaEventRecord()" (CUDA)
cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  CUstream_st* const stream = Find(handle);
  if (stream == nullptr || FindEvent(event) == nullptr) return fake_cuda::last_error;
  Capture* const own = stream->capture.get();
  if (own != nullptr && own->invalid) return Return(cudaErrorStreamCaptureInvalidated);
  if (event->capture != nullptr) {
    Capture* const other = event->capture.get();
    // "The operation is not permitted on an event which was last recorded in a capturing stream."
    // (CUDA, cudaErrorCapturedEvent), when that capture is over.
    if (other->over) return Misuse(cudaErrorCapturedEvent, "a wait for an event of an old capture");
    if (other->invalid) return Return(cudaErrorStreamCaptureInvalidated);
    // "It is invalid to merge two separate capture graphs by waiting on a captured event from a
    // stream which is being captured and is associated with a different capture graph" (Guide)
    if (own != nullptr && own != other) {
      other->invalid = true;
      return Invalidate(own, cudaErrorStreamCaptureMerge, "a wait across two captures");
    }
    // "a disallowed implicit dependency on a current capture sequence from cudaStreamLegacy" (CUDA)
    if (state().streams.count(stream) == 0) {
      return Invalidate(other, cudaErrorStreamCaptureImplicit,
                        "the legacy stream waits for an event of a capture");
    }
    stream->capture = event->capture;  // it joins, if it was not there
    other->ends[stream].insert(event->ends.begin(), event->ends.end());
    return cudaSuccess;
  }
  // "Before the first call to cudaEventRecord(), an event represents an empty set of work" (CUDA)
  if (event->work == nullptr) return cudaSuccess;
  // "It is invalid to wait on a non-captured event from a stream which is being captured without
  // specifying the cudaEventWaitExternal flag." (Guide)
  if (own != nullptr) {
    return Invalidate(own, cudaErrorStreamCaptureIsolation,
                      "a captured stream waits for an event from before the capture");
  }
  stream->waits.push_back(event->work);
  simt::Merge(event->work->clock, &stream->known);
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  if (FindEvent(event) == nullptr) return fake_cuda::last_error;
  if (cudaError_t error = IfCaptured(event, "cudaEventSynchronize"); error != cudaSuccess) {
    return error;
  }
  ++state().counters.host_waits;
  return fake_cuda::Wait(event->work);
}
// "Returns cudaSuccess if all captured work has been completed, or cudaErrorNotReady if any
// captured work is incomplete." (CUDA)
cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  if (FindEvent(event) == nullptr) return fake_cuda::last_error;
  if (cudaError_t error = IfCaptured(event, "cudaEventQuery"); error != cudaSuccess) return error;
  if (event->work != nullptr && !event->work->done) return cudaErrorNotReady;
  return fake_cuda::Wait(event->work);
}
// "If cudaEventRecord() has not been called on either event, then cudaErrorInvalidResourceHandle is
// returned. If [...] one or both of them has not yet been completed [...], cudaErrorNotReady is
// returned. If either event was created with the cudaEventDisableTiming flag, then this function
// will return cudaErrorInvalidResourceHandle." (CUDA) An operation takes a microsecond.
cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  const Entry entry;
  if (entry.error != cudaSuccess) return entry.error;
  for (const cudaEvent_t event : {start, end}) {
    if (FindEvent(event) == nullptr) return fake_cuda::last_error;
    if (!event->timing || event->work == nullptr) {
      return Misuse(cudaErrorInvalidResourceHandle, "the time of an event that has none");
    }
  }
  if (!start->work->done || !end->work->done) return cudaErrorNotReady;
  *ms = static_cast<float>(end->work->finished_ms - start->work->finished_ms);
  return cudaSuccess;
}

}  // extern "C"
