#include "tools/evaluation/predicts_positions.h"

#include <memory>

#include "graph/base/status.h"
#include "models/droppos/droppos.h"

namespace tools {

absl::Status CheckPredictsPositions(const models::ZooEntry& entry) {
  const std::unique_ptr<models::Model> model = entry.make(entry, 2);  // a classifier's classes
  if (dynamic_cast<const models::DropPos*>(model.get()) != nullptr) return absl::OkStatus();
  return graph::InvalidArgument(entry.name,
                                " predicts no positions, which takes a DropPos model; evaluate "
                                "--protocol=knn measures its features");
}

std::string NameAndMethod(const models::ZooEntry& entry) {
  const models::DropPosConfig* config = models::FindDropPos(entry);
  if (config == nullptr) return entry.name;
  return absl::StrCat(entry.name, " with --drop_pos_type=", config->drop_pos_type);
}

}  // namespace tools
