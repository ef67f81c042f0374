#include "models/zoo/zoo.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "graph/base/status.h"
#include "models/zoo/edit_distance.h"

namespace models {

void Zoo::Add(ZooEntry entry) {
  std::vector<std::string> names = entry.aliases;
  names.push_back(entry.name);
  for (const std::string& name : names) {
    if (!Find(name).ok()) continue;
    std::fprintf(stderr, "two zoo entries are named '%s'\n", name.c_str());
    std::abort();
  }
  entries_.push_back(std::move(entry));
}

namespace {

// "base" for "b"; what is no size stays.
std::string SizeInFull(absl::string_view word) {
  constexpr std::pair<absl::string_view, absl::string_view> kSizes[] = {
      {"t", "tiny"}, {"s", "small"}, {"b", "base"}, {"l", "large"}, {"h", "huge"}};
  for (const auto& [letter, size] : kSizes) {
    if (word == letter) return std::string(size);
  }
  return std::string(word);
}

// What a model's name says, in the order in which it does: {vit, base, patch16} for
// "vit_base_patch16", "vitb16", "ViT-B/16" and "vit_b_p16".
std::vector<std::string> Words(absl::string_view name) {
  const auto is_number = [](absl::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  };
  std::vector<std::string> words;
  const std::string lower = absl::AsciiStrToLower(name);
  for (absl::string_view word :
       absl::StrSplit(lower, absl::ByAnyChar("_-/. "), absl::SkipEmpty())) {
    if (absl::ConsumePrefix(&word, "vit")) words.push_back("vit");
    const size_t letters = word.find_first_of("0123456789");
    const absl::string_view number = letters == word.npos ? "" : word.substr(letters);
    if (is_number(number) && (letters == 0 || letters == 1)) {
      const absl::string_view before = word.substr(0, letters);
      if (!before.empty() && before != "p") words.push_back(SizeInFull(before));
      words.push_back(absl::StrCat("patch", number));
    } else if (!word.empty()) {
      words.push_back(SizeInFull(word));
    }
  }
  return words;
}

// The first entry of which some name has the most of `name`'s words, of equals one that begins
// with the same. "" if that is not all words, and fewer than `least`.
std::string NearestByWords(absl::string_view name, size_t least,
                           const std::vector<ZooEntry>& entries) {
  const std::vector<std::string> words = Words(name);
  least = std::max<size_t>(1, std::min(least, words.size()));
  std::string nearest;
  std::pair<size_t, bool> best = {least - 1, true};
  for (const ZooEntry& entry : entries) {
    std::vector<std::string> names = {entry.name};
    names.insert(names.end(), entry.aliases.begin(), entry.aliases.end());
    for (const std::string& candidate : names) {
      const std::vector<std::string> there = Words(candidate);
      const auto has = [&](const std::string& word) {
        return std::find(there.begin(), there.end(), word) != there.end();
      };
      const std::pair<size_t, bool> score = {std::count_if(words.begin(), words.end(), has),
                                             !words.empty() && there.front() == words.front()};
      if (score <= best) continue;
      best = score;
      nearest = entry.name;
    }
  }
  return nearest;
}

}  // namespace

absl::StatusOr<ZooEntry> Zoo::Find(absl::string_view name) const {
  std::vector<std::string> names;
  for (const ZooEntry& entry : entries_) {
    if (entry.name == name) return entry;
    names.push_back(entry.name);
    for (const std::string& alias : entry.aliases) {
      if (alias == name) return entry;
      names.push_back(alias);
    }
  }
  // By all words, which "droppos_vit_base" shares with fewer names than letters; by letters; by
  // two words, because "vit_base_patch16_224" says something that no name here does.
  std::string nearest = NearestByWords(name, std::string::npos, entries_);
  if (nearest.empty()) nearest = Nearest(name, names);
  if (nearest.empty()) nearest = NearestByWords(name, 2, entries_);
  return absl::NotFoundError(absl::StrCat("unknown model '", name, "'; ", DidYouMean(nearest),
                                          "--list_models shows all of them"));
}

ModelConfig TinyStructure() {
  ModelConfig model;
  model.input_h = model.input_w = 64;
  model.patch_size = 8;
  model.embed_dim = 128;
  model.depth = 4;
  model.num_heads = 4;
  model.decoder_embed_dim = 128;
  model.decoder_depth = 2;
  model.decoder_num_heads = 4;
  return model;
}

RecipeConfig TinyRecipe() {
  RecipeConfig recipe;
  recipe.epochs = 10;
  recipe.warmup_epochs = 0.5;
  recipe.blr = 8e-3;  // 2e-3 at a batch of 64
  recipe.batch_size = 64;
  recipe.published_effective_batch = 0;
  return recipe;
}

}  // namespace models
