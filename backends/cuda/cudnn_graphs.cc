#include "backends/cuda/cudnn_graphs.h"

#include <cudnn_frontend.h>

#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace backends::cuda {

namespace fe = cudnn_frontend;

struct CudnnGraph::Impl {
  fe::graph::Graph graph;
  absl::Status device;  // whether it was understood
};

namespace {

using Dims = std::vector<int64_t>;
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;

Tensor Input(fe::graph::Graph* graph, CudnnTensor uid, const char* name, const Dims& dims,
             const Dims& strides, fe::DataType_t type = fe::DataType_t::BFLOAT16) {
  return graph->tensor(fe::graph::Tensor_attributes()
                           .set_name(name)
                           .set_uid(uid)
                           .set_dim(dims)
                           .set_stride(strides)
                           .set_data_type(type));
}
void Output(const Tensor& tensor, CudnnTensor uid, fe::DataType_t type = fe::DataType_t::BFLOAT16) {
  tensor->set_output(true).set_uid(uid).set_data_type(type);
}

// (batch, heads, tokens, width) as cuDNN counts them.
struct AttentionLayout {
  explicit AttentionLayout(const CudnnAttention& a)
      : dims{a.batch, a.heads, a.tokens, a.width},
        qkv{3 * a.heads * a.width * a.tokens, a.width, 3 * a.heads * a.width, 1},
        rows{a.heads * a.width * a.tokens, a.width, a.heads * a.width, 1},
        scale(1.0f / std::sqrt(static_cast<float>(a.width))) {}
  Dims dims, qkv, rows;
  float scale;
};

// A batch of one, as cuDNN's products want it.
Tensor Product(fe::graph::Graph* graph, const CudnnProduct& p) {
  const Tensor left =
      Input(graph, kLeft, "left", {1, p.rows, p.inner}, {p.rows * p.inner, p.inner, 1});
  const Tensor right =
      Input(graph, kRight, "right", {1, p.inner, p.cols},
            p.transposed ? Dims{p.inner * p.cols, 1, p.inner} : Dims{p.inner * p.cols, p.cols, 1});
  return graph->matmul(left, right, fe::graph::Matmul_attributes().set_name("product"));
}
fe::graph::Pointwise_attributes Mode(fe::PointwiseMode_t mode, const char* name) {
  return fe::graph::Pointwise_attributes().set_mode(mode).set_name(name);
}

absl::Status ToStatus(const char* step, fe::error_t error) {
  if (error.is_good()) return absl::OkStatus();
  return absl::UnimplementedError(absl::StrCat("cuDNN, ", step, ": ", error.get_message()));
}

}  // namespace

CudnnGraph::CudnnGraph(const std::string& device) : impl_(std::make_unique<Impl>()) {
  impl_->graph.set_io_data_type(fe::DataType_t::BFLOAT16)
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT);
  if (device.empty()) return;
  // Before the nodes, which copy it. With both, the frontend asks no driver.
  const nlohmann::json fields = nlohmann::json::parse(device, nullptr, false);
  if (!fields.contains("deviceVer")) {
    impl_->device = absl::InvalidArgumentError("a device's properties without deviceVer");
    return;
  }
  auto properties = std::make_shared<fe::DeviceProperties>();
  impl_->device = ToStatus(
      "device", properties->deserialize(std::vector<uint8_t>(device.begin(), device.end())));
  impl_->graph.set_device_properties(properties)
      .set_sm_version(fields["deviceVer"].get<int32_t>() / 10);  // 900 of an H100
}
CudnnGraph::~CudnnGraph() = default;
CudnnGraph::CudnnGraph(CudnnGraph&&) = default;

CudnnGraph CudnnGraph::Attention(const CudnnAttention& a, const std::string& device) {
  CudnnGraph result(device);
  fe::graph::Graph* const graph = &result.impl_->graph;
  const AttentionLayout layout(a);
  const Tensor q = Input(graph, kQuery, "query", layout.dims, layout.qkv);
  const Tensor k = Input(graph, kKey, "key", layout.dims, layout.qkv);
  const Tensor v = Input(graph, kValue, "value", layout.dims, layout.qkv);
  auto [attended, log_sum_exp] = graph->sdpa(q, k, v,
                                             fe::graph::SDPA_attributes()
                                                 .set_name("attention")
                                                 .set_generate_stats(true)
                                                 .set_attn_scale(layout.scale));
  Output(attended, kAttended);
  attended->set_dim(layout.dims).set_stride(layout.rows);
  Output(log_sum_exp, kLogSumExp, fe::DataType_t::FLOAT);
  return result;
}

