#include "tools/flags/parse_flags.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "tools/flags/flag_file.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/official_flags.h"
#include "tools/flags/unknown_flag.h"

namespace tools {
namespace {

using graph::InvalidArgument;

constexpr absl::string_view kFlagfile = "flagfile";
constexpr absl::string_view kAuto = "auto";  // the program chooses

// Other names that people use for a flag.
constexpr std::pair<absl::string_view, absl::string_view> kAliases[] = {{"backend", "device"}};

struct KnownFlag {
  std::string name;
  bool is_switch;
  std::string bare = "";  // the value where none is given
};

// All there are: the table's, and those that are not in it.
struct Known {
  explicit Known(const models::Zoo& zoo) : table(FlagTable(zoo.entries())) {
    flags = {{std::string(kFlagfile), false}};
    for (const FlagRow& row : table) {
      flags.push_back({std::string(row.name), row.is_switch(), std::string(row.bare)});
    }
    for (const OfficialFlag& flag : OfficialFlags()) {
      flags.push_back({std::string(flag.name), flag.is_switch});
    }
  }
  std::vector<FlagRow> table;
  std::vector<KnownFlag> flags;
};

// One flag as it was given.
struct Given {
  std::string name;
  std::string value;
  std::string where;  // "flags.txt:3: ", or nothing for the command line
};

// The name in "--name" and "--name=value", in its own spelling.
std::string NameIn(const std::string& arg) {
  const size_t equals = std::min(arg.find('='), arg.size());
  std::string name = absl::StrReplaceAll(arg.substr(2, equals - 2), {{"-", "_"}});
  for (const auto& [alias, meant] : kAliases) {
    if (name == alias) name = std::string(meant);
  }
  return name;
}

// All flags at once that there are not, because whoever takes one from another program takes more.
absl::Status CheckKnown(const std::vector<std::string>& args, const std::vector<KnownFlag>& flags) {
  std::vector<std::string> names, unknown;
  for (const KnownFlag& flag : flags) {
    names.push_back(flag.name);
    if (flag.is_switch) names.push_back("no_" + flag.name);
  }
  const auto is_known = [&names](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const std::string& arg : args) {
    if (!absl::StartsWith(arg, "--") || arg.size() == 2) continue;
    const std::string name = NameIn(arg);
    // --no_ before a flag that is no switch has a message of its own.
    if (is_known(name) || (absl::StartsWith(name, "no_") && is_known(name.substr(3)))) continue;
    unknown.push_back(name);
  }
  return unknown.empty() ? absl::OkStatus() : UnknownFlags(unknown, names);
}

// Splits arguments into names and values.
absl::StatusOr<std::vector<Given>> ReadArguments(const std::vector<std::string>& args,
                                                 const std::string& where,
                                                 const std::vector<KnownFlag>& known) {
  const auto find = [&](absl::string_view name) {
    return std::find_if(known.begin(), known.end(),
                        [&](const KnownFlag& flag) { return flag.name == name; });
  };
  if (const absl::Status status = CheckKnown(args, known); !status.ok()) {
    return where.empty() ? status : InvalidArgument(where, status.message());
  }
  std::vector<Given> given;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (arg == "-h") {
      given.push_back({"help", "true", where});
      continue;
    }
    if (!absl::StartsWith(arg, "--") || arg.size() == 2) {
      return InvalidArgument(where, "unexpected argument ", graph::Quoted(arg),
                             "; flags are written --name=value");
    }
    const size_t equals = arg.find('=');
    const bool has_value = equals != std::string::npos;
    const std::string name = NameIn(arg);
    auto flag = find(name);
    if (flag == known.end() && absl::StartsWith(name, "no_")) {
      flag = find(absl::string_view(name).substr(3));
      if (flag != known.end() && !flag->is_switch) {
        return InvalidArgument(where, "--", name, ": --", flag->name,
                               " takes a value and cannot be switched off");
      }
      if (flag != known.end()) {
        if (has_value) {
          return InvalidArgument(where, arg, ": --", name, " takes no value; write --", flag->name,
                                 arg.substr(equals));
        }
        given.push_back({flag->name, "false", where});
        continue;
      }
    }
    if (has_value) {
      given.push_back({name, arg.substr(equals + 1), where});
    } else if (flag->is_switch) {
      const bool next = i + 1 < args.size() && models::ParseSwitch(args[i + 1]).has_value();
      given.push_back({name, next ? args[++i] : "true", where});
    } else if (!flag->bare.empty()) {
      given.push_back({name, flag->bare, where});
    } else if (i + 1 == args.size() || absl::StartsWith(args[i + 1], "--")) {
      return InvalidArgument(where, "--", name, " needs a value; write --", name, "=VALUE");
    } else {
      given.push_back({name, args[++i], where});
    }
  }
  return given;
}

absl::StatusOr<std::vector<Given>> ReadLines(const std::vector<FlagFileLine>& lines,
                                             const Known& known) {
  std::vector<Given> given;
  for (const FlagFileLine& entry : lines) {
    ASSIGN_OR_RETURN(const std::vector<Given> here,
                     ReadArguments(entry.args, absl::StrCat(entry.where, ": "), known.flags));
    for (const Given& inner : here) {
      if (inner.name == kFlagfile) {
        return InvalidArgument(inner.where,
                               "a flag file cannot name another; give both on the "
                               "command line");
      }
      given.push_back(inner);
    }
  }
  return given;
}

// Those that a run's own file may set.
absl::StatusOr<std::vector<Given>> ReadRun(const std::string& text, const std::string& name,
                                           const Known& known) {
  ASSIGN_OR_RETURN(const std::vector<FlagFileLine> lines, SplitFlagFile(text, name));
  ASSIGN_OR_RETURN(std::vector<Given> given, ReadLines(lines, known));
  for (const FlagRow& row : known.table) {
    if (row.lifetime != Lifetime::kCommand) continue;
    given.erase(std::remove_if(given.begin(), given.end(),
                               [&row](const Given& flag) { return flag.name == row.name; }),
                given.end());
  }
  if (given.empty()) return given;
  for (const FlagRow& row : known.table) {
    const bool said = std::any_of(given.begin(), given.end(),
                                  [&row](const Given& flag) { return flag.name == row.name; });
    if (!row.once.empty() && !said) {
      given.push_back({std::string(row.name), std::string(row.once), name + ": "});
    }
  }
  return given;
}

// Takes from `given` each "auto" that leaves to the program what the run has chosen.
void LeaveToRun(const std::vector<Given>& run, const Known& known, std::vector<Given>* given) {
  const auto chosen = [&](const Given& asked) {
    if (asked.value != kAuto) return false;
    const auto row = std::find_if(known.table.begin(), known.table.end(),
                                  [&](const FlagRow& r) { return r.name == asked.name; });
    if (row == known.table.end() || !row->fallback.is_value || row->fallback.text != kAuto) {
      return false;
    }
    return std::any_of(run.begin(), run.end(),
                       [&](const Given& flag) { return flag.name == asked.name; });
  };
  given->erase(std::remove_if(given->begin(), given->end(), chosen), given->end());
}

// Takes from `below` the --mean and --std that are not of as many channels as `above` says.
void LeaveToChannels(const std::vector<Given>& above, std::vector<Given>* below) {
  const auto said = std::find_if(above.rbegin(), above.rend(),
                                 [](const Given& flag) { return flag.name == "channels"; });
  int64_t channels = 0;
  if (said == above.rend() || !absl::SimpleAtoi(said->value, &channels)) return;
  const auto others = [channels](const Given& flag) {
    return (flag.name == "mean" || flag.name == "std") &&
           std::count(flag.value.begin(), flag.value.end(), ',') + 1 != channels;
  };
  below->erase(std::remove_if(below->begin(), below->end(), others), below->end());
}

// The flags of the files that `line` (the command line) names, in their order.
absl::StatusOr<std::vector<Given>> ReadFlagfiles(const std::vector<Given>& line,
                                                 const Known& known) {
  std::vector<Given> given;
  for (const Given& flag : line) {
    if (flag.name != kFlagfile) continue;
    ASSIGN_OR_RETURN(const std::vector<FlagFileLine> lines, ReadFlagFile(flag.value));
    ASSIGN_OR_RETURN(const std::vector<Given> here, ReadLines(lines, known));
    given.insert(given.end(), here.begin(), here.end());
  }
  return given;
}

// Two flags that say the same thing in different ways.
constexpr std::pair<absl::string_view, absl::string_view> kExclusive[] = {
    {"lr", "blr"}, {"effective_batch", "accum_iter"}};

using Merged = std::map<std::string, Given>;  // by name

absl::StatusOr<Merged> Merge(const std::vector<Given>& files, const std::vector<Given>& line) {
  Merged merged;
  for (const Given& flag : files) merged[flag.name] = flag;
  for (const Given& flag : line) {
    if (flag.name != kFlagfile) merged[flag.name] = flag;
  }
  for (const auto& [a, b] : kExclusive) {
    const auto first = merged.find(std::string(a)), second = merged.find(std::string(b));
    if (first == merged.end() || second == merged.end()) continue;
    const bool first_typed = first->second.where.empty();
    const bool second_typed = second->second.where.empty();
    if (first_typed == second_typed) {
      return InvalidArgument(
          first->second.where, "--", a, "=", graph::Shortened(first->second.value), " and --", b,
          "=", graph::Shortened(second->second.value), " exclude each other; give one of them");
    }
    merged.erase(first_typed ? second : first);
  }
  return merged;
}

// What flags alone can tell about each other.
absl::Status CheckTogether(const TrainFlags& flags) {
  if (flags.help.value_or(false) || flags.list_models.value_or(false)) return absl::OkStatus();
  if (!flags.model.has_value()) {
    return InvalidArgument(
        "--model is missing; --model=droppos_tiny trains in minutes, "
        "--list_models shows all");
  }
  if (flags.epochs && flags.warmup_epochs && *flags.warmup_epochs >= *flags.epochs) {
    return InvalidArgument("--warmup_epochs=", *flags.warmup_epochs,
                           " is not shorter than --epochs=", *flags.epochs,
                           "; lower the one or raise the other");
  }
  if (flags.lr && flags.min_lr && *flags.min_lr > *flags.lr) {
    return InvalidArgument("--min_lr=", *flags.min_lr, " is above --lr=", *flags.lr);
  }
  if (flags.plan_gpu && !flags.plan) {
    return InvalidArgument("--plan_gpu has no meaning without --plan");
  }
  if (flags.finetune && flags.init_from) {
    return InvalidArgument("--finetune and --init_from both say where the parameters come from; "
                           "give one");
  }
  if (flags.allow_missing && !flags.init_from) {
    return InvalidArgument("--allow_missing has no meaning without --init_from=FILE");
  }
  if (flags.disable_pass && !flags.passes.value_or(true)) {
    return InvalidArgument(
        "--disable_pass has no meaning with --passes=off; leave out one of them");
  }
  return absl::OkStatus();
}

// The value's text to its field, or for an official flag the notice. The error has no flag's name.
absl::Status SetOne(const Given& given, const Known& known, ParsedFlags* parsed) {
  for (const FlagRow& row : known.table) {
    if (row.name == given.name) return SetFlag(row, given.value, parsed->flags);
  }
  for (const OfficialFlag& flag : OfficialFlags()) {
    if (flag.name != given.name) continue;
    ASSIGN_OR_RETURN(std::string notice, CheckOfficialFlag(flag, given.value));
    parsed->notices.push_back(std::move(notice));
  }
  return absl::OkStatus();
}

absl::StatusOr<ParsedFlags> SetAll(const Merged& merged, const Known& known) {
  ParsedFlags parsed;
  for (const KnownFlag& flag : known.flags) {  // in the order of --help
    const auto it = merged.find(flag.name);
    if (it == merged.end()) continue;
    const Given& given = it->second;
    RETURN_IF_ERROR(graph::Annotate(
        SetOne(given, known, &parsed),
        absl::StrCat(given.where, "--", given.name, "=", graph::Shortened(given.value))));
  }
  RETURN_IF_ERROR(CheckTogether(parsed.flags));
  return parsed;
}

}  // namespace

