#include "tools/flags/parse_flags.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "graph/base/printable.h"
#include "graph/base/quoted.h"
#include "graph/base/status.h"
#include "models/zoo/edit_distance.h"
#include "tools/flags/flag_file.h"
#include "tools/flags/flag_table.h"
#include "tools/flags/official_flags.h"

namespace tools {
namespace {

using graph::InvalidArgument;

constexpr absl::string_view kFlagfile = "flagfile";

// Other names that people use for a flag.
constexpr std::pair<absl::string_view, absl::string_view> kAliases[] = {{"backend", "device"}};

struct KnownFlag {
  std::string name;
  bool is_switch;
};

std::vector<KnownFlag> KnownFlags() {
  std::vector<KnownFlag> known = {{std::string(kFlagfile), false}};
  for (const FlagRow& row : FlagTable()) known.push_back({std::string(row.name), row.is_switch()});
  for (const OfficialFlag& flag : OfficialFlags()) {
    known.push_back({std::string(flag.name), flag.is_switch});
  }
  return known;
}

// One flag as it was given.
struct Given {
  std::string name;
  std::string value;
  std::string where;  // "flags.txt:3: ", or nothing for the command line
};

absl::Status UnknownFlag(absl::string_view typed) {
  const std::string name = graph::Shortened(typed);
  std::vector<std::string> names, begun;
  for (const KnownFlag& flag : KnownFlags()) {
    names.push_back(flag.name);
    if (flag.is_switch) names.push_back("no_" + flag.name);
  }
  // The start of a name is what people type who do not know its end.
  for (const std::string& known : names) {
    if (name.size() >= 3 && absl::StartsWith(known, name)) begun.push_back(known);
  }
  return InvalidArgument("unknown flag --", graph::Printable(name), "; did you mean --",
                         models::Nearest(name, begun.empty() ? names : begun),
                         "? --help shows all");
}

// Splits arguments into names and values.
absl::StatusOr<std::vector<Given>> ReadArguments(const std::vector<std::string>& args,
                                                 const std::string& where) {
  const std::vector<KnownFlag> known = KnownFlags();
  const auto find = [&](absl::string_view name) {
    return std::find_if(known.begin(), known.end(),
                        [&](const KnownFlag& flag) { return flag.name == name; });
  };
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
    std::string name =
        absl::StrReplaceAll(arg.substr(2, has_value ? equals - 2 : equals), {{"-", "_"}});
    for (const auto& [alias, meant] : kAliases) {
      if (name == alias) name = std::string(meant);
    }

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
    if (flag == known.end()) {
      const absl::Status status = UnknownFlag(name);
      return where.empty() ? status : InvalidArgument(where, status.message());
    }

    if (has_value) {
      given.push_back({name, arg.substr(equals + 1), where});
    } else if (flag->is_switch) {
      const bool next = i + 1 < args.size() && ParseSwitch(args[i + 1]).has_value();
      given.push_back({name, next ? args[++i] : "true", where});
    } else if (i + 1 == args.size() || absl::StartsWith(args[i + 1], "--")) {
      return InvalidArgument(where, "--", name, " needs a value; write --", name, "=VALUE");
    } else {
      given.push_back({name, args[++i], where});
    }
  }
  return given;
}

absl::StatusOr<std::vector<Given>> ReadLines(const std::vector<FlagFileLine>& lines) {
  std::vector<Given> given;
  for (const FlagFileLine& entry : lines) {
    ASSIGN_OR_RETURN(const std::vector<Given> here,
                     ReadArguments(entry.args, absl::StrCat(entry.where, ": ")));
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
absl::StatusOr<std::vector<Given>> ReadRun(const std::string& text, const std::string& name) {
  ASSIGN_OR_RETURN(const std::vector<FlagFileLine> lines, SplitFlagFile(text, name));
  ASSIGN_OR_RETURN(std::vector<Given> given, ReadLines(lines));
  for (const FlagRow& row : FlagTable()) {
    if (row.lifetime != Lifetime::kCommand) continue;
    given.erase(std::remove_if(given.begin(), given.end(),
                               [&row](const Given& flag) { return flag.name == row.name; }),
                given.end());
  }
  return given;
}

// The flags of the files that `line` (the command line) names, in their order.
absl::StatusOr<std::vector<Given>> ReadFlagfiles(const std::vector<Given>& line) {
  std::vector<Given> given;
  for (const Given& flag : line) {
    if (flag.name != kFlagfile) continue;
    ASSIGN_OR_RETURN(const std::vector<FlagFileLine> lines, ReadFlagFile(flag.value));
    ASSIGN_OR_RETURN(const std::vector<Given> here, ReadLines(lines));
    given.insert(given.end(), here.begin(), here.end());
  }
  return given;
}

// Two flags that say the same thing in different ways.
constexpr std::pair<absl::string_view, absl::string_view> kExclusive[] = {
    {"lr", "blr"}, {"effective_batch", "accum_iter"}};

absl::StatusOr<std::map<std::string, Given>> Merge(const std::vector<Given>& files,
                                                   const std::vector<Given>& line) {
  std::map<std::string, Given> merged;
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

// The command line parser, with a callback for each known flag. `set` returns an
// error without the flag's name; the parser adds it.
using Setter = std::function<absl::Status(const std::string& name, const std::string& value)>;

std::unique_ptr<CLI::App> MakeParser(const Setter& set) {
  auto app = std::make_unique<CLI::App>();
  app->set_help_flag();  // a row of the table, like any other
  for (const KnownFlag& flag : KnownFlags()) {
    app->add_option_function<std::string>(
        "--" + flag.name, [name = flag.name, set](const std::string& text) {
          const absl::Status status = set(name, text);
          if (!status.ok()) throw CLI::ValidationError(std::string(status.message()));
        });
  }
  return app;
}

// What flags alone can tell about each other.
absl::Status CheckTogether(const TrainFlags& flags) {
  if (flags.help.value_or(false) || flags.list_models.value_or(false)) return absl::OkStatus();
  if (!flags.model.has_value()) {
    return InvalidArgument(
        "--model is missing; --model=droppos_tiny trains in minutes, "
        "--list_models shows all");
  }
  if (flags.device == "cuda") {
    return InvalidArgument(
        "--device=cuda: this version computes on the CPU only; leave the flag "
        "out or give --device=cpu");
  }
  if (flags.epochs && flags.warmup_epochs && *flags.warmup_epochs >= *flags.epochs) {
    return InvalidArgument("--warmup_epochs=", *flags.warmup_epochs,
                           " is not shorter than --epochs=", *flags.epochs,
                           "; lower the one or raise the other");
  }
  if (flags.lr && flags.min_lr && *flags.min_lr > *flags.lr) {
    return InvalidArgument("--min_lr=", *flags.min_lr, " is above --lr=", *flags.lr);
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

absl::StatusOr<ParsedFlags> SetAll(const std::map<std::string, Given>& merged) {
  ParsedFlags parsed;
  const Setter set = [&](const std::string& name, const std::string& value) {
    absl::Status status;
    for (const FlagRow& row : FlagTable()) {
      if (row.name == name) status = SetFlag(row, value, parsed.flags);
    }
    for (const OfficialFlag& flag : OfficialFlags()) {
      if (flag.name != name) continue;
      absl::StatusOr<std::string> notice = CheckOfficialFlag(flag, value);
      status = notice.status();
      if (notice.ok()) parsed.notices.push_back(*std::move(notice));
    }
    const std::string context =
        absl::StrCat(merged.at(name).where, "--", name, "=", graph::Shortened(value));
    return graph::Annotate(status, context);
  };
  std::vector<std::string> tokens;  // last first, as the parser wants them
  for (const auto& [name, flag] : merged) {
    tokens.push_back(flag.value);
    tokens.push_back("--" + name);
  }
  try {
    MakeParser(set)->parse(std::move(tokens));
  } catch (const CLI::Error& error) {
    return InvalidArgument(error.what());
  }
  RETURN_IF_ERROR(CheckTogether(parsed.flags));
  return parsed;
}

}  // namespace

absl::StatusOr<ParsedFlags> ParseTrainFlags(const std::vector<std::string>& args) {
  return ParseTrainFlags(args, "", "");
}

absl::StatusOr<ParsedFlags> ParseTrainFlags(const std::vector<std::string>& args,
                                            const std::string& base, const std::string& base_name) {
  ASSIGN_OR_RETURN(std::vector<Given> below, ReadRun(base, base_name));
  ASSIGN_OR_RETURN(const std::vector<Given> line, ReadArguments(args, ""));
  ASSIGN_OR_RETURN(const std::vector<Given> files, ReadFlagfiles(line));
  below.insert(below.end(), files.begin(), files.end());
  using Merged = std::map<std::string, Given>;
  ASSIGN_OR_RETURN(const Merged merged, Merge(below, line));
  return SetAll(merged);
}

absl::StatusOr<std::map<std::string, std::string>> GivenFlags(
    const std::vector<std::string>& args) {
  ASSIGN_OR_RETURN(const std::vector<Given> line, ReadArguments(args, ""));
  ASSIGN_OR_RETURN(const std::vector<Given> files, ReadFlagfiles(line));
  using Merged = std::map<std::string, Given>;
  ASSIGN_OR_RETURN(const Merged merged, Merge(files, line));
  std::map<std::string, std::string> given;
  for (const auto& [name, flag] : merged) given[name] = flag.value;
  return given;
}

absl::StatusOr<ParsedFlags> ParseTrainFlagsText(const std::string& text, const std::string& name) {
  ASSIGN_OR_RETURN(const std::vector<Given> given, ReadRun(text, name));
  using Merged = std::map<std::string, Given>;
  ASSIGN_OR_RETURN(const Merged merged, Merge(given, {}));
  return SetAll(merged);
}

std::string TrainFlagsText(const TrainFlags& flags, const std::string& comment) {
  std::string text;
  for (const absl::string_view line : absl::StrSplit(comment, '\n')) {
    absl::StrAppend(&text, line.empty() ? "#" : "# ", line, "\n");
  }
  for (const FlagRow& row : FlagTable()) {
    const absl::optional<std::string> value = FlagText(row, flags);
    if (value.has_value()) absl::StrAppend(&text, FlagFileText(row.name, *value), "\n");
  }
  return text;
}

}  // namespace tools
