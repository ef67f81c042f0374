#include "tools/evaluation/protocol.h"

#include <unistd.h>

#include <iostream>
#include <utility>

#include "graph/base/status.h"
#include "models/training/checkpoint.h"
#include "models/training/screen_text.h"

namespace tools {

StagedOutput* Evaluation::output(const std::string& flag) const {
  const auto found = outputs.find(flag);
  return found == outputs.end() ? nullptr : found->second.get();
}

absl::Status Evaluation::NeedHeldOut() const {
  if (held_out != nullptr) return absl::OkStatus();
  return graph::InvalidArgument("no images are held out (", data.description,
                                "); --val_fraction holds some out");
}

models::LoaderOptions Evaluation::LoadOptions() {
  models::LoaderOptions load;
  load.transform = trained.resolved.transform;
  load.num_workers = flags.num_workers;
  load.max_bad_share = trained.resolved.flags.max_bad_share.value();  // which its data satisfied
  load.on_bad_image = [this](const std::string& message) {
    ++skipped;
    log.Line("skipped an image: " + message);
  };
  return load;
}

absl::Status Evaluation::Load(const std::vector<models::Parameter>& parameters,
                              graph::Workspace* workspace) {
  ASSIGN_OR_RETURN(const std::string loaded,
                   models::LoadParameters(trained.path, parameters,
                                          {{}, /*subset=*/true, /*brief=*/true}, workspace));
  std::string images = "data   ";
  models::AppendWrapped(data.description, 7, models::TextColumns(STDOUT_FILENO), &images);
  std::cout << "model  " << ModelLine(trained) << "\n       " << loaded << "\n"
            << images << "in     " << precision.Text() << "\n"
            << device_line << std::flush;
  return absl::OkStatus();
}

std::vector<std::unique_ptr<Protocol>> AllProtocols() {
  std::vector<std::unique_ptr<Protocol>> protocols;
  protocols.push_back(MakePositionProtocol());
  protocols.push_back(MakeKnnProtocol());
  return protocols;
}

}  // namespace tools
