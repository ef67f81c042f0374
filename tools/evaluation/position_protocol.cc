#include "tools/evaluation/position_protocol.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_format.h"
#include "graph/base/status.h"
#include "models/droppos/droppos.h"

namespace tools {
namespace {

std::string NetName(const PositionRatios& r) {
  return absl::StrFormat("positions_%g_%g", r.mask_ratio, r.pos_mask_ratio);
}

}  // namespace

std::vector<PositionRatios> RecipeRatios(const models::ZooEntry& entry) {
  const models::DropPosConfig& config = models::DropPosOf(entry);
  return {{config.mask_ratio, config.pos_mask_ratio, true}};
}

std::vector<PositionRatios> AllRatios(const models::ZooEntry& entry) {
  const models::DropPosConfig& config = models::DropPosOf(entry);
  std::vector<double> dropped = {0.25, 0.5, 0.75, 1.0};
  if (std::find(dropped.begin(), dropped.end(), config.pos_mask_ratio) == dropped.end()) {
    dropped.push_back(config.pos_mask_ratio);
    std::sort(dropped.begin(), dropped.end());
  }
  std::vector<double> hidden = {config.mask_ratio};
  if (config.mask_ratio != 0) hidden.push_back(0);
  std::vector<PositionRatios> all;
  for (const double mask : hidden) {
    for (const double pos : dropped) {
      all.push_back({mask, pos, mask == config.mask_ratio && pos == config.pos_mask_ratio});
    }
  }
  return all;
}

models::ZooEntry AtRatios(models::ZooEntry entry, const PositionRatios& ratios) {
  auto config = std::make_shared<models::DropPosConfig>(models::DropPosOf(entry));
  config->mask_ratio = ratios.mask_ratio;
  config->pos_mask_ratio = ratios.pos_mask_ratio;
  entry.options = std::move(config);
  return entry;
}

const PositionResult* PositionReport::recipe() const {
  for (const PositionResult& result : results) {
    if (result.ratios.recipe) return &result;
  }
  return nullptr;
}

models::MetricList PositionReport::Metrics() const {
  const PositionResult* result = recipe();
  if (result == nullptr || result->scores.scored == 0) return {};
  const PositionScores& scores = result->scores;
  using models::Unit;
  return {{"heldout_pos_acc5", scores.mean.top5, Unit::kShare, chance.top5},
          {"heldout_pos_acc_within1", scores.mean.within1, Unit::kShare, chance.within1},
          {"heldout_pos_distance", scores.mean.distance, Unit::kCells, chance.distance},
          {"heldout_pos_top_cell", scores.top_share, Unit::kShare}};
}

bool PositionReport::collapsed() const {
  return std::any_of(results.begin(), results.end(),
                     [](const PositionResult& result) { return result.scores.collapsed; });
}

absl::StatusOr<std::unique_ptr<PositionProtocol>> PositionProtocol::Create(
    const models::ZooEntry& entry, const std::vector<PositionRatios>& ratios,
    const graph::CompileOptions& compile, int batch_size, graph::Workspace* workspace,
    const std::shared_ptr<graph::InputSlot>& inputs) {
  ASSIGN_OR_RETURN(std::vector<graph::Net> nets,
                   Nets(entry, ratios, *compile.registry, batch_size));
  size_t arena = 0;  // the largest first, so that there is one
  for (graph::Net& net : nets) {
    ASSIGN_OR_RETURN(const graph::Prepared prepared, graph::Prepare(std::move(net), compile));
    arena = std::max(arena, prepared.plan.arena_bytes);
  }
  RETURN_IF_ERROR(workspace->ReserveArena(arena));
  std::unique_ptr<PositionProtocol> protocol(new PositionProtocol());
  protocol->grid_ = {entry.model.grid_h(), entry.model.grid_w()};
  for (const PositionRatios& r : ratios) {
    const models::ZooEntry at = AtRatios(entry, r);
    Entry one;
    one.result.ratios = r;
    one.result.visible = VisiblePatches(at);
    one.result.dropped = DroppedPositions(at);
    if (one.result.dropped > 0) {
      ASSIGN_OR_RETURN(
          one.net, models::ForwardNet::Compile(NetName(r), compile, PositionForward(at, batch_size),
                                               workspace, inputs));
      protocol->parameters_ = one.net->parameters();  // the same for all
    }
    protocol->entries_.push_back(std::move(one));
  }
  return protocol;
}

absl::StatusOr<std::vector<graph::Net>> PositionProtocol::Nets(
    const models::ZooEntry& entry, const std::vector<PositionRatios>& ratios,
    const graph::SchemaRegistry& registry, int batch_size) {
  std::vector<graph::Net> nets;
  for (const PositionRatios& r : ratios) {
    const models::ZooEntry at = AtRatios(entry, r);
    if (DroppedPositions(at) == 0) continue;
    ASSIGN_OR_RETURN(graph::Net net, models::ForwardNet::Build(NetName(r), registry,
                                                               PositionForward(at, batch_size)));
    nets.push_back(std::move(net));
  }
  return nets;
}

absl::StatusOr<PositionReport> PositionProtocol::Run(models::Loader* loader,
                                                     const OnImages& on_images) {
  PositionReport report;
  report.grid = grid_;
  report.chance = UniformGuessing(grid_);
  std::vector<PositionCounter> counters(entries_.size(), PositionCounter(grid_));
  while (true) {
    ASSIGN_OR_RETURN(const models::Batch* batch, loader->Next());
    if (batch == nullptr) break;
    report.images += batch->valid;
    for (size_t e = 0; e < entries_.size(); ++e) {
      if (entries_[e].net == nullptr) continue;
      ASSIGN_OR_RETURN(const PositionOutputs out, RunPositions(*batch, entries_[e].net.get()));
      const int64_t visible = entries_[e].result.visible;
      for (int64_t i = 0; i < batch->valid; ++i) {
        RETURN_IF_ERROR(counters[e].Add(out.logits.data() + i * visible * grid_.cells(),
                                        out.ids_keep.data() + i * visible,
                                        out.mask_pos.data() + i * visible, visible));
      }
    }
    if (on_images) on_images(batch->valid);
  }
  for (size_t e = 0; e < entries_.size(); ++e) {
    PositionResult result = entries_[e].result;
    result.scores = counters[e].Scores();
    report.results.push_back(std::move(result));
  }
  return report;
}

}  // namespace tools
