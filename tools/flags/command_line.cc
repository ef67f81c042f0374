#include "tools/flags/command_line.h"

#include <unistd.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "graph/base/printable.h"
#include "graph/base/quoted.h"
#include "graph/base/shell_word.h"
#include "graph/base/status.h"
#include "models/training/invocation.h"
#include "models/training/screen_text.h"
#include "tools/flags/device_name.h"
#include "tools/flags/unknown_flag.h"

namespace tools {
namespace {

absl::Status Unknown(const std::vector<std::string>& arguments, const CLI::App& app) {
  std::vector<std::string> known, unknown;
  for (const std::string& argument : arguments) {
    if (!absl::StartsWith(argument, "-")) continue;  // the value of one that is unknown
    const std::string name = argument.substr(0, argument.find('='));
    unknown.push_back(name.substr(std::min(name.find_first_not_of('-'), name.size())));
  }
  if (unknown.empty()) {
    // What people write first is what the tool is to read.
    const std::string& argument = arguments.front();
    const CLI::Option* const checkpoint = app.get_option_no_throw("--checkpoint");
    const bool meant = checkpoint != nullptr && checkpoint->count() == 0;
    return graph::InvalidArgument(graph::Quoted(argument), " belongs to no flag; ",
                                  meant ? absl::StrCat("if it is what was trained, write ",
                                                       "--checkpoint=",
                                                       graph::ShellWord(argument))
                                        : "flags are written --name=value");
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back(name);
  }
  return UnknownFlags(unknown, known);
}

// "--k: 0 must be ..." and "Could not convert: --k = x" in the form "--k=0 must be ...".
std::string Readable(std::string text, const CLI::App& app) {
  absl::string_view rest = text;
  const bool conversion = absl::ConsumePrefix(&rest, "Could not convert: ");
  const std::string between = conversion ? " = " : ": ";
  const size_t at = rest.find(between);
  if (at == absl::string_view::npos || !absl::StartsWith(rest, "--")) return text;
  const std::string name(rest.substr(0, at));
  std::string readable = absl::StrCat(name, "=", rest.substr(at + between.size()));
  if (!conversion) return readable;
  const CLI::Option* option = app.get_option_no_throw(name);
  const std::string type = option == nullptr ? "" : option->get_type_name();
  const bool whole = type == "N" || absl::StartsWith(type, "INT");
  return absl::StrCat(readable, " must be a ", whole ? "whole " : "", "number");
}

// CLI11's help, in lines that fit the screen.
class FittingFormatter : public CLI::Formatter {
 public:
  explicit FittingFormatter(int columns) : columns_(columns) {}

  std::string make_option(const CLI::Option* option, bool positional) const override {
    std::string out = "  ";
    const int indent = columns_ < 72 ? 8 : 30;
    models::AppendWrapped(make_option_name(option, positional) + make_option_opts(option), 6,
                          columns_, &out);
    const std::string words = make_option_desc(option);
    if (words.empty()) return out;
    const bool beside = models::TextWidth(out) < indent;  // the line's end counts as a blank
    if (beside) out.pop_back();
    const size_t line = beside ? 0 : out.size();
    out.resize(std::max(out.size(), line + static_cast<size_t>(indent)), ' ');
    models::AppendWrapped(words, indent, columns_, &out);
    return out;
  }
  std::string make_description(const CLI::App* app) const override {
    return models::WrappedLines(CLI::Formatter::make_description(app), columns_);
  }
  std::string make_footer(const CLI::App* app) const override {
    return models::WrappedLines(CLI::Formatter::make_footer(app), columns_);
  }

