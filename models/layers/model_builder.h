// Writes a model into a net and remembers its parameters.
#ifndef MODELS_LAYERS_MODEL_BUILDER_H_
#define MODELS_LAYERS_MODEL_BUILDER_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/types/optional.h"
#include "graph/schema/builder.h"

namespace models {

// How a parameter starts; the kinds are ops/initialize.h's.
struct Initializer {
  std::string kind = "constant";  // xavier_uniform, uniform_fan_in, normal, constant, sincos2d
  float value = 0.0f;             // constant: the value; normal: the deviation
  int64_t fan_in = 0;
  int64_t fan_out = 0;
  std::vector<int64_t> grid;  // sincos2d: (H, W)

  static Initializer Constant(float value) { return {"constant", value, 0, 0, {}}; }
  static Initializer Normal(float deviation) { return {"normal", deviation, 0, 0, {}}; }
  // U(±sqrt(6 / (fan_in + fan_out))), for a weight seen as a matrix.
  static Initializer XavierUniform(int64_t fan_in, int64_t fan_out) {
    return {"xavier_uniform", 0.0f, fan_in, fan_out, {}};
  }
  // U(±1/sqrt(fan_in)): PyTorch's default for the bias of a Conv2d.
  static Initializer UniformFanIn(int64_t fan_in) {
    return {"uniform_fan_in", 0.0f, fan_in, 0, {}};
  }
  static Initializer SinCos2d(int64_t grid_h, int64_t grid_w) {
    return {"sincos2d", 0.0f, 0, 0, {grid_h, grid_w}};
  }
};

enum class ParameterKind {
  kTrained,  // its gradient moves it
  kFixed,    // stays as it was initialised or loaded
  kBuffer,   // training moves it without a gradient (ModelBuilder::UpdateBuffer): a running mean
};

// What training does with a parameter.
struct ParameterSpec {
  ParameterKind kind = ParameterKind::kTrained;
  float lr_scale = 1.0f;  // its learning rate is the run's times this: layer decay
  // Whether weight decay shrinks it. Not said: all but 1-D parameters (biases, norms), so that
  // tokens, which are (1, 1, D), decay: timm's add_weight_decay.
  absl::optional<bool> decays = absl::nullopt;
};

struct Parameter {
  std::string name;  // the official name, "blocks.0.attn.qkv.weight"
  graph::TensorType type;
  Initializer init;
  ParameterSpec spec;

  bool trained() const { return spec.kind == ParameterKind::kTrained; }
  bool decays() const { return spec.decays.value_or(type.rank() > 1); }
};

// Not thread-safe. Errors stay in the NetBuilder (see there).
class ModelBuilder {
 public:
  // `dtype` is the element type of parameters and activations: kF32, or kF64
  // for gradient checks. Buffers are the states "<buffer_scope><name>". `net` must outlive the
  // builder.
  explicit ModelBuilder(graph::NetBuilder* net, graph::DType dtype = graph::DType::kF32,
                        std::string buffer_scope = "")
      : net_(net), dtype_(dtype), buffer_scope_(std::move(buffer_scope)) {}

  graph::NetBuilder* net() { return net_; }
  graph::DType dtype() const { return dtype_; }
  graph::TensorType Type(std::vector<int64_t> shape) const;

  // The state blob of the parameter, the same for every use of a name; the first use says the
  // rest.
  graph::BlobId Param(const std::string& name, std::vector<int64_t> shape, Initializer init,
                      ParameterSpec spec = {});

  // Says what the buffer `blob` (a parameter of that kind) becomes in a training step: `value`,
  // of its type, which the forward pass computes. Once a buffer. Nets that do not train leave it.
  void UpdateBuffer(graph::BlobId blob, graph::BlobId value);

  // Operators, each the part (graph/ir/part.h) that its name says with the scopes in force
  // before it: a model calls an operator by its place, as it does a parameter.
  graph::BlobId Op(const std::string& type, const std::string& name,
                   std::vector<graph::BlobId> inputs, graph::Attrs attrs = {});
  std::vector<graph::BlobId> OpN(const std::string& type, const std::string& name,
                                 std::vector<graph::BlobId> inputs, graph::Attrs attrs = {});
  const graph::TensorType& type(graph::BlobId blob) const { return net_->type(blob); }

  // In order of first use. A model may change specs until its forward pass is written: layers
  // that it shares with others do not know them.
  const std::vector<Parameter>& parameters() const { return parameters_; }
  std::vector<Parameter>* mutable_parameters() { return &parameters_; }
  // By name of the parameter: what UpdateBuffer was given.
  const absl::flat_hash_map<std::string, graph::BlobId>& buffer_values() const {
    return buffer_values_;
  }

  // Names and parts of operators (not names of parameters) start with "<scope>/" while it lives:
  // the guide reads the same parameters again under "guide/".
  class Scope {
   public:
    Scope(ModelBuilder* builder, const std::string& scope)
        : builder_(builder), outer_(builder->scope_) {
      builder_->scope_ += scope + "/";
    }
    ~Scope() { builder_->scope_ = outer_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    ModelBuilder* builder_;
    std::string outer_;
  };

 private:
  graph::NetBuilder* net_;
  graph::DType dtype_;
  std::string buffer_scope_;
  std::string scope_;
  std::vector<Parameter> parameters_;
  absl::flat_hash_map<std::string, graph::BlobId> blob_of_parameter_;
  absl::flat_hash_map<std::string, graph::BlobId> buffer_values_;
};

}  // namespace models

#endif  // MODELS_LAYERS_MODEL_BUILDER_H_
