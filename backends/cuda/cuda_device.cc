#include "backends/cuda/cuda_device.h"

#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"

namespace backends::cuda {
namespace {

constexpr int kLeastMajor = 8;  // bf16 products of mma.sync and asynchronous copies

cudaStream_t AsStream(graph::Stream stream) { return static_cast<cudaStream_t>(stream); }

// cudaEvent_t is a pointer, so it is what graph::Event points to.
cudaEvent_t AsEvent(const graph::Event& event) { return static_cast<cudaEvent_t>(event.get()); }

std::string Version(int number) {
  return absl::StrCat(number / 1000, ".", number % 1000 / 10);
}

// Why no GPU can be used, and what to do.
absl::Status Missing(cudaError_t error) {
  int runtime = 0, driver = 0;
  cudaRuntimeGetVersion(&runtime);
  cudaDriverGetVersion(&driver);
  if (error == cudaErrorInsufficientDriver && driver == 0) {
    return absl::UnavailableError(absl::StrCat(
        "no NVIDIA driver; install one that knows CUDA ", Version(runtime), ", or use --device=cpu"));
  }
  if (error == cudaErrorInsufficientDriver) {
    return absl::UnavailableError(
        absl::StrCat("the NVIDIA driver knows CUDA ", Version(driver), " and this program needs ",
                     Version(runtime), "; install a newer driver, or use --device=cpu"));
  }
  if (error == cudaErrorNoDevice) {
    return absl::UnavailableError(
        "the NVIDIA driver sees no GPU (is CUDA_VISIBLE_DEVICES set?); use --device=cpu");
  }
  return absl::UnavailableError(absl::StrCat("CUDA does not start: ", cudaGetErrorName(error), ", ",
                                             cudaGetErrorString(error), "; use --device=cpu"));
}

absl::Status CheckCapability(const GpuProperties& gpu) {
  if (gpu.major >= kLeastMajor) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(gpu.name, " has compute capability ", gpu.major, ".", gpu.minor, "; ",
                   kLeastMajor, ".0 (Ampere) or newer is needed; use another, or --device=cpu"));
}

}  // namespace

absl::Status ToStatus(int cuda_error, absl::string_view what) {
  if (cuda_error == cudaSuccess) return absl::OkStatus();
  cudaGetLastError();  // else the next launch reports it, too; what is sticky stays
  const cudaError_t error = static_cast<cudaError_t>(cuda_error);
  const std::string text =
      absl::StrCat(what, ": ", cudaGetErrorName(error), ", ", cudaGetErrorString(error));
  return error == cudaErrorMemoryAllocation ? absl::ResourceExhaustedError(text)
                                            : absl::InternalError(text);
}

absl::StatusOr<std::shared_ptr<CudaDevice>> CudaDevice::Create(int index, int threads) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess) return Missing(error);
  if (count == 0) return Missing(cudaErrorNoDevice);
  if (index < 0 || index >= count) {
    return absl::UnavailableError(
        absl::StrCat("there is no cuda:", index, "; this machine has ",
                     count == 1 ? "cuda:0" : absl::StrCat("cuda:0 to cuda:", count - 1),
                     "; use one of these, or --device=cpu"));
  }
  std::shared_ptr<CudaDevice> device(new CudaDevice(index, threads));
  RETURN_IF_ERROR(graph::Annotate(device->Start(), device->name()));
  return device;
}

absl::StatusOr<std::shared_ptr<CudaDevice>> CudaDevice::Describe(const GpuProperties& properties,
                                                                 int threads) {
  RETURN_IF_ERROR(CheckCapability(properties));
  std::shared_ptr<CudaDevice> device(new CudaDevice(/*index=*/-1, threads));
  device->properties_ = properties;
  device->cudnn_text_ = "no cuDNN: this GPU is only described";
  return device;
}