 private:
  const int columns_;
};

}  // namespace

CLI::Validator Between(int64_t least, int64_t most) {
  constexpr int64_t kUnbounded = std::numeric_limits<int64_t>::max();
  const auto check = [least, most](const std::string& text) -> std::string {
    int64_t value;
    const std::string shown = graph::Printable(text);
    if (!absl::SimpleAtoi(text, &value)) return shown + " must be a whole number";
    if (value < least) return absl::StrCat(shown, " must be at least ", least);
    if (value > most) return absl::StrCat(shown, " must be at most ", most);
    return "";
  };
  return CLI::Validator(check, most == kUnbounded ? absl::StrCat("at least ", least)
                                                  : absl::StrCat(least, " to ", most));
}

CLI::Validator AtLeast(int64_t least) {
  return Between(least, std::numeric_limits<int64_t>::max());
}

void AddDevice(CLI::App* app, bool reference, std::string* device) {
  const auto check = [reference](const std::string& text) -> std::string {
    if (reference && text == "reference") return "";
    const absl::Status status = CheckDeviceName(text);
    if (status.ok()) return "";
    return absl::StrCat(graph::Printable(text), " ", status.message(),
                        reference ? ", or reference" : "");
  };
  app->add_option(
         "--device,--backend", *device,
         absl::StrCat(kDeviceHelp, reference ? "; reference: slow, in double, to check others" : ""))
      ->check(CLI::Validator(check, ""))
      ->type_name(absl::StrCat(kDeviceNames, reference ? "|reference" : ""))
      ->capture_default_str();
}

void AddMaxImageMegapixels(CLI::App* app, const std::string& otherwise,
                           absl::optional<double>* value) {
  app->add_option_function<double>(
         "--max_image_megapixels", [value](const double& megapixels) { *value = megapixels; },
         absl::StrCat("larger pictures are refused, before they take memory (default: ", otherwise,
                      ")"))
      ->check(CLI::Validator(
          [](const std::string& text) {
            double megapixels = 0;
            const bool good = absl::SimpleAtod(text, &megapixels) && megapixels > 0;
            return good ? std::string() : graph::Printable(text) + " must be above 0";
          },
          "above 0"))
      ->type_name("X");
}

void DivideCommandLine(const CLI::App& app, int argc, char** argv, std::vector<std::string>* own,
                       std::vector<std::string>* others) {
  bool value_follows = false;  // of an own option
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    if (value_follows) {
      own->push_back(arg);
      value_follows = false;
      continue;
    }
    if (!absl::StartsWith(arg, "--") || arg.size() == 2) {
      // A value of another's flag before it, or something that belongs nowhere.
      (arg == "-h" ? own : others)->push_back(arg);
      continue;
    }
    const size_t equals = std::min(arg.find('='), arg.size());
    // "--a-b" is the option "--a_b".
    const std::string name = "--" + absl::StrReplaceAll(arg.substr(2, equals - 2), {{"-", "_"}});
    const CLI::Option* option = app.get_option_no_throw(name);
    if (option == nullptr) {
      others->push_back(arg);
      continue;
    }
    own->push_back(name + arg.substr(equals));
    value_follows = equals == arg.size() && option->get_items_expected_max() != 0;
  }
}

absl::StatusOr<bool> ParseCommandLine(const std::string& tool, int argc, char** argv,
                                      CLI::App* app) {
  app->name(models::Invocation(tool));
  app->footer(app->get_footer() +
              "\n--version prints the version, the commit and the libraries' versions.");
  app->formatter(std::make_shared<FittingFormatter>(models::TextColumns(STDOUT_FILENO)));
  app->allow_extras();  // they are refused here, before what is missing
  // CLI11 would take what comes next for the value.
  for (int i = 1; i < argc && absl::string_view(argv[i]) != "--"; ++i) {
    const absl::string_view arg = argv[i];
    if (absl::StartsWith(arg, "--") && arg.find('=') == arg.size() - 1) {
      return graph::InvalidArgument(graph::Printable(arg), ": is empty; leave the flag out to get "
                                    "the default");
    }
  }
  std::string error;
  try {
    app->parse(argc, argv);
  } catch (const CLI::CallForHelp& e) {
    app->exit(e);
    return false;
  } catch (const CLI::ValidationError& e) {
    error = Readable(e.what(), *app);
  } catch (const CLI::ConversionError& e) {
    error = Readable(e.what(), *app);
  } catch (const CLI::ParseError& e) {
    error = e.what();
  }
  const std::vector<std::string> unknown = app->remaining();
  if (!unknown.empty()) return Unknown(unknown, *app);
  if (!error.empty()) return absl::InvalidArgumentError(error);
  return true;
}

}  // namespace tools
