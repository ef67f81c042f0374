#include "tools/benchmark/official_flops.h"

#include <map>
#include <tuple>

namespace tools {
namespace {

enum class Pass { kForward, kTraining };

// Adds the parts of a net one after the other.
class Counter {
 public:
  void Linear(const std::string& name, int64_t rows, int64_t in, int64_t out, Pass pass,
              int64_t layers = 1, bool input_is_data = false) {
    OfficialLinear linear;
    linear.name = name;
    linear.rows = rows;
    linear.in = in;
    linear.out = out;
    linear.layers = layers;
    linear.weight_gradient = pass == Pass::kTraining;
    linear.input_gradient = pass == Pass::kTraining && !input_is_data;
    const int products = 1 + (linear.weight_gradient ? 1 : 0) + (linear.input_gradient ? 1 : 0);
    net_.linear += 2.0 * static_cast<double>(rows * layers * products) * static_cast<double>(in) *
                   static_cast<double>(out);
    net_.linears.push_back(std::move(linear));
  }

  // Pre-norm transformer blocks over `tokens` tokens of `width`.
  void Blocks(const std::string& name, int64_t tokens, int64_t width, int64_t blocks,
              double mlp_ratio, Pass pass) {
    const int64_t hidden = static_cast<int64_t>(static_cast<double>(width) * mlp_ratio);
    Linear(name + ".qkv", tokens, width, 3 * width, pass, blocks);
    Linear(name + ".proj", tokens, width, width, pass, blocks);
    Linear(name + ".fc1", tokens, width, hidden, pass, blocks);
    Linear(name + ".fc2", tokens, hidden, width, pass, blocks);
    // Q·Kᵀ and P·V; their gradients are two products each.
    const double forward = 4.0 * static_cast<double>(tokens * tokens) * static_cast<double>(width);
    net_.attention += forward * static_cast<double>(blocks) * (pass == Pass::kTraining ? 3.0 : 1.0);
  }

  double total() const { return net_.linear + net_.attention; }
  OfficialNet Finish(double guide) {
    net_.guide = guide;
    net_.total = total();
    return std::move(net_);
  }

 private:
  OfficialNet net_;
};

}  // namespace

OfficialNet OfficialStep(const models::ZooEntry& entry, int num_classes) {
  const models::ModelConfig& model = entry.model;
  const models::DropPosConfig& droppos = entry.droppos;
  const int64_t patches = model.num_patches();
  const int64_t width = model.embed_dim, decoder_width = model.decoder_embed_dim;
  const int64_t pixels = int64_t{3} * model.patch_size * model.patch_size;
  const int64_t visible = entry.needs_labels ? patches : droppos.num_visible(model.num_patches());

  Counter net;
  if (!entry.needs_labels && !droppos.vanilla_mae() && droppos.attn_guide) {
    net.Linear("guide/patch_embed", patches, pixels, width, Pass::kForward);
    net.Blocks("guide/blocks", 1 + patches, width, model.depth, model.mlp_ratio, Pass::kForward);
  }
  const double guide = net.total();

  net.Linear("patch_embed", patches, pixels, width, Pass::kTraining, 1, /*input_is_data=*/true);
  net.Blocks("blocks", 1 + visible, width, model.depth, model.mlp_ratio, Pass::kTraining);
  if (entry.needs_labels) {
    net.Linear("head", 1, width, num_classes, Pass::kTraining);
    return net.Finish(guide);
  }
  if (!droppos.vanilla_mae()) {
    net.Linear("decoder_embed", 1 + visible, width, decoder_width, Pass::kTraining);
    net.Blocks("decoder_blocks", 1 + visible, decoder_width, model.decoder_depth, model.mlp_ratio,
               Pass::kTraining);
    net.Linear("decoder_pred", 1 + visible, decoder_width, patches, Pass::kTraining);
  }
  if (droppos.vanilla_mae() || droppos.multi_task()) {
    net.Linear("mae_embed", 1 + visible, width, decoder_width, Pass::kTraining);
    net.Blocks("mae_blocks", 1 + patches, decoder_width, model.decoder_depth, model.mlp_ratio,
               Pass::kTraining);
    net.Linear("mae_pred", 1 + patches, decoder_width, pixels, Pass::kTraining);
  }
  return net.Finish(guide);
}

std::vector<Gemm> StepGemms(const OfficialNet& net, int64_t batch) {
  std::map<std::tuple<int64_t, int64_t, int64_t, bool>, int64_t> times;
  for (const OfficialLinear& l : net.linears) {
    const int64_t rows = l.rows * batch;
    times[{rows, l.in, l.out, false}] += l.layers;
    if (l.input_gradient) times[{rows, l.out, l.in, false}] += l.layers;
    if (l.weight_gradient) times[{l.in, rows, l.out, true}] += l.layers;
  }
  std::vector<Gemm> gemms;
  for (const auto& [shape, count] : times) {
    const auto& [m, k, n, weight_gradient] = shape;
    gemms.push_back({m, k, n, count, weight_gradient});
  }
  return gemms;
}

}  // namespace tools