absl::Status CudaDevice::Start() {
  cudaDeviceProp properties;
  RETURN_IF_ERROR(ToStatus(cudaGetDeviceProperties(&properties, index_), "asking for properties"));
  properties_ = {properties.name, properties.major, properties.minor,
                 properties.multiProcessorCount, properties.totalGlobalMem,
                 properties.sharedMemPerBlockOptin};
  RETURN_IF_ERROR(CheckCapability(properties_));
  RETURN_IF_ERROR(Select());
  for (graph::Stream* stream : {&compute_, &copy_in_}) {
    cudaStream_t made = nullptr;
    RETURN_IF_ERROR(
        ToStatus(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking), "making a stream"));
    *stream = made;
  }
  const cublasStatus_t status = cublasLtCreate(&cublaslt_);
  if (status != CUBLAS_STATUS_SUCCESS) {
    return absl::UnavailableError(absl::StrCat("cuBLASLt does not start: ",
                                               cublasLtGetStatusName(status),
                                               "; use --device=cpu"));
  }
  auto cudnn = LoadCudnn(properties_.major * 10 + properties_.minor);
  cudnn_text_ = cudnn.ok() ? absl::StrCat("cuDNN ", (*cudnn)->version())
                           : absl::StrCat("no cuDNN: ", cudnn.status().message());
  if (cudnn.ok()) cudnn_ = *std::move(cudnn);
  return absl::OkStatus();
}

CudaDevice::~CudaDevice() {
  if (!Select().ok()) return;
  cudnn_.reset();
  if (cublaslt_ != nullptr) cublasLtDestroy(cublaslt_);
  for (const graph::Stream stream : {compute_, copy_in_}) {
    if (stream != nullptr) cudaStreamDestroy(AsStream(stream));
  }
}

std::string CudaDevice::name() const {
  return described() ? properties_.name : absl::StrCat("cuda:", index_);
}

absl::Status CudaDevice::Select() const {
  if (described()) {
    return absl::FailedPreconditionError(
        absl::StrCat(name(), " is only described, for plans; nothing runs on it"));
  }
  return ToStatus(cudaSetDevice(index_), "selecting the GPU");
}

absl::StatusOr<const CudnnPlan*> CudaDevice::PlanCudnn(const CudnnGraphSpec& spec) {
  if (cudnn_ == nullptr) return absl::UnimplementedError(cudnn_text_);
  RETURN_IF_ERROR(Select());
  return cudnn_->Plan(spec);
}

absl::optional<size_t> CudaDevice::AvailableBytes() const {
  if (described()) {
    return properties_.memory_bytes - std::min(properties_.memory_bytes, kReservedBytes);
  }
  size_t free = 0, total = 0;
  if (!Select().ok() || !ToStatus(cudaMemGetInfo(&free, &total), "asking for memory").ok()) {
    return absl::nullopt;
  }
  return free;
}

absl::StatusOr<graph::Block> CudaDevice::Allocate(size_t bytes, graph::Contents contents) {
  RETURN_IF_ERROR(Select());
  void* data = nullptr;
  const size_t capacity = std::max<size_t>(bytes, 1);
  const cudaError_t error = cudaMalloc(&data, capacity);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return absl::ResourceExhaustedError(absl::StrCat(
        name(), " has no memory for ", (capacity + (1 << 20) - 1) >> 20, " MiB"));
  }
  RETURN_IF_ERROR(ToStatus(error, "allocating"));
  graph::Block block(data, bytes, [this](void* p) {
    if (Select().ok()) cudaFree(p);
  });
  if (contents == graph::Contents::kZero) {
    RETURN_IF_ERROR(
        ToStatus(cudaMemsetAsync(data, 0, capacity, AsStream(compute_)), "clearing memory"));
    RETURN_IF_ERROR(Synchronize());
  }
  return block;
}

absl::Status CudaDevice::Copy(void* to, const void* from, size_t bytes, int kind) {
  RETURN_IF_ERROR(Synchronize());
  if (bytes == 0) return absl::OkStatus();
  RETURN_IF_ERROR(ToStatus(cudaMemcpyAsync(to, from, bytes, static_cast<cudaMemcpyKind>(kind),
                                           AsStream(compute_)),
                           "copying"));
  return Synchronize();
}

absl::Status CudaDevice::CopyIn(void* to, const void* from, size_t bytes) {
  return Copy(to, from, bytes, cudaMemcpyHostToDevice);
}

absl::Status CudaDevice::CopyOut(void* to, const void* from, size_t bytes) {
  return Copy(to, from, bytes, cudaMemcpyDeviceToHost);
}

absl::Status CudaDevice::CopyWithin(void* to, const void* from, size_t bytes) {
  return Copy(to, from, bytes, cudaMemcpyDeviceToDevice);
}

