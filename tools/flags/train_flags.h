// What the command line of //tools:train says, as plain data.
#ifndef TOOLS_FLAGS_TRAIN_FLAGS_H_
#define TOOLS_FLAGS_TRAIN_FLAGS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/types/optional.h"

namespace tools {

struct InputSize {
  int64_t h = 0;  // pixels
  int64_t w = 0;
  friend bool operator==(const InputSize& a, const InputSize& b) {
    return a.h == b.h && a.w == b.w;
  }
};

struct ModelOption {
  std::string text;
  std::string family;  // of models that have the flag
  friend bool operator==(const ModelOption& a, const ModelOption& b) {
    return a.text == b.text && a.family == b.family;
  }
};

// A field holds a value where the flag of its name was given (ParseTrainFlags),
// or where the zoo entry decides what it is (ResolveTrainFlags). What each means
// is said once, in flag_table.cc, from which --help is made.
struct TrainFlags {
  // Model.
  absl::optional<std::string> model;  // a zoo name or an official one
  absl::optional<InputSize> input_size;
  absl::optional<int64_t> channels;
  absl::optional<int64_t> patch_size;
  absl::optional<int64_t> embed_dim;
  absl::optional<int64_t> depth;
  absl::optional<int64_t> num_heads;
  absl::optional<int64_t> decoder_embed_dim;
  absl::optional<int64_t> decoder_depth;
  absl::optional<int64_t> decoder_num_heads;
  absl::optional<double> mlp_ratio;

  // Optimisation.
  absl::optional<int64_t> batch_size;  // images per micro-batch
  absl::optional<int64_t> accum_iter;
  absl::optional<int64_t> effective_batch;  // unset once resolved: accum_iter says it
  absl::optional<int64_t> epochs;
  absl::optional<double> warmup_epochs;
  absl::optional<double> lr;
  absl::optional<double> blr;
  absl::optional<double> min_lr;
  absl::optional<double> weight_decay;
  absl::optional<double> clip_grad;
  absl::optional<std::string> clip_mode;  // "parameter" or "global"
  absl::optional<std::string> recipe;     // "droppos" or "mae", of //tools:finetune

  // Data.
  absl::optional<int64_t> nb_classes;
  absl::optional<double> label_fraction;
  absl::optional<int64_t> labels_per_class;
  absl::optional<int64_t> label_seed;
  absl::optional<std::string> data_path;  // unset: the embedded data set
  absl::optional<double> val_fraction;
  absl::optional<int64_t> num_workers;
  absl::optional<bool> exact_decode;
  absl::optional<double> max_image_megapixels;
  absl::optional<std::vector<double>> crop_scale;  // bounds
  absl::optional<std::vector<double>> crop_ratio;  // bounds
  absl::optional<bool> flip;
  absl::optional<std::string> aa;
  absl::optional<double> reprob;
  absl::optional<std::string> remode;  // "pixel", "const" or "rand"
  absl::optional<int64_t> recount;
  absl::optional<std::vector<double>> mean;  // of each channel
  absl::optional<std::vector<double>> std;
  absl::optional<std::string> on_bad_image;  // "skip" or "stop"
  absl::optional<double> max_bad_share;

  // Run.
  absl::optional<std::string> device;
  absl::optional<int64_t> threads;
  absl::optional<std::string> precision;  // "auto", until it is resolved, "fp32" or "bf16"
  absl::optional<std::string> recompute;  // "none", "mlp" or "block"
  absl::optional<int64_t> seed;
  absl::optional<int64_t> steps;       // unset: all epochs
  absl::optional<int64_t> eval_epochs;
  absl::optional<int64_t> eval_every;  // 0: at the end of each epoch only
  absl::optional<int64_t> print_every;
  absl::optional<std::string> resume;   // "auto", a folder, or "" for none
  absl::optional<int64_t> save_every;   // steps; 0: at the end of each epoch only
  absl::optional<double> save_minutes;  // 0: not by time
  absl::optional<int64_t> keep;         // checkpoints; 0: all
  absl::optional<int64_t> keep_every;   // steps; 0: none beside those of `keep`
  absl::optional<bool> overfit_batch;
  absl::optional<double> spike_z;   // 0: no spikes
  absl::optional<double> watchdog;  // seconds; 0: none
  absl::optional<std::string> init_from;
  absl::optional<std::string> finetune;
  absl::optional<std::vector<std::string>> allow_missing;  // names, or prefixes ending in "*"
  absl::optional<bool> passes;
  absl::optional<std::vector<std::string>> disable_pass;
  absl::optional<bool> list_models;
  absl::optional<bool> help;

  // Output.
  absl::optional<std::string> output_dir;  // unset: see models/training/output_dir.h
  absl::optional<bool> overwrite;
  absl::optional<std::string> dump_graph;
  absl::optional<std::string> plan;   // "short", "full" or "json"
  absl::optional<std::vector<std::string>> plan_gpu;  // chips (tools/plan/gpu_chips.h)
  absl::optional<int64_t> profile;    // steps
  absl::optional<int64_t> vis_every;  // 0: never
  absl::optional<bool> tensorboard;

  // Flags of models (models/zoo/model_options.h) by name: those given, and once resolved those
  // that the model has and that say something.
  std::map<std::string, ModelOption> model_options;
};

// Equal in every flag (flag_table.cc).
bool operator==(const TrainFlags& a, const TrainFlags& b);

}  // namespace tools

#endif  // TOOLS_FLAGS_TRAIN_FLAGS_H_
