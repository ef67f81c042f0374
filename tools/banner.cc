#include "tools/banner.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "graph/base/counted.h"
#include "models/training/screen_text.h"

namespace tools {
namespace {

// Of the images that an epoch leaves out.
constexpr double kWorthSaying = 0.01;

double MiB(size_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024.0); }

std::string Row(const char* label, const std::string& text, int columns) {
  std::string row = absl::StrFormat("  %-10s ", label);
  models::AppendWrapped(text, 13, columns, &row);
  return row;
}

}  // namespace

std::string Banner(const ResolvedFlags& resolved, const models::Model& model,
                   const models::Datasets& data, const models::Session& session,
                   const DeviceChoice& device, const graph::Backend& backend,
                   const models::EpochPlan& epochs, const std::string& output_dir, int columns) {
  const auto row = [columns](const char* label, const std::string& words) {
    return Row(label, words, columns);
  };
  const models::RecipeConfig& recipe = resolved.entry.recipe;
  std::string text = absl::StrCat(resolved.entry.name, "\n");
  text += row("model", model.description());
  text += row("size", absl::StrFormat("%.2f M parameters, %.2f GFLOP an image",
                                      static_cast<double>(session.trainable_elements()) / 1e6,
                                      session.flops_per_image() / 1e9));
  text += row("device", device.reason.empty()
                            ? absl::StrCat(device.device, ": ", backend.description)
                            : absl::StrCat(device.Text(), "; ", backend.description));
  text += row("precision", resolved.precision_line);
  text +=
      row("memory", absl::StrFormat("arena %.1f MiB, parameters and optimizer %.1f MiB",
                                    MiB(session.arena_bytes()), MiB(session.persistent_bytes())));
  if (!resolved.flags.data_path) {
    text += row("data", "EMBEDDED scenes drawn by this program, because there is no --data_path;");
    text += row("", "good for trying things out, not for a model to keep");
  }
  text += row("data", data.description);
  text += row("", absl::StrFormat(
                      "%s, %d held out, %s", graph::Counted(data.train->size(), "training image"),
                      data.held_out == nullptr ? 0 : data.held_out->size(),
                      graph::Counted(resolved.flags.num_workers.value(), "loader thread")));
  text += row("batch", absl::StrFormat("%s x %d accumulated = effective batch %d%s",
                                       graph::Counted(resolved.step.micro_batch, "image"),
                                       resolved.step.micro_batches, resolved.step.images(),
                                       recipe.published_effective_batch > 0
                                           ? absl::StrFormat(" (published: %d)",
                                                             recipe.published_effective_batch)
                                           : ""));
  const std::string rule =
      resolved.flags.lr ? "given by --lr"
                        : absl::StrFormat("blr %g x %d / 256", recipe.blr, resolved.step.images());
  text += row("lr", absl::StrFormat("%g (%s), %g warm-up epochs, cosine to %g", resolved.lr, rule,
                                    recipe.warmup_epochs, recipe.min_lr));
  const int64_t planned = epochs.steps() * recipe.epochs;
  text +=
      row("run", absl::StrFormat("%s of %s%s, seed %d", graph::Counted(recipe.epochs, "epoch"),
                                 graph::Counted(epochs.steps(), "step"),
                                 resolved.flags.steps && *resolved.flags.steps < planned
                                     ? absl::StrCat(", ended after ",
                                                    graph::Counted(*resolved.flags.steps, "step"),
                                                    " by --steps")
                                     : "",
                                 resolved.flags.seed.value()));
  const int64_t images = data.train->size();
  const int64_t unused = images - epochs.micro_batches() * resolved.step.micro_batch;
  const bool overfit = resolved.flags.overfit_batch.value();
  if (!overfit && static_cast<double>(unused) > kWorthSaying * static_cast<double>(images)) {
    text += row("", absl::StrFormat(
                        "an epoch leaves out %d of the images (%.1f%%), other ones each "
                        "time: they fill no step",
                        unused, 100.0 * static_cast<double>(unused) / static_cast<double>(images)));
  }
  if (overfit) {
    text += row("", absl::StrFormat("on its first %s alone (--overfit_batch)",
                                    graph::Counted(resolved.step.images(), "image")));
  }
  absl::StrAppendFormat(&text, "  %-10s %s\n", "output", output_dir);  // to be copied whole
  return text;
}

}  // namespace tools