absl::Status CudaDevice::Launch(absl::FunctionRef<absl::Status()> start_kernels) {
  RETURN_IF_ERROR(Select());
  return start_kernels();
}

absl::StatusOr<graph::CapturedWork> CudaDevice::Capture(
    absl::FunctionRef<absl::Status()> start_kernels) {
  RETURN_IF_ERROR(Select());
  // Of this thread only: others go on copying and allocating.
  RETURN_IF_ERROR(
      ToStatus(cudaStreamBeginCapture(AsStream(compute_), cudaStreamCaptureModeThreadLocal),
               "beginning a capture"));
  absl::Status status = start_kernels();
  cudaGraph_t graph = nullptr;
  status.Update(ToStatus(cudaStreamEndCapture(AsStream(compute_), &graph), "capturing a step"));
  cudaGraphExec_t exec = nullptr;
  if (status.ok()) {
    status = ToStatus(cudaGraphInstantiate(&exec, graph, 0), "making a graph of a step");
  }
  if (graph != nullptr) cudaGraphDestroy(graph);
  RETURN_IF_ERROR(status);
  return graph::CapturedWork(exec, [this](void* e) {
    if (Select().ok()) cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(e));
  });
}

absl::Status CudaDevice::Replay(const graph::CapturedWork& work) {
  RETURN_IF_ERROR(Select());
  return ToStatus(cudaGraphLaunch(static_cast<cudaGraphExec_t>(work.get()), AsStream(compute_)),
                  "starting a captured step");
}

absl::Status CudaDevice::Synchronize() {
  RETURN_IF_ERROR(Select());
  // Kernels first: a copy would report their error as its own.
  absl::Status status = ToStatus(cudaStreamSynchronize(AsStream(compute_)), "running kernels");
  status.Update(ToStatus(cudaStreamSynchronize(AsStream(copy_in_)), "copying"));
  return status;
}

graph::Stream CudaDevice::stream(graph::StreamRole role) {
  return role == graph::StreamRole::kCompute ? compute_ : copy_in_;
}

absl::StatusOr<graph::Block> CudaDevice::AllocateHost(size_t bytes) {
  RETURN_IF_ERROR(Select());
  void* data = nullptr;
  RETURN_IF_ERROR(ToStatus(cudaHostAlloc(&data, std::max<size_t>(bytes, 1), cudaHostAllocDefault),
                           absl::StrCat("allocating ", bytes, " bytes of page-locked memory")));
  return graph::Block(data, bytes, [this](void* p) {
    if (Select().ok()) cudaFreeHost(p);
  });
}

absl::Status CudaDevice::StartCopyIn(void* to, const void* from, size_t bytes) {
  RETURN_IF_ERROR(Select());
  if (bytes == 0) return absl::OkStatus();
  return ToStatus(
      cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, AsStream(copy_in_)), "copying in");
}

absl::Status CudaDevice::StartCopyOut(void* to, const void* from, size_t bytes) {
  RETURN_IF_ERROR(Select());
  if (bytes == 0) return absl::OkStatus();
  return ToStatus(
      cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, AsStream(compute_)), "copying out");
}

absl::StatusOr<graph::Event> CudaDevice::MakeEvent() {
  RETURN_IF_ERROR(Select());
  cudaEvent_t event = nullptr;
  RETURN_IF_ERROR(
      ToStatus(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "making an event"));
  return graph::Event(event, [this](void* e) {
    if (Select().ok()) cudaEventDestroy(static_cast<cudaEvent_t>(e));
  });
}

absl::Status CudaDevice::Record(const graph::Event& event, graph::StreamRole role) {
  RETURN_IF_ERROR(Select());
  return ToStatus(cudaEventRecord(AsEvent(event), AsStream(stream(role))), "recording an event");
}

absl::Status CudaDevice::StreamWait(graph::StreamRole role, const graph::Event& event) {
  if (event == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(Select());
  return ToStatus(cudaStreamWaitEvent(AsStream(stream(role)), AsEvent(event), 0),
                  "waiting for an event");
}

absl::Status CudaDevice::HostWait(const graph::Event& event) {
  if (event == nullptr) return absl::OkStatus();
  RETURN_IF_ERROR(Select());
  return ToStatus(cudaEventSynchronize(AsEvent(event)), "waiting for an event");
}

}  // namespace backends::cuda
