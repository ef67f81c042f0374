#include "backends/cuda/cudnn_graphs.h"

// The frontend then links nothing, neither cuDNN nor NVRTC nor the driver.
#define NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
#include <cudnn_frontend.h>
#include <dlfcn.h>

#include <cmath>
#include <exception>
#include <vector>

#include "absl/strings/str_cat.h"
#include "graph/base/status.h"

namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;  // the frontend looks up all functions of cuDNN in it
}

namespace backends::cuda {

namespace fe = cudnn_frontend;

struct CudnnGraph::Impl {
  fe::graph::Graph graph;
  cudnnContext* handle = nullptr;
  absl::Status target;  // whether it was understood
};

namespace {

// An older one pads attention's gradient over tokens that are no multiple of 128, which its
// frontend prepares on every run through another copy of the CUDA runtime than ours.
constexpr int kLeastVersion = 91600;

using Dims = std::vector<int64_t>;
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;

Tensor Input(fe::graph::Graph* graph, CudnnTensor uid, const char* name, const Dims& dims,
             const Dims& strides, fe::DataType_t type = fe::DataType_t::BFLOAT16) {
  return graph->tensor(fe::graph::Tensor_attributes()
                           .set_name(name)
                           .set_uid(static_cast<int64_t>(uid))
                           .set_dim(dims)
                           .set_stride(strides)
                           .set_data_type(type));
}
void Output(const Tensor& tensor, CudnnTensor uid, fe::DataType_t type = fe::DataType_t::BFLOAT16) {
  tensor->set_output(true).set_uid(static_cast<int64_t>(uid)).set_data_type(type);
}

void Build(const CudnnAttention& a, fe::graph::Graph* graph) {
  // (batch, heads, tokens, width) as cuDNN counts them.
  const int64_t row = a.heads * a.width;
  const Dims dims = {a.batch, a.heads, a.tokens, a.width};
  const Dims in_qkv = {3 * row * a.tokens, a.width, 3 * row, 1};
  const Dims in_rows = {row * a.tokens, a.width, row, 1};
  const float scale = 1.0f / std::sqrt(static_cast<float>(a.width));
  const Tensor q = Input(graph, CudnnTensor::kQuery, "query", dims, in_qkv);
  const Tensor k = Input(graph, CudnnTensor::kKey, "key", dims, in_qkv);
  const Tensor v = Input(graph, CudnnTensor::kValue, "value", dims, in_qkv);
  if (!a.grad) {
    auto [attended, log_sum_exp] = graph->sdpa(q, k, v,
                                               fe::graph::SDPA_attributes()
                                                   .set_name("attention")
                                                   .set_generate_stats(true)
                                                   .set_attn_scale(scale));
    Output(attended, CudnnTensor::kAttended);
    attended->set_dim(dims).set_stride(in_rows);
    Output(log_sum_exp, CudnnTensor::kLogSumExp, fe::DataType_t::FLOAT);
    return;
  }
  const Tensor attended = Input(graph, CudnnTensor::kAttended, "attended", dims, in_rows);
  const Tensor grad = Input(graph, CudnnTensor::kAttendedGrad, "attended_grad", dims, in_rows);
  const Tensor log_sum_exp =
      Input(graph, CudnnTensor::kLogSumExp, "log_sum_exp", {a.batch, a.heads, a.tokens, 1},
            {a.heads * a.tokens, a.tokens, 1, 1}, fe::DataType_t::FLOAT);
  auto [dq, dk, dv] = graph->sdpa_backward(q, k, v, attended, grad, log_sum_exp,
                                           fe::graph::SDPA_backward_attributes()
                                               .set_name("attention_grad")
                                               .set_attn_scale(scale)
                                               .set_deterministic_algorithm(true));
  for (const auto& [tensor, uid] : {std::make_pair(dq, CudnnTensor::kQueryGrad),
                                    {dk, CudnnTensor::kKeyGrad},
                                    {dv, CudnnTensor::kValueGrad}}) {
    Output(tensor, uid);
    tensor->set_dim(dims).set_stride(in_qkv);
  }
}

// Products are of a batch of one, as cuDNN wants them.
void Build(const CudnnProduct& p, fe::graph::Graph* graph) {
  const auto pointwise = [&](fe::PointwiseMode_t mode, const char* name, const Tensor& a,
                             const Tensor& b = nullptr) {
    const auto attributes = fe::graph::Pointwise_attributes().set_mode(mode).set_name(name);
    return b == nullptr ? graph->pointwise(a, attributes) : graph->pointwise(a, b, attributes);
  };
  const Tensor x =
      Input(graph, CudnnTensor::kX, "x", {1, p.rows, p.inner}, {p.rows * p.inner, p.inner, 1});
  const Tensor w =
      Input(graph, CudnnTensor::kW, "w", {1, p.inner, p.cols},
            p.trans_w ? Dims{p.inner * p.cols, 1, p.inner} : Dims{p.inner * p.cols, p.cols, 1});
  Tensor y = graph->matmul(x, w, fe::graph::Matmul_attributes().set_name("product"));
  if (p.epilogue == CudnnProduct::kGelu) {
    const Tensor bias = Input(graph, CudnnTensor::kBias, "bias", {1, 1, p.cols},
                              {p.cols, p.cols, 1}, fe::DataType_t::FLOAT);
    y = pointwise(fe::PointwiseMode_t::ADD, "biased", y, bias);
    // Rounded by itself: GELU is of the sum in f32.
    if (p.keep_pre) Output(pointwise(fe::PointwiseMode_t::IDENTITY, "pre", y), CudnnTensor::kPre);
    y = pointwise(fe::PointwiseMode_t::GELU_FWD, "gelu", y);
  } else {
    const Tensor pre = Input(graph, CudnnTensor::kPre, "pre", {1, p.rows, p.cols},
                             {p.rows * p.cols, p.cols, 1});
    y = pointwise(fe::PointwiseMode_t::GELU_BWD, "gelu_grad", y, pre);
  }
  Output(y, CudnnTensor::kResult);
}

// What the frontend says of a graph that cuDNN has no engine for. All else is a failure: of the
// driver, of memory, of NVRTC.
bool IsRefusal(fe::error_code_t code) {
  return code == fe::error_code_t::GRAPH_NOT_SUPPORTED ||
         code == fe::error_code_t::SHAPE_DEDUCTION_FAILED ||
         code == fe::error_code_t::GRAPH_EXECUTION_PLAN_CREATION_FAILED ||
         code == fe::error_code_t::HEURISTIC_QUERY_FAILED ||
         code == fe::error_code_t::CUDNN_BACKEND_API_FAILED;
}

// Runs a step of the frontend, which throws where the library lacks a function. Unimplemented where
// cuDNN refuses the graph.
template <typename Step>
absl::Status Do(const char* what, const Step& step) {
  std::string reason;
  bool refused = true;
  try {
    fe::error_t error = step();
    if (error.is_good()) return absl::OkStatus();
    reason = error.get_message();
    refused = IsRefusal(error.get_code());
  } catch (const std::exception& e) {
    reason = e.what();
  }
  const std::string text = absl::StrCat("cuDNN, ", what, ": ", reason);
  return refused ? absl::UnimplementedError(text) : absl::InternalError(text);
}

}  // namespace

absl::StatusOr<int> OpenCudnn() {
  static const auto* const version = new absl::StatusOr<int>([]() -> absl::StatusOr<int> {
    // cuDNN loads it by name, and finds what is loaded, where its own folder may have none.
    dlopen("libnvrtc.so.13", RTLD_NOW | RTLD_GLOBAL);
    void* const library = dlopen("libcudnn.so.9", RTLD_NOW);
    if (library == nullptr) return absl::UnavailableError(dlerror());
    fe::cudnn_dlhandle = library;
    const int found = static_cast<int>(fe::detail::get_backend_version());
    if (found < kLeastVersion) {
      return absl::UnavailableError(absl::StrCat("libcudnn.so.9 is ", CudnnVersionText(found),
                                                 ", and ", CudnnVersionText(kLeastVersion),
                                                 " is needed"));
    }
    return found;
  }());
  return *version;
}

std::string CudnnVersionText(int version) {
  return absl::StrCat(version / 10000, ".", version % 10000 / 100, ".", version % 100);
}

absl::StatusOr<std::unique_ptr<CudnnHandle>> CudnnHandle::Create() {
  cudnnHandle_t handle = nullptr;
  const cudnnStatus_t status = fe::detail::create_handle(&handle);
  if (status != CUDNN_STATUS_SUCCESS) {
    return absl::UnavailableError(
        absl::StrCat("it does not start: ", fe::detail::get_error_string(status)));
  }
  return std::unique_ptr<CudnnHandle>(new CudnnHandle(handle));
}

CudnnHandle::~CudnnHandle() { fe::detail::destroy_handle(handle_); }

absl::Status CudnnHandle::SetStream(Stream stream) {
  if (stream == stream_) return absl::OkStatus();
  const cudnnStatus_t status = fe::detail::set_stream(handle_, stream);
  if (status != CUDNN_STATUS_SUCCESS) {
    return absl::InternalError(
        absl::StrCat("cuDNN, setting a stream: ", fe::detail::get_error_string(status)));
  }
  stream_ = stream;
  return absl::OkStatus();
}

CudnnGraph::CudnnGraph(const CudnnGraphSpec& spec, const CudnnTarget& target)
    : impl_(std::make_unique<Impl>()) {
  fe::graph::Graph& graph = impl_->graph;
  impl_->handle = target.handle;
  // Before the nodes, which copy these. With the version, the frontend asks no driver. Plans live
  // as long as the device, so longer than what is captured of them.
  graph.set_io_data_type(fe::DataType_t::BFLOAT16)
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT)
      .set_sm_version(target.sm_version)
      .set_cuda_graph_retention(fe::CudaGraphRetention_t::NONE);
  if (!target.properties.empty()) {
    auto properties = std::make_shared<fe::DeviceProperties>();
    const std::string& text = target.properties;
    impl_->target = Do("device", [&] {
      return properties->deserialize(std::vector<uint8_t>(text.begin(), text.end()));
    });
    graph.set_device_properties(properties);
  }
  std::visit([&](const auto& s) { Build(s, &graph); }, spec);
}
CudnnGraph::~CudnnGraph() = default;

