#include "tools/banner.h"

#include "absl/strings/str_format.h"

namespace tools {
namespace {

double MiB(size_t bytes) { return static_cast<double>(bytes) / (1024.0 * 1024.0); }

std::string Row(const char* label, const std::string& text) {
  return absl::StrFormat("  %-10s %s\n", label, text);
}

}  // namespace

std::string Banner(const ResolvedFlags& resolved, const models::Model& model,
                   const models::Datasets& data, const models::Session& session,
                   const graph::Backend& backend, int64_t steps_per_epoch,
                   const std::string& output_dir) {
  const models::RecipeConfig& recipe = resolved.entry.recipe;
  std::string text = absl::StrCat(resolved.entry.name, "\n");
  text += Row("model", model.description());
  text += Row("size", absl::StrFormat("%.2f M parameters, %.2f GFLOP an image",
                                      static_cast<double>(session.trainable_elements()) / 1e6,
                                      session.flops_per_image() / 1e9));
  text += Row("device", absl::StrFormat("%s: %s", backend.name, backend.description));
  text +=
      Row("memory", absl::StrFormat("arena %.1f MiB, parameters and optimizer %.1f MiB",
                                    MiB(session.arena_bytes()), MiB(session.persistent_bytes())));
  if (!resolved.flags.data_path) {
    text += Row("data", "EMBEDDED scenes drawn by this program, because there is no --data_path;");
    text += Row("", "good for trying things out, not for a model to keep");
  }
  text += Row("data", data.description);
  text += Row(
      "", absl::StrFormat("%d training images, %d held out, %d loader threads", data.train->size(),
                          data.held_out == nullptr ? 0 : data.held_out->size(),
                          resolved.flags.num_workers.value()));
  text += Row(
      "batch",
      absl::StrFormat("%d images x %d accumulated = effective batch %d%s", recipe.batch_size,
                      resolved.accum_iter, resolved.effective_batch,
                      recipe.published_effective_batch > 0
                          ? absl::StrFormat(" (published: %d)", recipe.published_effective_batch)
                          : ""));
  const std::string rule = resolved.flags.lr ? "given by --lr"
                                             : absl::StrFormat("blr %g x %d / 256", recipe.blr,
                                                               resolved.effective_batch);
  text += Row("lr", absl::StrFormat("%g (%s), %g warm-up epochs, cosine to %g", resolved.lr, rule,
                                    recipe.warmup_epochs, recipe.min_lr));
  const int64_t planned = steps_per_epoch * recipe.epochs;
  text += Row("run",
              absl::StrFormat(
                  "%d epochs of %d steps%s, seed %d", recipe.epochs, steps_per_epoch,
                  resolved.flags.steps && *resolved.flags.steps < planned
                      ? absl::StrFormat(", ended after %d steps by --steps", *resolved.flags.steps)
                      : "",
                  resolved.flags.seed.value()));
  if (resolved.flags.overfit_batch.value()) {
    text += Row("", absl::StrFormat("on its first %d images alone (--overfit_batch)",
                                    resolved.effective_batch));
  }
  text += Row("", "the time left is shown from the first step on");
  text += Row("output", output_dir);
  return text;
}

}  // namespace tools
