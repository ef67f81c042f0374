// A double of the CUDA driver, libcuda.so.1, with which the real cuDNN validates, plans and
// compiles graphs on a machine that has none. cuDNN is told the device's properties, so it asks the
// driver for no device; what its engines look up must be there, and what loads compiled code must
// succeed. All else fails as the toolkit's own stub of the driver does.
extern "C" {

constexpr int kSuccess = 0, kStubLibrary = 34;  // CUDA_ERROR_STUB_LIBRARY

// Handles that are not null.
#define GIVES_HANDLE(name)                     \
  int name(void** handle) {                    \
    *handle = reinterpret_cast<void*>(0x1000); \
    return kSuccess;                           \
  }
#define SUCCEEDS(name) \
  int name() { return kSuccess; }
#define FAILS(name) \
  int name() { return kStubLibrary; }

GIVES_HANDLE(cuKernelGetFunction)
GIVES_HANDLE(cuLibraryGetKernel)
GIVES_HANDLE(cuLibraryGetModule)
GIVES_HANDLE(cuLibraryLoadData)
GIVES_HANDLE(cuModuleGetFunction)
GIVES_HANDLE(cuModuleLoadData)
GIVES_HANDLE(cuModuleLoadDataEx)
GIVES_HANDLE(cuModuleLoadFatBinary)
SUCCEEDS(cuFuncSetAttribute)
SUCCEEDS(cuKernelSetAttribute)
SUCCEEDS(cuLibraryUnload)
SUCCEEDS(cuModuleUnload)
int cuFuncGetAttribute(int* value) { return *value = kSuccess; }
int cuKernelGetAttribute(int* value) { return *value = kSuccess; }

FAILS(cuCtxGetCurrent)
FAILS(cuCtxGetLimit)
FAILS(cuCtxPopCurrent)
FAILS(cuCtxPushCurrent)
FAILS(cuDeviceGet)
FAILS(cuDeviceGetCount)
FAILS(cuDriverGetVersion)
FAILS(cuGetErrorName)
FAILS(cuGetErrorString)
FAILS(cuLaunchCooperativeKernel)
FAILS(cuLaunchKernel)
FAILS(cuLaunchKernelEx)
FAILS(cuLibraryLoadFromFile)
FAILS(cuLinkAddData)
FAILS(cuLinkComplete)
FAILS(cuLinkCreate)
FAILS(cuLinkDestroy)
FAILS(cuOccupancyMaxPotentialClusterSize)
FAILS(cuStreamGetCtx)

}  // extern "C"
