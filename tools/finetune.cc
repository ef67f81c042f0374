// Fine-tunes a pretrained encoder as a classifier:
//
//   bazel run //tools:finetune -- --finetune=runs/a --data_path=DIR
//   bazel run //tools:finetune -- --model=vitb --from_scratch --data_path=DIR
//   bazel run //tools:finetune -- --help
//
// The flags are the trainer's, and those of the official main_finetune.py.
#include <string>
#include <vector>

#include "graph/base/status.h"
#include "models/vit/vit_config.h"
#include "tools/checkpoint/trained_model.h"
#include "tools/flags/parse_flags.h"
#include "tools/plugins.h"
#include "tools/program.h"
#include "tools/training_program.h"

namespace tools {
namespace {

// The classifier whose recipe is for an encoder of this size; ViT-B's for one of none.
models::ZooEntry ClassifierLike(const models::ModelConfig& encoder) {
  const models::Zoo zoo = ClassifierZoo();
  for (const models::ZooEntry& entry : zoo.entries()) {
    if (entry.model.embed_dim == encoder.embed_dim && entry.model.depth == encoder.depth) {
      return entry;
    }
  }
  return zoo.Find("vitb").value();
}

// The encoder and what its images are like, as the pretrained run had them. Nothing where --model
// says it because the file does not.
absl::StatusOr<TrainFlags> FlagsOfEncoder(const std::string& path, bool model_given) {
  TrainFlags flags;
  const absl::StatusOr<TrainedModel> trained = ReadTrainedModel({path, "", ""}, MakeZoo());
  if (!trained.ok() && model_given && absl::IsInvalidArgument(trained.status())) return flags;
  RETURN_IF_ERROR(graph::Annotate(trained.status(), "--finetune"));
  const TrainFlags& run = trained->resolved.flags;
  flags.model = ClassifierLike(trained->entry().model).name;
  flags.input_size = run.input_size;
  flags.channels = run.channels;
  flags.patch_size = run.patch_size;
  flags.embed_dim = run.embed_dim;
  flags.depth = run.depth;
  flags.num_heads = run.num_heads;
  flags.mlp_ratio = run.mlp_ratio;
  flags.mean = run.mean;
  flags.std = run.std;
  return flags;
}

// MAE's published fine-tuning (FINETUNE.md of facebookresearch/mae) where it is not the official
// DropPos one.
void SetMaeRecipe(const models::ZooEntry& entry, TrainFlags* flags) {
  const int depth = entry.model.depth;
  if (depth <= 12) flags->blr = 5e-4;
  const auto set = [flags](const char* name, const char* value) {
    flags->model_options[name] = {value, std::string(models::VitConfig().family())};
  };
  set("layer_decay", depth <= 12 ? "0.65" : "0.75");
  set("drop_path", depth <= 12 ? "0.1" : depth <= 24 ? "0.2" : "0.3");
  set("train_pos_embed", "true");
}

// The official augmentation, which is for long training of large nets; RandAugment is of 8-bit RGB.
void SetDefaults(const models::ZooEntry& entry, TrainFlags* flags) {
  if (entry.name == "vit_tiny") return;
  flags->crop_scale = std::vector<double>{0.08, 1.0};
  if (!flags->channels.has_value()) flags->aa = "rand-m9-mstd0.5-inc1";
  flags->reprob = 0.25;
}

// That `given` says where the parameters come from, once.
absl::Status CheckStart(const GivenTexts& given) {
  const auto scratch = given.find("from_scratch");
  const bool from_scratch =
      scratch != given.end() && models::ParseSwitch(scratch->second).value_or(true);
  const bool from_file = given.count("finetune") + given.count("init_from") > 0;
  if (from_scratch && from_file) {
    return graph::InvalidArgument("--from_scratch begins with random parameters, and a file is "
                                  "given to begin with; leave out one of the two");
  }
  if (from_scratch && given.count("model") == 0) {
    return graph::InvalidArgument("--from_scratch needs --model=NAME; --list_models shows all");
  }
  if (from_scratch || from_file) return absl::OkStatus();
  return graph::InvalidArgument(
      "there is nothing to fine-tune: give --finetune=RUN, a pretrained run or a safetensors file, "
      "or --from_scratch");
}

absl::StatusOr<ProgramFlags> FirstFlags(const GivenTexts& given) {
  RETURN_IF_ERROR(CheckStart(given));
  const auto text = [&given](const char* name) {
    const auto it = given.find(name);
    return it == given.end() ? std::string() : it->second;
  };
  const models::Zoo zoo = ClassifierZoo();
  TrainFlags flags;
  if (!text("finetune").empty()) {
    ASSIGN_OR_RETURN(flags, FlagsOfEncoder(text("finetune"), !text("model").empty()));
  }
  if (!text("model").empty()) {
    ASSIGN_OR_RETURN(const models::ZooEntry entry, zoo.Find(text("model")));
    if (flags.embed_dim.has_value() && given.count("embed_dim") + given.count("depth") == 0 &&
        (*flags.embed_dim != entry.model.embed_dim || *flags.depth != entry.model.depth)) {
      return graph::InvalidArgument(
          "--model=", entry.name, " has ", entry.model.depth, " blocks of ", entry.model.embed_dim,
          ", and the run of --finetune has ", *flags.depth, " of ", *flags.embed_dim,
          "; leave --model out");
    }
    flags.model = entry.name;
  }
  ASSIGN_OR_RETURN(const models::ZooEntry entry, zoo.Find(flags.model.value_or("vitb")));
  SetDefaults(entry, &flags);
  if (given.count("channels") > 0) flags.aa.reset();
  if (text("recipe") == "mae") SetMaeRecipe(entry, &flags);
  if (given.count("lr") > 0) flags.blr.reset();
  if (given.count("data_path") == 0) flags.crop_scale.reset();  // scenes are not cropped
  flags.precision = "auto";  // else that of runs whose files do not say it
  return ProgramFlags{TrainFlagsText(flags, "", zoo.entries()), "the pretrained run"};
}

absl::StatusOr<int> Main(int argc, char** argv) {
  return TrainingProgram({"finetune", ClassifierZoo(), "vitb", FirstFlags, SetDefaults}, argc, argv);
}

}  // namespace
}  // namespace tools

int main(int argc, char** argv) { return tools::RunProgram("finetune", argc, argv, tools::Main); }
