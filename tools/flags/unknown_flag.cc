#include "tools/flags/unknown_flag.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "graph/base/printable.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "models/zoo/edit_distance.h"

namespace tools {
namespace {

constexpr absl::string_view kOneProcess =
    "a run is one process, started without a launcher; --effective_batch=N gives the batch of "
    "several";
constexpr absl::string_view kAugmentation =
    "images are cropped and flipped (--crop_scale, --crop_ratio, --flip), and changed by "
    "RandAugment (--aa) and random erasing (--reprob) where asked; there is no other augmentation";
constexpr absl::string_view kDropout =
    "the models have no dropout; --drop_path, of classifiers, is stochastic depth";

constexpr FlagSynonym kSynonyms[] = {
    // The model.
    {"arch architecture backbone net model_name model_type model_name_or_path", "model checkpoint"},
    {"image_size img_size imgsz imsize resolution input_resolution size crop_size", "input_size"},
    {"patch patchsize", "patch_size"},
    {"dim width hidden_size hidden_dim d_model", "embed_dim"},
    {"layers num_layers n_layers num_hidden_layers num_blocks", "depth"},
    {"heads n_heads nhead num_attention_heads attention_heads", "num_heads"},
    {"decoder_dim decoder_hidden_size", "decoder_embed_dim"},
    {"decoder_num_layers decoder_layers decoder_num_hidden_layers", "decoder_depth"},
    {"decoder_heads decoder_num_attention_heads", "decoder_num_heads"},
    {"drop dropout drop_rate attn_drop_rate hidden_dropout_prob", "epochs", kDropout},
    {"drop_path_rate stochastic_depth", "drop_path"},
    {"num_classes n_classes", "nb_classes"},

    // The data.
    {"data dataset data_dir data_root dataroot datadir dataset_path dataset_dir dataset_name "
     "root root_dir path dir train_dir train_data train_path imagenet_path data_folder input_dir",
     "data_path"},
    {"img imgs image_path img_path input", "image"},
    {"workers num_worker n_workers nworkers num_data_workers dataloader_num_workers "
     "loader_workers data_workers",
     "num_workers threads"},
    {"val_split validation_split val_ratio test_size train_val_split val_size valid_size",
     "val_fraction"},
    {"val_dir val_path validation_dir validation_data", "val_fraction",
     "held-out images are those in val/ or val.txt below --data_path, else --val_fraction of all"},
    {"mixup_alpha", "mixup"},
    {"cutmix_alpha", "cutmix"},
    {"color_jitter vflip crop_pct repeated_aug three_augment augment "
     "augmentation",
     "epochs", kAugmentation},
    {"auto_augment autoaugment rand_augment randaugment", "aa"},
    {"random_erasing random_erase re_prob", "reprob"},
    {"re_mode", "remode"},
    {"re_count", "recount"},
    {"scale", "crop_scale"},
    {"ratio", "crop_ratio"},
    {"hflip horizontal_flip random_flip", "flip"},
    {"in_chans in_channels input_channels num_channels", "channels"},
    {"image_mean img_mean", "mean"},
    {"image_std img_std", "std"},
    {"interpolation train_interpolation", "epochs", "images are resized bicubically"},
    {"prefetch prefetch_factor persistent_workers prefetcher", "num_workers",
     "loading is always ahead of the step"},

    // The run.
    {"output out_dir outdir save_dir save_path savedir work_dir workdir run_dir exp_dir "
     "results_dir result_dir checkpoint_dir ckpt_dir default_root_dir dest destination out "
     "output_file",
     "output_dir out"},
    {"name run_name exp_name exp experiment_name project tag run_id job_name", "output_dir",
     "--output_dir names a run"},
    {"overwrite_output_dir force exist_ok", "overwrite"},
    {"max_steps num_steps total_steps n_steps iterations num_iterations max_iters iters "
     "num_iters max_iterations num_train_steps max_train_steps",
     "steps"},
    {"fast_dev_run dry_run smoke_test", "steps=1"},
    {"random_seed manual_seed rng_seed seed_everything random_state", "seed"},
    {"deterministic cudnn_deterministic use_deterministic_algorithms", "seed",
     "runs are always deterministic: the same --seed and --threads give bit-equal losses"},
    {"log_interval log_every log_freq log_steps logging_steps print_freq print_interval "
     "log_every_n_steps display_interval log_frequency",
     "print_every"},
    {"eval_freq eval_interval eval_steps val_interval val_freq val_every eval_every_n_steps "
     "val_check_interval evaluation_strategy eval_strategy check_val_every_n_epoch",
     "eval_every"},
    {"vis_freq vis_interval visualize visualise", "vis_every"},
    {"wandb log_wandb wandb_project wandb_entity wandb_name wandb_mode wandb_run report_to "
     "mlflow comet neptune clearml logger tracker log_with tensorboard_dir tb_dir tb_log_dir "
     "logging_dir logdir",
     "tensorboard",
     "TensorBoard's files are written anyway, into output_dir/tensorboard, and the numbers into "
     "output_dir/metrics.jsonl"},
    {"tb use_tb", "tensorboard"},
    {"config cfg config_file config_path cfg_file conf yaml hparams options opts args_file",
     "flagfile"},
    {"eval evaluate evaluation eval_only test test_only validate do_eval linear_probe knn",
     "epochs", "//tools:evaluate -- --checkpoint=RUN measures what a run has learned"},
    {"profiler enable_profiler", "profile=20"},
    {"push_to_hub hub_model_id", "epochs", "//tools:export writes a run's encoder for timm"},

    // Checkpoints.
    {"resume_from resume_from_checkpoint resume_path resume_ckpt resume_training "
     "resume_checkpoint auto_resume continue continue_from restore restore_from ckpt_path",
     "resume checkpoint"},
    {"ckpt run resume init_from checkpoint_path weights model_path", "checkpoint resume"},
    {"pretrained pretrained_path pretrained_weights pretrained_model initial_checkpoint load "
     "checkpoint load_weights init_checkpoint load_checkpoint init init_weights pretrain",
     "init_from checkpoint"},
    {"strict", "allow_missing"},
    {"save_freq save_interval save_steps ckpt_every ckpt_freq checkpoint_every checkpoint_freq "
     "checkpoint_interval save_ckpt_freq saveckp_freq every_n_train_steps save_every_n_steps "
     "save_strategy save_period",
     "save_every"},
    {"save_total_limit save_ckpt_num max_to_keep keep_last checkpoint_hist save_top_k "
     "max_checkpoints",
     "keep"},

    // The optimisation.
    {"bs bsz batch batchsize train_batch_size batch_size_per_gpu per_gpu_batch_size "
     "per_device_train_batch_size per_device_batch_size micro_batch_size mini_batch_size "
     "minibatch",
     "batch_size"},
    {"global_batch_size total_batch_size effective_batch_size ebs", "effective_batch"},
    {"grad_accum grad_accum_steps gradient_accumulation gradient_accumulation_steps "
     "accumulation_steps accum_steps accumulate accumulate_grad_batches update_freq",
     "accum_iter"},
    {"num_epochs n_epochs nepochs max_epochs num_train_epochs total_epochs epoch train_epochs",
     "epochs"},
    {"warmup warmup_steps warmup_ratio num_warmup_steps warmup_iters lr_warmup_epochs lr_warmup "
     "warm_up linear_warmup_epochs num_warmup_epochs",
     "warmup_epochs"},
    {"warmup_lr warmup_lr_init warmup_init_lr", "warmup_epochs",
     "the learning rate rises from 0 over --warmup_epochs"},
    {"learning_rate learningrate max_lr peak_lr init_lr", "lr"},
    {"base_lr base_learning_rate lr_base", "blr"},
    {"final_lr lr_min eta_min end_lr min_learning_rate", "min_lr"},
    {"wd decay l2 weight_decay_rate", "weight_decay"},
    {"grad_clip clip gradient_clip gradient_clip_val max_grad_norm clip_grad_norm clip_norm "
     "grad_norm_clip gradient_clipping max_norm",
     "clip_grad"},
    {"gradient_clip_algorithm", "clip_mode"},
    {"opt optimizer optimiser optim momentum opt_betas betas beta1 beta2 adam_beta1 adam_beta2 "
     "adam_epsilon opt_eps",
     "weight_decay", "the optimiser is AdamW, with betas 0.9 and 0.95"},
    {"sched scheduler lr_scheduler lr_scheduler_type lr_schedule schedule decay_epochs "
     "decay_rate cooldown_epochs gamma",
     "min_lr", "the learning rate follows a half cosine after --warmup_epochs, down to --min_lr"},
    {"ema model_ema model_ema_decay ema_decay", "weight_decay",
     "no moving average of the parameters is kept"},
    {"layerwise_decay llrd lr_decay_rate", "layer_decay"},
    {"overfit overfit_batches", "overfit_batch"},

    // The machine.
    {"gpu gpus gpu_id gpu_ids n_gpu ngpu ngpus num_gpus cuda accelerator cuda_device",
     "device=cuda"},
    {"cpu use_cpu no_gpu no_cuda", "device=cpu"},
    {"backend devices", "device"},
    {"num_threads n_threads nthreads omp_num_threads cores num_cores cpus num_cpus jobs nproc",
     "threads"},
    {"amp fp16 bf16 half mixed_precision amp_dtype dtype torch_dtype float16 bfloat16 autocast "
     "apex_amp native_amp fp16_opt_level amp_impl amp_opt_level",
     "precision"},
    {"fp32 float32 tf32", "precision=fp32"},
    {"grad_checkpointing gradient_checkpointing grad_checkpoint use_checkpoint "
     "checkpoint_activations activation_checkpointing remat",
     "recompute"},
    {"compile torch_compile torchcompile torchscript jit channels_last cudnn_benchmark benchmark",
     "passes", "the net is always compiled ahead of the run (--passes)"},
    {"ddp dist distributed multiprocessing_distributed dist_backend dist_eval rank node_rank "
     "nodes nnodes num_nodes nproc_per_node num_processes master_addr master_port strategy "
     "deepspeed fsdp sync_bn local_world_size",
     "effective_batch", kOneProcess},
};

// The row's end of the message if the tool, whose flags are `known`, has one of its flags.
std::string SaySynonym(const FlagSynonym& row, const std::vector<std::string>& known) {
  for (const absl::string_view flag : absl::StrSplit(row.flags, ' ')) {
    const absl::string_view name = flag.substr(0, flag.find('='));
    if (std::find(known.begin(), known.end(), name) == known.end()) continue;
    if (!row.instead.empty()) return absl::StrCat(row.instead, "; ");
    return models::DidYouMean(absl::StrCat("--", flag));
  }
  return "";
}

std::string FindSynonym(absl::string_view name, const std::vector<std::string>& known) {
  for (const FlagSynonym& row : kSynonyms) {
    const std::vector<absl::string_view> names = absl::StrSplit(row.names, ' ');
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    std::string said = SaySynonym(row, known);
    if (!said.empty()) return said;
  }
  return "";
}

// "unknown flag --bs; did you mean --batch_size? ".
std::string SayUnknown(absl::string_view typed, const std::vector<std::string>& known) {
  const std::string shown = graph::Shortened(typed);
  // "--trainer.max-epochs" is max_epochs.
  const std::string spelled = absl::AsciiStrToLower(absl::StrReplaceAll(shown, {{"-", "_"}}));
  const absl::string_view name = absl::string_view(spelled).substr(spelled.rfind('.') + 1);
  std::string meant = FindSynonym(name, known);
  for (const absl::string_view before : {"no_", "use_", "enable_", "disable_", "with_"}) {
    if (meant.empty() && absl::StartsWith(name, before)) {
      meant = FindSynonym(absl::StripPrefix(name, before), known);
    }
  }
  if (meant.empty()) {
    const std::string nearest = models::Nearest(name, known);
    if (!nearest.empty()) meant = models::DidYouMean(absl::StrCat("--", nearest));
  }
  return absl::StrCat("unknown flag --", graph::Printable(shown), "; ", meant);
}

}  // namespace

absl::Span<const FlagSynonym> FlagSynonyms() { return kSynonyms; }

absl::Status UnknownFlags(const std::vector<std::string>& names,
                          const std::vector<std::string>& known) {
  std::string text;
  std::set<std::string> said;
  for (const std::string& name : names) {
    if (said.insert(name).second) absl::StrAppend(&text, SayUnknown(name, known));
  }
  return graph::InvalidArgument(text, "--help shows all");
}

}  // namespace tools
