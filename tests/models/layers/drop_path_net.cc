#include "tests/models/layers/drop_path_net.h"

#include <string>
#include <vector>

#include "graph/autodiff/autodiff.h"
#include "graph/schema/builder.h"
#include "gtest/gtest.h"
#include "models/layers/transformer.h"

namespace models {

using graph::BlobId;

graph::Net DropPathNet(const graph::SchemaRegistry& registry, ScalesFrom scales) {
  constexpr int64_t kImages = 4;
  constexpr int kDepth = 3;
  graph::NetBuilder net(&registry, "train");
  ModelBuilder b(&net);
  const BlobId x = net.Input("x", b.Type({kImages, 5, 32}));
  DropPath drop_path;
  if (scales == ScalesFrom::kKeys) {
    const BlobId keys = net.Input("keys", {graph::DType::kI64, {kImages}});
    drop_path = DrawDropPath(&b, "drop_path", 0.3f, kDepth, keys);
  } else if (scales == ScalesFrom::kInput) {
    drop_path = {{0.0f, 0.15f, 0.3f}, net.Input("scales", b.Type({4, kImages}))};
  }
  const BlobId y = TransformerBlocks(&b, "blocks", x, kDepth, /*num_heads=*/2, 2.0, drop_path);
  const BlobId token = b.Op("SliceRows", "head.cls", {LayerNorm(&b, "norm", y)},
                            {{"start", int64_t{0}}, {"count", int64_t{1}}});
  const BlobId labels = b.Op("Fill", "labels", {},
                             {{"value", 1.0f},
                              {"shape", std::vector<int64_t>{kImages}},
                              {"dtype", std::string("i32")}});
  const BlobId loss =
      b.OpN("SoftmaxCrossEntropy", "loss", {Linear(&b, "head", token, 3), labels})[0];
  std::vector<BlobId> parameters;
  for (const Parameter& p : b.parameters()) {
    parameters.push_back(net.State(p.name, p.type));
  }
  net.Output(y);
  net.Output(loss);
  const auto gradients = graph::Differentiate(&net, loss, parameters);
  EXPECT_TRUE(gradients.ok()) << gradients.status();
  if (!gradients.ok()) return {};
  for (BlobId gradient : *gradients) net.Output(gradient);
  EXPECT_TRUE(net.status().ok()) << net.status();
  return net.net();
}

}  // namespace models
