#include "tools/flags/flag_table.h"

#include <map>
#include <set>
#include <type_traits>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "graph/base/status.h"
#include "models/data/augment.h"
#include "models/data/bad_image_judge.h"
#include "models/data/rand_augment.h"
#include "tools/flags/device_name.h"
#include "tools/flags/precision.h"

namespace tools {
namespace {

using F = TrainFlags;
using Place = models::ModelFlag::Place;
using Rule = models::FlagRule;
using S = models::FlagScope;
constexpr absl::string_view kModel = "Model", kData = "Data", kTheRun = "Run",
                            kCheckpoints = "Checkpoints", kOptimisation = "Optimisation",
                            kMachine = "Machine", kInside = "Looking inside", kOther = "Other";
constexpr absl::string_view kPolicy = "POLICY";
constexpr const char* kRecipe = models::kOfTheModel;
constexpr Rule kAny = Rule::kAny, kPositive = Rule::kPositive, kNotNegative = Rule::kNotNegative,
               kRatio = Rule::kRatio, kFraction = Rule::kFraction, kShare = Rule::kShare;
constexpr Lifetime kMayChange = Lifetime::kMayChange, kCommand = Lifetime::kCommand;

// Where the flags of models stand.
FlagRow Models(Place place) {
  return {"", "", S::kNet, ModelField{{}, "", place}, kAny, "", "", ""};
}

// In the order of --help.
const std::vector<FlagRow>& OwnRows() {
  static const auto* const precision = new std::string(absl::StrCat(
      "of activations and products; parameters, their moments, statistics and losses stay fp32. ",
      kAutoPrecision, "; a run that is resumed keeps what it began with"));
  // clang-format off
  static const auto* const rows = new std::vector<FlagRow>{
      {"model", kModel, S::kNet, &F::model, kAny, "NAME", "",
       "what to train; --list_models shows the names, the official ones work too"},
      {"input_size", kModel, S::kNet, &F::input_size, kPositive, "N|HxW", kRecipe,
       "image size in pixels"},
      {"channels", kModel, S::kNet, &F::channels, kPositive, "N", "3, of 8 bits",
       "of the images: 1 (grey), 3 (RGB) or 4 (RGB and alpha, or a TIFF's four samples); where it is "
       "given, PNG and TIFF of 16 bits a sample keep them"},
      {"patch_size", kModel, S::kNet, &F::patch_size, kPositive, "N", kRecipe,
       "patch side in pixels"},
      {"embed_dim", kModel, S::kNet, &F::embed_dim, kPositive, "N", kRecipe, "encoder width"},
      {"depth", kModel, S::kNet, &F::depth, kPositive, "N", kRecipe, "encoder blocks"},
      {"num_heads", kModel, S::kNet, &F::num_heads, kPositive, "N", kRecipe,
       "encoder attention heads"},
      {"decoder_embed_dim", kModel, S::kNet, &F::decoder_embed_dim, kPositive, "N", kRecipe,
       "decoder width"},
      {"decoder_depth", kModel, S::kNet, &F::decoder_depth, kNotNegative, "N", kRecipe,
       "decoder blocks"},
      {"decoder_num_heads", kModel, S::kNet, &F::decoder_num_heads, kPositive, "N", kRecipe,
       "decoder attention heads"},
      {"mlp_ratio", kModel, S::kNet, &F::mlp_ratio, kPositive, "X", kRecipe,
       "hidden width of the MLPs, as a multiple of the width"},

      {"data_path", kData, S::kStep, &F::data_path, kAny, "DIR", "the embedded data set",
       "images: a folder, a folder with train.txt, tar shards (a folder of them, one, or a pattern "
       "like DIR/{000..099}.tar or DIR/*.tar), or CIFAR-10 binary files", kMayChange},
      {"val_fraction", kData, S::kStep, &F::val_fraction, kFraction, "X", Value("0.01"),
       "share held out where the data has no split of its own; if it is not given, more where that "
       "is fewer than 50 images, up to a fifth"},
      {"nb_classes", kData, S::kStep, &F::nb_classes, kPositive, "N", "the data's",
       "how many classes the data have; another number is an error"},
      {"label_fraction", kData, S::kStep, &F::label_fraction, kShare, "X", Value("1"),
       "train on so much of each class, at least one image, chosen by a hash of the image: the same "
       "for every seed and model"},
      {"labels_per_class", kData, S::kStep, &F::labels_per_class, kPositive, "N", "all",
       "train on N images of each class, chosen in the same way"},
      {"label_seed", kData, S::kStep, &F::label_seed, Rule::kNotNegative64, "N", Value("0"),
       "of that choice"},
      {"num_workers", kData, S::kStep, &F::num_workers, Rule::kWorkers, "N", "from the cores",
       "threads that load images; masks and crops do not depend on it", kMayChange},
      {"exact_decode", kData, S::kStep, &F::exact_decode, kAny, "", Value("false"),
       "never decode a crop smaller than it is, however far it will be shrunk; slower where pictures "
       "are large; evaluations always do so"},
      {"crop_scale", kData, S::kStep, &F::crop_scale, kShare, "LOW,HIGH",
       Value(models::TransformOptions().crop_scale),
       "bounds of a random crop's share of the picture's area"},
      {"crop_ratio", kData, S::kStep, &F::crop_ratio, kPositive, "LOW,HIGH",
       Value(models::TransformOptions().crop_ratio), "bounds of a random crop's width / height"},
      {"flip", kData, S::kStep, &F::flip, kAny, "", Value("true"),
       "mirror half of the pictures, by chance, left to right"},
      {"aa", kData, S::kStep, &F::aa, kAny, kPolicy, Value("none"),
       "RandAugment of what is cropped and flipped, as rand-m9-mstd0.5-inc1: m its magnitude, n (2) "
       "how many of the fifteen operations are drawn, mstd the deviation of their severity"},
      {"reprob", kData, S::kStep, &F::reprob, kRatio, "X", Value("0"),
       "share of the pictures in which a rectangle is erased by chance, after normalisation"},
      {"remode", kData, S::kStep, &F::remode, kAny, "pixel|const|rand", Value("pixel"),
       "what is there then: noise, the mean colour, or one random colour"},
      {"recount", kData, S::kStep, &F::recount, kPositive, "N", Value("1"),
       "from 1 to N rectangles, which share the area of one"},
      {"mean", kData, S::kNet, &F::mean, kRatio, "R,G,B", Value(models::TransformOptions().mean),
       "the channels' means, which normalisation subtracts; black is 0 and white 1; with --channels=1 "
       "one number (0.449), with 4 a fourth (0.5)"},
      {"std", kData, S::kNet, &F::std, kShare, "R,G,B", Value(models::TransformOptions().std),
       "the channels' standard deviations, by which it divides then; with --channels=1 one number "
       "(0.226), with 4 a fourth (0.5)"},
      {"max_image_megapixels", kData, S::kStep, &F::max_image_megapixels, kPositive,
       "X", Value("100"),
       "larger pictures are refused, before they take memory; crops of a JPEG in one scan, which are "
       "decoded smaller, may be of larger ones", kMayChange},
      {"on_bad_image", kData, S::kStep, &F::on_bad_image, kAny, "skip|stop", Value("skip"),
       "what an image that cannot be decoded does: the log names it and another takes its place, or "
       "the run saves and ends", kMayChange},
      {"max_bad_share", kData, S::kStep, &F::max_bad_share, Rule::kRatio,
       "X", Value(models::kMaxBadShare),
       "with on_bad_image=skip: the run ends when more of an epoch's images (and more than 2) are "
       "bad; check_data lists them all", kMayChange},

      {"output_dir", kTheRun, S::kRun, &F::output_dir, kAny, "DIR", "runs/<model>-<time>",
       "where metrics.jsonl, flags.txt, checkpoints and the rest go", kMayChange},
      {"overwrite", kTheRun, S::kRun, &F::overwrite, kAny, "", "false",
       "replace an earlier run's files in output_dir, its checkpoints too", kCommand},
      {"steps", kTheRun, S::kRun, &F::steps, Rule::kNotNegative64, "N", "all epochs",
       "end after N steps; the schedule stays as it is; 0: set up only", kMayChange},
      {"seed", kTheRun, S::kStep, &F::seed, Rule::kNotNegative64, "N", Value("0"),
       "of everything random"},
      {"print_every", kTheRun, S::kRun, &F::print_every, kPositive, "N", Value("20"),
       "steps between progress lines", kMayChange},
      {"eval_epochs", kTheRun, S::kRun, &F::eval_epochs, kPositive, "N", Value("1"),
       "evaluate, and save, after every N epochs and the last, for epochs of few steps", kMayChange},
      {"eval_every", kTheRun, S::kRun, &F::eval_every, kNotNegative, "N", Value("0"),
       "evaluate every N steps too, not only after each epoch, and then with more positions and kNN",
       kMayChange},
      {"vis_every", kTheRun, S::kRun, &F::vis_every, kNotNegative, "N", "never",
       "every N steps, draw into output_dir/vis where the model puts patches", kMayChange},
      {"tensorboard", kTheRun, S::kRun, &F::tensorboard, kAny, "", Value("true"),
       "write the numbers and the drawings of --vis_every for TensorBoard too, into "
       "output_dir/tensorboard", kMayChange},
      {"spike_z", kTheRun, S::kRun, &F::spike_z, kNotNegative, "X", Value("8"),
       "deviations above the last 100 losses from which on a loss is a spike, and its step is kept "
       "in output_dir/capsules (3 at most); 0: none is", kMayChange},
      {"watchdog", kTheRun, S::kRun, &F::watchdog, kNotNegative, "SECONDS", Value("300"),
       "say a line when nothing has gone on for so long; 0: none", kMayChange},

      {"resume", kCheckpoints, S::kRun, &F::resume, kAny, "DIR", "begin a new run",
       "go on with a checkpoint: the newest of the run in DIR, the one in DIR, or with --resume=auto "
       "the newest in output_dir, if any; flags that are not given are the run's", kCommand},
      {"save_every", kCheckpoints, S::kRun, &F::save_every, kNotNegative, "N", Value("0"),
       "save a checkpoint every N steps too, not only after each epoch and at the end", kMayChange},
      {"save_minutes", kCheckpoints, S::kRun, &F::save_minutes, kNotNegative, "X", Value("15"),
       "save after the first step that ends X minutes or more after the last save, too; 0: do not",
       kMayChange},
      {"keep", kCheckpoints, S::kRun, &F::keep, kNotNegative, "N", Value("2"),
       "newest checkpoints to keep; 0: all", kMayChange},
      {"keep_every", kCheckpoints, S::kRun, &F::keep_every, kNotNegative, "N", Value("0"),
       "keep each checkpoint whose step is a multiple of N for good", kMayChange},
      {"init_from", kCheckpoints, S::kRun, &F::init_from, kAny, "PATH", "random parameters",
       "take the parameters from a safetensors file, or a run's or checkpoint's folder", kMayChange},
      {"finetune", kCheckpoints, S::kRun, &F::finetune, kAny, "PATH", "nothing to begin with",
       "take the encoder of a pretrained run, or of a safetensors file, for a classifier: the head, "
       "and fc_norm without --cls_token, begin anew, and anything else that is missing is an error",
       kMayChange},
      {"allow_missing", kCheckpoints, S::kRun, &F::allow_missing, kAny, "NAME,PREFIX*,...", "none",
       "tensors that --init_from may lack or have with a shape mismatch (they keep their random "
       "values) or have without need", kMayChange},

      {"batch_size", kOptimisation, S::kStep, &F::batch_size, kPositive, "N", kRecipe,
       "images in one pass through the net"},
      {"accum_iter", kOptimisation, S::kStep, &F::accum_iter, kPositive, "N", Value("1"),
       "passes whose gradients make one step"},
      {"effective_batch", kOptimisation, S::kStep, &F::effective_batch, kPositive, "N",
       "batch_size * accum_iter", "images per step; derives accum_iter"},
      {"recipe", kOptimisation, S::kStep, &F::recipe, kAny, "droppos|mae", "droppos",
       "of the rates and of what is trained when a classifier is fine-tuned, in finetune; mae: as "
       "MAE's published one, with positions trained; flags that are given win", kCommand},
      {"epochs", kOptimisation, S::kStep, &F::epochs, kPositive, "N", kRecipe,
       "length of the schedule"},
      {"warmup_epochs", kOptimisation, S::kStep, &F::warmup_epochs, kNotNegative, "X", kRecipe,
       "linear rise of the learning rate"},
      {"lr", kOptimisation, S::kStep, &F::lr, kNotNegative, "X", "blr * effective batch / 256",
       "learning rate after the warm-up"},
      {"blr", kOptimisation, S::kStep, &F::blr, kNotNegative, "X", kRecipe,
       "learning rate per 256 images"},
      {"min_lr", kOptimisation, S::kStep, &F::min_lr, kNotNegative, "X", kRecipe,
       "learning rate at the end of the schedule"},
      {"weight_decay", kOptimisation, S::kStep, &F::weight_decay, kNotNegative, "X", kRecipe,
       "AdamW's; none on 1-D parameters"},
      {"clip_grad", kOptimisation, S::kStep, &F::clip_grad, kNotNegative, "X", kRecipe,
       "largest gradient norm; 0: no clipping"},
      {"clip_mode", kOptimisation, S::kStep, &F::clip_mode, kAny, "parameter|global", kRecipe,
       "clip each parameter's gradient by itself, or all as one"},

      Models(Place::kFamily),

      {"device", kMachine, S::kCompute, &F::device, kAny, kDeviceNames, Value("cpu"), kDeviceHelp,
       kMayChange},
      {"threads", kMachine, S::kCompute, &F::threads, Rule::kThreads, "N", "all CPUs it may use",
       "threads that compute; what it may use goes by affinity, the CPU quota of its control group "
       "and OMP_THREAD_LIMIT", kMayChange},
      {"precision", kMachine, S::kCompute, &F::precision, kAny, "auto|fp32|bf16", Value("auto"),
       *precision, Lifetime::kRun, /*bare=*/"", /*once=*/"fp32"},
      Models(Place::kPrecision),
      {"recompute", kMachine, S::kStep, &F::recompute, kAny, "none|mlp|block", Value("none"),
       "compute again in the backward pass, instead of keeping: the MLPs' insides, whole blocks",
       kMayChange},

      {"plan", kInside, S::kRun, &F::plan, kAny, "short|full|json", "no plan",
       "say whether it fits, the largest batch and the hours it will take, in six lines, and exit; "
       "full: where memory and time will go, too; json: the numbers on one line", kCommand, "short"},
      {"plan_gpu", kInside, S::kRun, &F::plan_gpu, kAny, "NAME,...",
       "the GPU that is here, else h100,h200",
       "with --plan: plan for GPUs that need not be here, by their data sheets (docs/gpu.md)",
       kCommand},
      {"profile", kInside, S::kRun, &F::profile, kPositive, "N", "no profile",
       "time every operator over N steps and write output_dir/profile", kCommand},
      {"overfit_batch", kInside, S::kStep, &F::overfit_batch, kAny, "", Value("false"),
       "train on the first batch alone, over and over: its loss must fall towards zero"},
      {"dump_graph", kInside, S::kRun, &F::dump_graph, kAny, "DIR", "no dump",
       "write the nets as protobuf, text and Graphviz files", kCommand},
      {"passes", kInside, S::kCompute, &F::passes, kAny, "on|off", Value("on"),
       "the passes that optimise the graph"},
      {"disable_pass", kInside, S::kCompute, &F::disable_pass, kAny, "NAME,...", "none",
       "passes to leave out, by name"},

      {"list_models", kOther, S::kRun, &F::list_models, kAny, "", "",
       "print the zoo and exit", kCommand},
      {"help", kOther, S::kRun, &F::help, kAny, "", "", "print this and exit", kCommand},

      Models(Place::kCompatibility),
  };
  // clang-format on
  return *rows;
}

FlagRow RowOf(const models::ModelFlag& flag, const models::ModelOptions& options) {
  const models::FlagValue type =
      absl::visit([](const auto* value) -> models::FlagValue { return *value; }, flag.field);
  const absl::string_view group = flag.place == Place::kFamily      ? options.family()
                                  : flag.place == Place::kPrecision ? kMachine
                                                                    : kCompatible;
  return {flag.name, group,      flag.scope,    ModelField{type, options.family(), flag.place},
          flag.rule, flag.value, flag.fallback, flag.help};
}

// The rows of the entries' flags at `place`, one for each family's flag; two families may not have
// flags of one name, because a row is parsed before the entry is known.
void AddModelRows(absl::Span<const models::ZooEntry> entries, Place place,
                  std::set<absl::string_view>* names, std::vector<FlagRow>* rows) {
  std::map<absl::string_view, absl::string_view> family_of;
  for (const models::ZooEntry& entry : entries) {
    if (entry.options == nullptr) continue;
    const std::unique_ptr<models::ModelOptions> options = entry.options->Clone();
    for (const models::ModelFlag& flag : options->Flags()) {
      if (flag.place != place) continue;
      const auto [it, is_new] = family_of.emplace(flag.name, options->family());
      CHECK(it->second == options->family());
      if (!is_new) continue;
      CHECK(names->insert(flag.name).second);
      rows->push_back(RowOf(flag, *options));
    }
  }
}

// What the field holds as text and back.
absl::Status Parse(const FlagRow& row, absl::string_view text, InputSize* value) {
  const std::vector<absl::string_view> sides = absl::StrSplit(text, 'x');
  if (sides.size() > 2 || !absl::SimpleAtoi(sides.front(), &value->h) ||
      !absl::SimpleAtoi(sides.back(), &value->w)) {
    return graph::InvalidArgument("must be a side as in 224, or height x width as in 192x256");
  }
  for (const int64_t side : {value->h, value->w}) {
    RETURN_IF_ERROR(models::CheckFlagRule(row.rule, static_cast<double>(side)));
    if (side > 65536) return graph::InvalidArgument("must be at most 65536");
  }
  return absl::OkStatus();
}

absl::Status Parse(const FlagRow&, absl::string_view text, std::vector<std::string>* value) {
  *value = absl::StrSplit(text, ',');
  for (const std::string& item : *value) {
    if (item.empty()) return graph::InvalidArgument("must be names with one comma between them");
  }
  return absl::OkStatus();
}

absl::Status Parse(const FlagRow& row, absl::string_view text, std::vector<double>* value) {
  std::vector<absl::string_view> names = absl::StrSplit(row.value, ',');
  const std::vector<absl::string_view> numbers = absl::StrSplit(text, ',');
  if (row.value == "R,G,B") {  // or as many as --channels says, which ResolveTrainFlags checks
    if (numbers.size() == 1) names = {"the number"};
    if (numbers.size() == 4) names.push_back("the fourth");
  }
  if (numbers.size() != names.size()) {
    return graph::InvalidArgument("must be ", names.size(), " numbers, ", row.value);
  }
  value->clear();
  for (size_t i = 0; i < names.size(); ++i) {
    RETURN_IF_ERROR(graph::Annotate(
        models::ParseFlag(numbers[i], row.rule, names[i], &value->emplace_back()), names[i]));
  }
  if (row.value == "LOW,HIGH" && value->front() > value->back()) {
    return graph::InvalidArgument("LOW must not be above HIGH");
  }
  return absl::OkStatus();
}

absl::Status Parse(const FlagRow& row, absl::string_view text, std::string* value) {
  if (row.value != kDeviceNames && row.value != kPolicy) {
    return models::ParseFlag(text, row.rule, row.value, value);
  }
  *value = std::string(text);
  return row.value == kPolicy ? models::ParseRandAugment(text).status() : CheckDeviceName(text);
}

template <typename T>
absl::Status Parse(const FlagRow& row, absl::string_view text, T* value) {
  return models::ParseFlag(text, row.rule, row.value, value);
}

std::string Text(const std::vector<std::string>& value) { return absl::StrJoin(value, ","); }
std::string Text(const InputSize& value) {
  return value.h == value.w ? absl::StrCat(value.h) : absl::StrCat(value.h, "x", value.w);
}
template <typename T>
std::string Text(const T& value) {
  return models::FlagValueText(value);
}

absl::Status SetModelFlag(const FlagRow& row, ModelField field, absl::string_view text,
                          TrainFlags& flags) {
  const auto set = [&](auto& value) -> absl::Status {
    RETURN_IF_ERROR(Parse(row, text, &value));
    flags.model_options[std::string(row.name)] = {Text(value), std::string(field.family)};
    return absl::OkStatus();
  };
  return absl::visit(set, field.type);
}

}  // namespace

bool FlagRow::is_switch() const {
  const auto* of_model = absl::get_if<ModelField>(&field);
  return of_model != nullptr ? absl::holds_alternative<bool>(of_model->type)
                             : absl::holds_alternative<absl::optional<bool> TrainFlags::*>(field);
}

std::vector<FlagRow> FlagTable(absl::Span<const models::ZooEntry> entries) {
  std::set<absl::string_view> names;
  for (const FlagRow& row : OwnRows()) names.insert(row.name);
  std::vector<FlagRow> rows;
  for (const FlagRow& row : OwnRows()) {
    const auto* models = absl::get_if<ModelField>(&row.field);
    if (models == nullptr) {
      rows.push_back(row);
    } else {
      AddModelRows(entries, models->place, &names, &rows);
    }
  }
  return rows;
}

absl::Status SetFlag(const FlagRow& row, absl::string_view text, TrainFlags& flags) {
  return absl::visit(
      [&](const auto& field) -> absl::Status {
        if constexpr (std::is_same_v<std::decay_t<decltype(field)>, ModelField>) {
          return SetModelFlag(row, field, text, flags);
        } else {
          typename std::decay_t<decltype(flags.*field)>::value_type value{};
          RETURN_IF_ERROR(Parse(row, text, &value));
          flags.*field = std::move(value);
          return absl::OkStatus();
        }
      },
      row.field);
}

absl::optional<std::string> FlagText(const FlagRow& row, const TrainFlags& flags) {
  return absl::visit(
      [&](const auto& field) -> absl::optional<std::string> {
        if constexpr (std::is_same_v<std::decay_t<decltype(field)>, ModelField>) {
          const auto it = flags.model_options.find(std::string(row.name));
          if (it == flags.model_options.end()) return absl::nullopt;
          return it->second.text;
        } else {
          if (!(flags.*field).has_value()) return absl::nullopt;
          return Text(*(flags.*field));
        }
      },
      row.field);
}

bool operator==(const TrainFlags& a, const TrainFlags& b) {
  for (const FlagRow& row : OwnRows()) {
    if (FlagText(row, a) != FlagText(row, b)) return false;
  }
  return a.model_options == b.model_options;
}

}  // namespace tools