absl::StatusOr<ParsedFlags> ParseTrainFlags(const std::vector<std::string>& args,
                                            const models::Zoo& zoo, const std::string& base,
                                            const std::string& base_name) {
  const Known known(zoo);
  ASSIGN_OR_RETURN(std::vector<Given> below, ReadRun(base, base_name, known));
  ASSIGN_OR_RETURN(std::vector<Given> line, ReadArguments(args, "", known.flags));
  ASSIGN_OR_RETURN(std::vector<Given> files, ReadFlagfiles(line, known));
  LeaveToRun(below, known, &line);
  LeaveToRun(below, known, &files);
  LeaveToChannels(files, &below);
  below.insert(below.end(), files.begin(), files.end());
  LeaveToChannels(line, &below);
  ASSIGN_OR_RETURN(const Merged merged, Merge(below, line));
  return SetAll(merged, known);
}

absl::StatusOr<std::map<std::string, std::string>> GivenFlags(const std::vector<std::string>& args,
                                                              const models::Zoo& zoo) {
  const Known known(zoo);
  ASSIGN_OR_RETURN(const std::vector<Given> line, ReadArguments(args, "", known.flags));
  ASSIGN_OR_RETURN(const std::vector<Given> files, ReadFlagfiles(line, known));
  ASSIGN_OR_RETURN(const Merged merged, Merge(files, line));
  std::map<std::string, std::string> given;
  for (const auto& [name, flag] : merged) given[name] = flag.value;
  return given;
}

std::vector<std::pair<std::string, std::string>> SetFlags(
    const TrainFlags& flags, absl::Span<const models::ZooEntry> entries) {
  std::vector<std::pair<std::string, std::string>> set;
  for (const FlagRow& row : FlagTable(entries)) {
    if (row.lifetime == Lifetime::kCommand) continue;
    absl::optional<std::string> value = FlagText(row, flags);
    if (value.has_value()) set.emplace_back(row.name, *std::move(value));
  }
  return set;
}

std::string TrainFlagsText(const TrainFlags& flags, const std::string& comment,
                           absl::Span<const models::ZooEntry> entries) {
  std::string text;
  for (const absl::string_view line : absl::StrSplit(comment, '\n')) {
    absl::StrAppend(&text, line.empty() ? "#" : "# ", line, "\n");
  }
  for (const auto& [name, value] : SetFlags(flags, entries)) {
    absl::StrAppend(&text, FlagFileText(name, value), "\n");
  }
  return text;
}

}  // namespace tools
