// What the flags of //tools:train say to each part of a run. What the model and its recipe
// take, the zoo entry in ResolvedFlags holds; tests/tools/run_options_test.cc sees that no flag
// is forgotten.
#ifndef TOOLS_RUN_OPTIONS_H_
#define TOOLS_RUN_OPTIONS_H_

#include <string>

#include "models/data/loader.h"
#include "models/data/open_dataset.h"
#include "models/training/checkpoint.h"
#include "models/training/checkpoint_store.h"
#include "models/training/event_file.h"
#include "models/training/session.h"
#include "models/training/trainer.h"
#include "tools/flags/resolve_flags.h"
#include "tools/profile_run.h"

namespace tools {

models::OpenOptions MakeOpenOptions(const ResolvedFlags& resolved);

// Without registry and backend, and without what depends on the data: the nets and the batches
// of observers.
models::SessionOptions MakeSessionOptions(const ResolvedFlags& resolved);

// Of --init_from.
models::LoadOptions MakeLoadOptions(const ResolvedFlags& resolved);

// Of training images; the mode says otherwise.
models::LoaderOptions MakeLoaderOptions(const ResolvedFlags& resolved);

// For the run in `run_folder`. Without the objects that watch, stop or save a run, and without
// what a resumed one goes on from.
models::TrainerOptions MakeTrainerOptions(const ResolvedFlags& resolved,
                                          const std::string& run_folder);

models::KeepPolicy MakeKeepPolicy(const ResolvedFlags& resolved);

// Of --profile, which is set.
ProfileRunOptions MakeProfileOptions(const ResolvedFlags& resolved, const std::string& run_folder);

// The flags that repeat the run, as TrainFlagsText writes them. The output folder is not among
// them: repeating a run needs another one.
std::string FlagsOfRun(const ResolvedFlags& resolved, const std::string& comment);
// The same as names and values, for TensorBoard.
models::FlagList FlagListOfRun(const ResolvedFlags& resolved);

}  // namespace tools

#endif  // TOOLS_RUN_OPTIONS_H_