absl::Status CudnnGraph::Validate() {
  RETURN_IF_ERROR(impl_->target);
  return Do("validation", [this] { return impl_->graph.validate(); });
}

absl::StatusOr<int64_t> CudnnGraph::Plan() {
  fe::graph::Graph& graph = impl_->graph;
  RETURN_IF_ERROR(Validate());
  RETURN_IF_ERROR(
      Do("operation graph", [&] { return graph.build_operation_graph(impl_->handle); }));
  RETURN_IF_ERROR(Do("plans", [&] { return graph.create_execution_plans({fe::HeurMode_t::A}); }));
  // A run is resumed byte for byte.
  graph.deselect_numeric_notes({fe::NumericalNote_t::NONDETERMINISTIC});
  RETURN_IF_ERROR(Do("support", [&] { return graph.check_support(); }));
  RETURN_IF_ERROR(Do("compilation", [&] { return graph.build_plans(); }));
  int64_t workspace = 0;
  RETURN_IF_ERROR(Do("workspace", [&] { return graph.get_workspace_size(workspace); }));
  return workspace;
}

std::string CudnnGraph::Json() const {
  nlohmann::json json;
  impl_->graph.serialize(json);
  return json.dump(1);
}

absl::Status CudnnGraph::Execute(const CudnnHandle& handle, CudnnPointers pointers,
                                 void* workspace) const {
  std::unordered_map<int64_t, void*> by_uid;
  for (const auto& [tensor, p] : pointers) {
    by_uid[static_cast<int64_t>(tensor)] = const_cast<void*>(p);
  }
  const absl::Status status =
      Do("starting a graph", [&] { return impl_->graph.execute(handle.get(), by_uid, workspace); });
  return status.ok() ? status : absl::InternalError(status.message());
}

}  // namespace backends::cuda
