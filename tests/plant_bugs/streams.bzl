"""Bugs of streams, events and captures; plant_bugs.py says what a line means."""

BUGS = [
    # ---- Streams and events.
    dict(
        name = "page-locked memory reused before its copy has read it",
        file = "graph/runtime/input_slot.cc",
        old = "  RETURN_IF_ERROR(device.HostWait(mirror.copied));  // the write before this one\n",
        new = "",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "numbers",
        says = "RunsReadWhatWasWrittenForThem",
    ),
    dict(
        name = "an input overwritten before the run before has read it",
        file = "graph/runtime/input_slot.cc",
        old = "  RETURN_IF_ERROR(device.StreamWait(StreamRole::kCopyIn, read_));\n",
        new = "",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "stream race",
        says = "copy HtoD",
    ),
    dict(
        name = "a run does not wait for the copy of its input",
        file = "graph/runtime/input_slot.cc",
        old = "    RETURN_IF_ERROR(device().StreamWait(StreamRole::kCompute, mirror.copied));\n",
        new = "    (void)mirror;\n",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "stream race",
        says = "copy HtoD",
    ),
    dict(
        name = "a copy's event recorded before the copy",
        file = "graph/runtime/input_slot.cc",
        old = "  RETURN_IF_ERROR(device.StartCopyIn(tensor.data, mirror.memory.data(), " +
              "tensor.type.bytes()));\n" +
              "  is_written_ = true;\n" +
              "  return device.Record(mirror.copied, StreamRole::kCopyIn);",
        new = "  RETURN_IF_ERROR(device.Record(mirror.copied, StreamRole::kCopyIn));\n" +
              "  is_written_ = true;\n" +
              "  return device.StartCopyIn(tensor.data, mirror.memory.data(), " +
              "tensor.type.bytes());",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "stream race",
        says = "copy HtoD",
    ),
    dict(
        name = "the second of two inputs is not waited for",
        file = "graph/runtime/input_slot.cc",
        old = "mirror.copied));\n  }\n  is_written_ = false;",
        new = "mirror.copied));\n    break;\n  }\n  is_written_ = false;",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "stream race",
        says = "copy HtoD",
    ),
    dict(
        name = "nobody says that a run has read the slot",
        file = "graph/runtime/executable.cc",
        old = "    status.Update(slot_->EndRead());  // what was started",
        new = "    // what was started",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "stream race",
        says = "copy HtoD",
    ),
    dict(
        name = "events recorded in the compute stream alone",
        file = "backends/cuda/cuda_device.cc",
        old = "cudaEventRecord(AsEvent(event), AsStream(stream(role)))",
        new = "cudaEventRecord(AsEvent(event), AsStream(stream(role) == nullptr ? copy_in_ : " +
              "compute_))",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "numbers",
        says = "AnEventComesBehindTheCopy",
    ),
    dict(
        name = "the wrong stream waits for an event",
        file = "backends/cuda/cuda_device.cc",
        old = "cudaStreamWaitEvent(AsStream(stream(role)), AsEvent(event), 0)",
        new = "cudaStreamWaitEvent(AsStream(stream(role) == nullptr ? compute_ : copy_in_),\n" +
              "                                      AsEvent(event), 0)",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "stream race",
        says = "copy HtoD",
    ),
    dict(
        name = "copies of inputs in the compute stream",
        file = "backends/cuda/cuda_device.cc",
        old = "cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, AsStream(copy_in_))",
        new = "cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, AsStream(compute_))",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "numbers",
        says = "AnEventComesBehindTheCopy",
    ),
    dict(
        name = "the host does not wait for an event",
        file = "backends/cuda/cuda_device.cc",
        old = "ToStatus(cudaEventSynchronize(AsEvent(event)), \"waiting for an event\")",
        new = "ToStatus(cudaSuccess, \"waiting for an event\")",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "numbers",
        says = "AnEventComesBehindTheCopy",
    ),
    dict(
        name = "the copies' stream is not waited for",
        file = "backends/cuda/cuda_device.cc",
        old = "  status.Update(ToStatus(cudaStreamSynchronize(AsStream(copy_in_)), " +
              "\"copying\"));\n",
        new = "",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "uninitialized",
        says = "copy DtoH",
    ),
    dict(
        name = "a copy returns before it is complete",
        file = "backends/cuda/cuda_device.cc",
        old = "                           AsStream(compute_)),\n" +
              "                           \"copying\"));\n  return Synchronize();",
        new = "                           AsStream(compute_)),\n" +
              "                           \"copying\"));\n  return absl::OkStatus();",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "numbers",
        says = "CopiesWaitForKernels",
    ),
    dict(
        name = "the next batch copied to where the step reads",
        file = "models/training/session.cc",
        old = "  RETURN_IF_ERROR(FeedBatch(&ahead_, *batch));",
        new = "  RETURN_IF_ERROR(FeedBatch(inputs_.get(), *batch));",
        test = "//tests/models/training:session_guard_test",
        by = "numbers",
        says = "TheNextBatchIsCopiedBesideAStep",
    ),
    dict(
        name = "a batch that was copied ahead is taken for the one before",
        file = "models/training/session.cc",
        old = "inputs_->CopyFrom(ahead_, name)",
        new = "inputs_->Find(name).status()",
        test = "//tests/models/training:session_guard_test",
        by = "numbers",
        says = "TheNextBatchIsCopiedBesideAStep",
    ),
    dict(
        name = "a batch that was only looked at leaves its mark in the log",
        file = "models/training/trainer.cc",
        old = "if (named_.insert(message).second) to_name_.push_back(message);",
        new = "if (named_.insert(message).second) run_.log.Line(\"skipped an image: \" + message);",
        test = "//tests/models/training:bad_images_guard_test",
        by = "numbers",
        says = "AStoppedRunHasNamedTheImagesOfItsStepsAlone",
    ),
    dict(
        name = "copies in the legacy stream, which orders nothing",
        file = "backends/cuda/kernel_util.cc",
        old = "cudaMemcpyDeviceToDevice, stream));",
        new = "cudaMemcpyDeviceToDevice, stream != nullptr ? nullptr : stream));",
        test = "//tests/ops:cast_cuda_test",
        by = "numbers",
        says = "element",
    ),
    dict(
        name = "a kernel launched in the legacy stream",
        file = "backends/cuda/clip_factors.cu.cc",
        old = "CUDA_LAUNCH(Decide, 1, kThreads, 0, stream, p);",
        new = "CUDA_LAUNCH(Decide, 1, kThreads, 0, nullptr, p);",
        test = "//tests/ops:clip_factors_cuda_test",
        by = "numbers",
        says = "element",
    ),
    dict(
        name = "initial values copied in a stream of their own",
        file = "backends/cuda/initialize.cc",
        old = "cudaMemcpyHostToDevice, static_cast<Stream>(args().stream))",
        new = "cudaMemcpyHostToDevice,\n" +
              "                                    " +
              "static_cast<Stream>(device_->stream(graph::StreamRole::kCopyIn)))",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "uninitialized",
    ),

    dict(
        name = "kernels for one GPU started while the thread uses another",
        file = "backends/cuda/cuda_device.cc",
        old = "  RETURN_IF_ERROR(Select());\n  return start_kernels();",
        new = "  return start_kernels();",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "refused",
        says = "launched into a stream of a device that is not the thread's",
    ),
    dict(
        name = "memory on the GPU that the thread has used last",
        file = "backends/cuda/cuda_device.cc",
        old = "  RETURN_IF_ERROR(Select());\n  void* data = nullptr;\n  const size_t capacity",
        new = "  void* data = nullptr;\n  const size_t capacity",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "numbers",
        says = "TwoGpusByTurns",
    ),

    # ---- Captures.
    dict(
        name = "one captured run for all slots",
        file = "graph/runtime/executable.cc",
        old = "    return runs.slot.lock() == slot_;",
        new = "    return !runs.slot.expired();",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "stream race",
        says = "copy HtoD",
    ),
    dict(
        name = "kernels keep the addresses of the slot before",
        file = "graph/runtime/executable.cc",
        old = "  slot_ = std::move(slot);\n  bound_ = false;",
        new = "  slot_ = std::move(slot);",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "stream race",
    ),
    dict(
        name = "a captured run that nobody starts",
        file = "graph/runtime/executable.cc",
        old = "    if (runs->captured != nullptr) return device.Replay(runs->captured);\n" +
              "  } else {",
        new = "    if (runs->captured != nullptr) return absl::OkStatus();\n  } else {",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "numbers",
        says = "RunsReadWhatWasWrittenForThem",
    ),
    dict(
        name = "captured runs replayed beside the compute stream",
        file = "backends/cuda/cuda_device.cc",
        old = "static_cast<cudaGraphExec_t>(work.get()), AsStream(compute_))",
        new = "static_cast<cudaGraphExec_t>(work.get()), AsStream(copy_in_))",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "stream race",
    ),
    dict(
        name = "a capture that forbids other threads to allocate",
        file = "backends/cuda/cuda_device.cc",
        old = "cudaStreamCaptureModeThreadLocal",
        new = "cudaStreamCaptureModeGlobal",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "refused",
        says = "cudaHostAlloc while a stream is captured",
    ),
    dict(
        name = "a capture that fails is never ended",
        file = "backends/cuda/cuda_device.cc",
        old = "  absl::Status status = start_kernels();\n  cudaGraph_t graph",
        new = "  absl::Status status = start_kernels();\n  RETURN_IF_ERROR(status);\n" +
              "  cudaGraph_t graph",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "refused",
        says = "ACaptureThatFailsIsOver",
    ),
    dict(
        name = "a product's workspace allocated when it runs",
        file = "backends/cuda/cublaslt_product.cc",
        old = "  const float one = 1.0f, beta =",
        new = "  if (void* p = nullptr; cudaMalloc(&p, 256) == 0) cudaFree(p);\n" +
              "  const float one = 1.0f, beta =",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "refused",
        says = "cudaMalloc while a stream is captured",
    ),
    dict(
        name = "the host waits within a step",
        file = "backends/cuda/initialize.cc",
        old = "    return ToStatus(cudaMemcpyAsync(out<float>(0)",
        new = "    cudaStreamSynchronize(static_cast<Stream>(args().stream));\n" +
              "    return ToStatus(cudaMemcpyAsync(out<float>(0)",
        test = "//tests/backends/cuda:cuda_device_test",
        by = "refused",
        says = "cudaStreamSynchronize of a stream that is captured",
    ),
    dict(
        name = "a number on the device, read by the host",
        file = "backends/cuda/scale.cc",
        old = "      return Scale(In<float>(args, 0), value, factor, Out<float>(args, 0), n, " +
              "stream);",
        new = "      const float by = factor == nullptr ? value : value * *factor;\n" +
              "      return Scale(In<float>(args, 0), by, nullptr, Out<float>(args, 0), n, " +
              "stream);",
        test = "//tests/ops:scale_cuda_test",
        by = "refused",
        says = "device memory",
    ),

    dict(
        name = "weights padded once, though they change",
        file = "backends/cuda/product.cc",
        old = "    char* const to = At(f.padded_at);\n",
        new = "    char* const to = At(f.padded_at);\n" +
              "    static std::vector<const char*> padded;\n" +
              "    if (input == 1 && std::find(padded.begin(), padded.end(), to) != " +
              "padded.end()) return to;\n" +
              "    padded.push_back(to);\n",
        test = "//tests/ops:matmul_cuda_test",
        by = "numbers",
        says = "run again",
    ),
]
