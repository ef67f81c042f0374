#include "tools/flags/train_help.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "models/training/invocation.h"
#include "models/training/screen_text.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/official_flags.h"

namespace tools {
namespace {

// Where the words on flags begin: further left on a narrow screen.
int TextIndent(int columns) { return columns < 72 ? 8 : 32; }

void AppendFlag(absl::string_view name, bool is_switch, absl::string_view value,
                absl::string_view text, int columns, std::string* out) {
  std::string flag = absl::StrCat("  --", is_switch ? "[no_]" : "", name);
  if (!value.empty()) absl::StrAppend(&flag, "=", value);
  const int indent = TextIndent(columns);
  if (static_cast<int>(flag.size()) + 2 > indent) flag += '\n';
  const size_t line = flag.rfind('\n') + 1;
  flag.resize(std::max(flag.size(), line + static_cast<size_t>(indent)), ' ');
  absl::StrAppend(out, flag);
  models::AppendWrapped(text, indent, columns, out);
}

constexpr char kTrain[] = R"(Pretrains a Vision Transformer with DropPos.

  PROGRAM --model=droppos_tiny
      a few minutes, on scenes it draws itself
  PROGRAM --model=NAME --data_path=DIR --output_dir=RUN
)";

constexpr char kFinetune[] = R"(Trains a classifier on a pretrained Vision Transformer.

  PROGRAM --finetune=PRETRAINED_RUN --data_path=DIR --output_dir=RUN
  PROGRAM --model=NAME --from_scratch --data_path=DIR --output_dir=RUN
)";

constexpr char kBoth[] = R"(  PROGRAM --resume=auto --output_dir=RUN
      goes on with a run that stopped
  PROGRAM --version
      version, commit and libraries

)";

}  // namespace

std::string TrainFlagsHelp(const TrainFlags& example, const models::Zoo& zoo, int columns,
                           const std::string& program) {
  const bool finetune = program == "finetune";
  std::string help = absl::StrReplaceAll(absl::StrCat(finetune ? kFinetune : kTrain, kBoth),
                                         {{"PROGRAM", models::Invocation(program)}});
  models::AppendWrapped(
      absl::StrCat(
          "In [brackets] stands what holds without the flag; the model's numbers are here ",
          example.model.value_or("its own"),
          "'s, and --model=NAME --help shows another's. --[no_]flag is a switch: --flag or "
          "--no_flag. docs/",
          finetune ? "finetuning" : "training", ".md walks through a run."),
      0, columns, &help);
  absl::string_view group;
  for (const FlagRow& row : FlagTable(zoo.entries())) {
    if (row.group != group) absl::StrAppend(&help, "\n", group = row.group, ":\n");
    std::string fallback = row.fallback.text;
    if (const auto value = FlagText(row, example); value) {
      if (fallback == models::kOfTheModel) fallback = absl::StrCat(*value, ", ", fallback);
      if (row.fallback.is_value) fallback = *value;
    }
    if (row.name == "help") {
      AppendFlag("flagfile", false, "FILE", "read more flags, one a line; the command line wins",
                 columns, &help);
    }
    // What nothing holds without prints and exits: nobody says no to it.
    const std::string name =
        row.bare.empty() ? std::string(row.name) : absl::StrCat(row.name, "[=", row.value, "]");
    AppendFlag(name, row.is_switch() && !fallback.empty(), row.bare.empty() ? row.value : "",
               absl::StrCat(row.help, fallback.empty() ? "" : absl::StrCat(" [", fallback, "]")),
               columns, &help);
  }
  if (group != kCompatible) absl::StrAppend(&help, "\n", kCompatible, ":\n");
  for (const OfficialFlag& flag : OfficialFlags()) {
    std::string takes = absl::StrCat(flag.accepted, " only");
    if (flag.accepted == "*") takes = "any value";
    if (flag.accepted.empty()) takes = "empty only";
    AppendFlag(flag.name, flag.is_switch, flag.is_switch ? "" : "VALUE",
               absl::StrCat(absl::StrReplaceAll(takes, {{"|", " or "}}), ": ", flag.why), columns,
               &help);
  }
  return help;
}

}  // namespace tools