CudnnGraph CudnnGraph::AttentionGrad(const CudnnAttention& a, const std::string& device) {
  CudnnGraph result(device);
  fe::graph::Graph* const graph = &result.impl_->graph;
  const AttentionLayout layout(a);
  const Tensor q = Input(graph, kQuery, "query", layout.dims, layout.qkv);
  const Tensor k = Input(graph, kKey, "key", layout.dims, layout.qkv);
  const Tensor v = Input(graph, kValue, "value", layout.dims, layout.qkv);
  const Tensor attended = Input(graph, kAttended, "attended", layout.dims, layout.rows);
  const Tensor grad = Input(graph, kAttendedGrad, "attended_grad", layout.dims, layout.rows);
  const Tensor log_sum_exp =
      Input(graph, kLogSumExp, "log_sum_exp", {a.batch, a.heads, a.tokens, 1},
            {a.heads * a.tokens, a.tokens, 1, 1}, fe::DataType_t::FLOAT);
  auto [dq, dk, dv] = graph->sdpa_backward(q, k, v, attended, grad, log_sum_exp,
                                           fe::graph::SDPA_backward_attributes()
                                               .set_name("attention_grad")
                                               .set_attn_scale(layout.scale)
                                               .set_deterministic_algorithm(true));
  for (const auto& [tensor, uid] :
       {std::make_pair(dq, kQueryGrad), {dk, kKeyGrad}, {dv, kValueGrad}}) {
    Output(tensor, uid);
    tensor->set_dim(layout.dims).set_stride(layout.qkv);
  }
  return result;
}

CudnnGraph CudnnGraph::ProductBiasGelu(const CudnnProduct& p, const std::string& device) {
  CudnnGraph result(device);
  fe::graph::Graph* const graph = &result.impl_->graph;
  const Tensor product = Product(graph, p);
  const Tensor bias = Input(graph, kProductBias, "bias", {1, 1, p.cols}, {p.cols, p.cols, 1},
                            fe::DataType_t::FLOAT);
  const Tensor pre = graph->pointwise(product, bias, Mode(fe::PointwiseMode_t::ADD, "pre"));
  Output(pre, kPreGelu);
  Output(graph->pointwise(pre, Mode(fe::PointwiseMode_t::GELU_FWD, "gelu")), kResult);
  return result;
}

CudnnGraph CudnnGraph::ProductTimes(const CudnnProduct& p, bool sums, const std::string& device) {
  CudnnGraph result(device);
  fe::graph::Graph* const graph = &result.impl_->graph;
  const Tensor product = Product(graph, p);
  const Tensor times =
      Input(graph, kTimes, "times", {1, p.rows, p.cols}, {p.rows * p.cols, p.cols, 1});
  const Tensor y = graph->pointwise(product, times, Mode(fe::PointwiseMode_t::MUL, "result"));
  Output(y, kResult);
  if (sums) {
    const Tensor sum = graph->reduction(
        y, fe::graph::Reduction_attributes().set_mode(fe::ReductionMode_t::ADD).set_name("sums"));
    Output(sum, kSums, fe::DataType_t::FLOAT);
    sum->set_dim({1, 1, p.cols}).set_stride({p.cols, p.cols, 1});
  }
  return result;
}

absl::StatusOr<int64_t> CudnnGraph::Plan() {
  fe::graph::Graph& graph = impl_->graph;
  absl::Status status = impl_->device;
  if (status.ok()) status = ToStatus("validation", graph.validate());
  if (status.ok()) status = ToStatus("operation graph", graph.build_operation_graph());
  if (status.ok()) status = ToStatus("plans", graph.create_execution_plans({fe::HeurMode_t::A}));
  if (status.ok()) status = ToStatus("support", graph.check_support());
  if (status.ok()) status = ToStatus("compilation", graph.build_plans());
  int64_t workspace = 0;
  if (status.ok()) status = ToStatus("workspace", graph.get_workspace_size(workspace));
  if (!status.ok()) return status;
  return workspace;
}

std::string CudnnGraph::Json() const {
  nlohmann::json json;
  impl_->graph.serialize(json);
  return json.dump(1);
}

}  // namespace backends::cuda
