// The one screen a run opens with: what will happen, on what, for how long.
#ifndef TOOLS_BANNER_H_
#define TOOLS_BANNER_H_

#include <string>

#include "graph/compiler/backend.h"
#include "models/data/open_dataset.h"
#include "models/training/session.h"
#include "models/training/step_shape.h"
#include "tools/device.h"
#include "tools/flags/resolve_flags.h"

namespace tools {

// Lines are wrapped at `columns`.
std::string Banner(const ResolvedFlags& resolved, const models::Model& model,
                   const models::Datasets& data, const models::Session& session,
                   const DeviceChoice& device, const graph::Backend& backend,
                   const models::EpochPlan& epochs, const std::string& output_dir, int columns);

}  // namespace tools

#endif  // TOOLS_BANNER_H_
