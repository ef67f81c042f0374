#include "graph/ir/text.h"

#include <cmath>
#include <cstdlib>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "graph/ir/verify.h"

namespace graph {
namespace {

constexpr char kWholeModel[] = "/";  // the empty part

// Nine significant digits identify a float; the mark keeps it from reading back
// as an integer.
std::string FloatText(float value) {
  std::string text = absl::StrFormat("%.9g", value);
  float shorter;
  const std::string short_text = absl::StrFormat("%.6g", value);
  if (absl::SimpleAtof(short_text, &shorter) && shorter == value) text = short_text;
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

struct AttrPrinter {
  std::string operator()(int64_t v) const { return absl::StrCat(v); }
  std::string operator()(float v) const { return FloatText(v); }
  std::string operator()(const std::string& v) const {
    return absl::StrCat("\"", absl::CEscape(v), "\"");
  }
  std::string operator()(const std::vector<int64_t>& v) const { return ShapeString(v); }
  std::string operator()(const std::vector<float>& v) const {
    return absl::StrCat(
        "[", absl::StrJoin(v, ",", [](std::string* out, float f) { out->append(FloatText(f)); }),
        "]");
  }
};

std::string TypedName(const Net& net, BlobId b) {
  return absl::StrCat(net.blob(b).name, " ", net.type(b).ToString());
}

// A cursor over one line.
class Line {
 public:
  Line(absl::string_view text, int number) : text_(text), number_(number) {}

  // Names the place where the last token starts.
  template <typename... Args>
  absl::Status Error(const Args&... args) const {
    return InvalidArgument("line ", number_, ", column ", token_ + 1, ": ", args...);
  }

  void SkipSpace() {
    pos_ = text_.size() - absl::StripLeadingAsciiWhitespace(text_.substr(pos_)).size();
    token_ = pos_;
  }
  bool AtEnd() {
    SkipSpace();
    return pos_ == text_.size();
  }
  bool Accept(absl::string_view token) {
    SkipSpace();
    if (text_.substr(pos_, token.size()) != token) return false;
    pos_ += token.size();
    return true;
  }
  absl::Status Expect(absl::string_view token) {
    if (Accept(token)) return absl::OkStatus();
    return Error("expected '", token, "'");
  }
  // Longest run of characters that names are made of.
  absl::StatusOr<std::string> Name(absl::string_view what) {
    SkipSpace();
    const size_t start = pos_;
    while (pos_ < text_.size() && IsValidName(text_.substr(pos_, 1))) {
      // "->" ends a name: state lines have one after the type.
      if (text_.substr(pos_, 2) == "->") break;
      ++pos_;
    }
    if (pos_ == start) return Error("expected ", what);
    return std::string(text_.substr(start, pos_ - start));
  }
  absl::StatusOr<std::vector<int64_t>> Ints() {
    RETURN_IF_ERROR(Expect("["));
    std::vector<int64_t> values;
    if (Accept("]")) return values;
    do {
      ASSIGN_OR_RETURN(std::string digits, Name("an integer"));
      int64_t value;
      if (!absl::SimpleAtoi(digits, &value)) return Error("'", digits, "' is not an integer");
      values.push_back(value);
    } while (Accept(","));
    RETURN_IF_ERROR(Expect("]"));
    return values;
  }
  absl::StatusOr<TensorType> Type() {
    ASSIGN_OR_RETURN(std::string name, Name("a type such as f32[8,17]"));
    absl::optional<DType> dtype = ParseDType(name);
    if (!dtype) return Error("unknown element type '", name, "'");
    ASSIGN_OR_RETURN(std::vector<int64_t> dims, Ints());
    if (!IsValidShape(dims)) {
      return Error("the shape ", ShapeString(dims), " has a negative dimension or is too large");
    }
    return TensorType{*dtype, Shape(dims.begin(), dims.end())};
  }
  absl::StatusOr<AttrValue> Attr() {
    SkipSpace();
    if (Accept("[")) return List();
    if (Accept("\"")) {
      const size_t start = pos_;
      while (pos_ < text_.size() && text_[pos_] != '"') pos_ += text_[pos_] == '\\' ? 2 : 1;
      if (pos_ >= text_.size()) return Error("the string is not closed");
      std::string value, error;
      if (!absl::CUnescape(text_.substr(start, pos_ - start), &value, &error)) {
        return Error("bad escape in a string: ", error);
      }
      ++pos_;
      return AttrValue(std::move(value));
    }
    return Number();
  }

 private:
  // After its bracket.
  absl::StatusOr<AttrValue> List() {
    std::vector<int64_t> ints;
    std::vector<float> floats;
    if (Accept("]")) return AttrValue(std::move(ints));
    do {
      SkipSpace();
      ASSIGN_OR_RETURN(const AttrValue value, Number());
      if (const auto* integer = absl::get_if<int64_t>(&value)) {
        ints.push_back(*integer);
      } else {
        floats.push_back(absl::get<float>(value));
      }
      if (!ints.empty() && !floats.empty()) return Error("a list of both integers and floats");
    } while (Accept(","));
    RETURN_IF_ERROR(Expect("]"));
    return floats.empty() ? AttrValue(std::move(ints)) : AttrValue(std::move(floats));
  }
  absl::StatusOr<AttrValue> Number() {
    const size_t start = pos_;
    while (pos_ < text_.size() &&
           (absl::ascii_isalnum(static_cast<unsigned char>(text_[pos_])) ||
            absl::string_view("+-.").find(text_[pos_]) != absl::string_view::npos)) {
      ++pos_;
    }
    const absl::string_view number = text_.substr(start, pos_ - start);
    int64_t integer;
    if (absl::SimpleAtoi(number, &integer)) return AttrValue(integer);
    // A run of digits that is no int64 must not turn into a float.
    const bool marked = number.find_first_of(".eEnN") != absl::string_view::npos;
    float real;
    if (marked && absl::SimpleAtof(number, &real)) return AttrValue(real);
    return Error("'", number, "' is neither an integer nor a float");
  }

  absl::string_view text_;
  int number_;
  size_t pos_ = 0;
  size_t token_ = 0;
};

class Parser {
 public:
  absl::StatusOr<Net> Run(absl::string_view text) {
    int number = 0;
    for (absl::string_view raw : absl::StrSplit(text, '\n')) {
      ++number;
      Line line(StripComment(raw), number);
      if (line.AtEnd()) continue;
      RETURN_IF_ERROR(Statement(&line));
      if (!line.AtEnd()) return line.Error("unexpected text after the statement");
    }
    if (stage_ == kStart) return InvalidArgument("a net starts with 'net NAME'");
    for (const Exit& exit : exits_) {
      const auto it = by_name_.find(exit.name);
      if (it == by_name_.end()) {
        return exit.line.Error("state exit '", exit.name, "' is never assigned");
      }
      net_.states[exit.state].exit = it->second;
    }
    return std::move(net_);
  }

 private:
  enum Stage { kStart, kInputs, kStates, kOps, kOutputs };
  // The exit of a state, looked up when all blobs are known.
  struct Exit {
    size_t state;
    std::string name;
    Line line;  // for the message
  };

  // '#' starts a comment, except inside a string.
  static absl::string_view StripComment(absl::string_view line) {
    bool quoted = false;
    for (size_t i = 0; i < line.size(); ++i) {
      if (line[i] == '\\' && quoted) {
        ++i;
      } else if (line[i] == '"') {
        quoted = !quoted;
      } else if (line[i] == '#' && !quoted) {
        return line.substr(0, i);
      }
    }
    return line;
  }

  absl::Status Statement(Line* line) {
    Line start = *line;
    ASSIGN_OR_RETURN(std::string word, line->Name("a statement"));
    if (stage_ == kStart) {
      if (word != "net") return start.Error("a net starts with 'net NAME'");
      ASSIGN_OR_RETURN(net_.name, line->Name("the net's name"));
      stage_ = kInputs;
      return absl::OkStatus();
    }
    // "input", "state" and "output" are keywords only where no type follows.
    if (!Line(*line).Type().ok()) {
      if (word == "input") return InputStatement(line);
      if (word == "state") return StateStatement(line);
      if (word == "output") return OutputStatement(line);
    }
    *line = start;
    return OpStatement(line);
  }

  absl::Status Enter(const Line& line, Stage stage) {
    if (stage < stage_) return line.Error("statements come as inputs, states, operators, outputs");
    stage_ = stage;
    return absl::OkStatus();
  }

  absl::StatusOr<BlobId> Define(Line* line) {
    ASSIGN_OR_RETURN(std::string name, line->Name("a blob's name"));
    if (by_name_.contains(name)) return line->Error("blob '", name, "' is assigned twice");
    ASSIGN_OR_RETURN(TensorType type, line->Type());
    const BlobId b = net_.AddBlob(name, std::move(type));
    by_name_[name] = b;
    return b;
  }
  absl::StatusOr<BlobId> Use(Line* line) {
    ASSIGN_OR_RETURN(std::string name, line->Name("a blob's name"));
    const auto it = by_name_.find(name);
    if (it == by_name_.end()) return line->Error("blob '", name, "' is not defined");
    return it->second;
  }

  absl::Status InputStatement(Line* line) {
    RETURN_IF_ERROR(Enter(*line, kInputs));
    ASSIGN_OR_RETURN(BlobId b, Define(line));
    net_.inputs.push_back(b);
    return absl::OkStatus();
  }
  absl::Status StateStatement(Line* line) {
    RETURN_IF_ERROR(Enter(*line, kStates));
    ASSIGN_OR_RETURN(BlobId b, Define(line));
    net_.states.push_back({b, b});
    if (line->Accept("->")) {
      ASSIGN_OR_RETURN(std::string exit, line->Name("the exit blob's name"));
      exits_.push_back({net_.states.size() - 1, std::move(exit), *line});
    }
    return absl::OkStatus();
  }
  absl::Status OutputStatement(Line* line) {
    RETURN_IF_ERROR(Enter(*line, kOutputs));
    ASSIGN_OR_RETURN(BlobId b, Use(line));
    net_.outputs.push_back(b);
    return absl::OkStatus();
  }

  absl::Status OpStatement(Line* line) {
    RETURN_IF_ERROR(Enter(*line, kOps));
    Op op;
    // Inputs are looked up before outputs are defined: an operator cannot read
    // what it writes. So the outputs' text is parsed first and defined last.
    std::vector<std::pair<std::string, TensorType>> outputs;
    do {
      ASSIGN_OR_RETURN(std::string name, line->Name("a blob's name"));
      ASSIGN_OR_RETURN(TensorType type, line->Type());
      outputs.emplace_back(std::move(name), std::move(type));
    } while (line->Accept(","));
    RETURN_IF_ERROR(line->Expect("="));
    ASSIGN_OR_RETURN(op.type, line->Name("an operator type"));
    RETURN_IF_ERROR(line->Expect("("));
    if (!line->Accept(")")) {
      do {
        ASSIGN_OR_RETURN(BlobId b, Use(line));
        op.inputs.push_back(b);
      } while (line->Accept(","));
      RETURN_IF_ERROR(line->Expect(")"));
    }
    while (!line->AtEnd() && !line->Accept("@")) {
      ASSIGN_OR_RETURN(std::string attr, line->Name("an attribute"));
      RETURN_IF_ERROR(line->Expect("="));
      if (attr == "in_place") {
        RETURN_IF_ERROR(InPlace(line, &op));
        continue;
      }
      ASSIGN_OR_RETURN(AttrValue value, line->Attr());
      if (!op.attrs.emplace(attr, std::move(value)).second) {
        return line->Error("attribute '", attr, "' is given twice");
      }
    }
    ASSIGN_OR_RETURN(op.name, line->Name("the operator's name after '@'"));
    RETURN_IF_ERROR(PartAndPhase(line, &op));
    for (auto& [name, type] : outputs) {
      if (by_name_.contains(name)) return line->Error("blob '", name, "' is assigned twice");
      by_name_[name] = net_.AddBlob(name, std::move(type));
      op.outputs.push_back(by_name_[name]);
    }
    net_.ops.push_back(std::move(op));
    return absl::OkStatus();
  }

  // What follows the name, in the order in which it is printed.
  absl::Status PartAndPhase(Line* line, Op* op) {
    op->part = op->name;
    if (line->Accept("part=")) {
      ASSIGN_OR_RETURN(op->part, line->Name("a part, or / for the whole model"));
      if (op->part == kWholeModel) op->part.clear();
    }
    if (line->Accept("phase=")) {
      ASSIGN_OR_RETURN(const std::string word, line->Name("a phase"));
      const absl::optional<Phase> phase = ParsePhase(word);
      if (!phase) {
        return line->Error("'", word, "' is not forward, backward, update or communicate");
      }
      op->phase = *phase;
    }
    op->recomputed = line->Accept("recomputed");
    return absl::OkStatus();
  }

  absl::Status InPlace(Line* line, Op* op) {
    RETURN_IF_ERROR(line->Expect("["));
    do {
      ASSIGN_OR_RETURN(std::string pair, line->Name("a pair input:output"));
      const std::vector<absl::string_view> parts = absl::StrSplit(pair, ':');
      int input, output;
      if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &input) ||
          !absl::SimpleAtoi(parts[1], &output)) {
        return line->Error("'", pair, "' is not a pair input:output");
      }
      op->in_place.emplace_back(input, output);
    } while (line->Accept(","));
    return line->Expect("]");
  }

  Net net_;
  Stage stage_ = kStart;
  std::vector<Exit> exits_;
  absl::flat_hash_map<std::string, BlobId> by_name_;
};

}  // namespace

std::string AttrText(const AttrValue& value) { return absl::visit(AttrPrinter(), value); }

std::string OpText(const Net& net, const Op& op) {
  std::string text = absl::StrJoin(
      op.outputs, ", ", [&](std::string* out, BlobId b) { out->append(TypedName(net, b)); });
  absl::StrAppend(&text, " = ", op.type, "(",
                  absl::StrJoin(op.inputs, ", ",
                                [&](std::string* out, BlobId b) { out->append(net.blob(b).name); }),
                  ")");
  for (const auto& [name, value] : op.attrs) {
    absl::StrAppend(&text, " ", name, "=", AttrText(value));
  }
  if (!op.in_place.empty()) {
    absl::StrAppend(&text, " in_place=[", absl::StrJoin(op.in_place, ",", absl::PairFormatter(":")),
                    "]");
  }
  absl::StrAppend(&text, " @", op.name);
  if (op.part != op.name) {
    absl::StrAppend(&text, " part=", op.part.empty() ? kWholeModel : op.part);
  }
  if (op.phase != Phase::kForward) absl::StrAppend(&text, " phase=", PhaseName(op.phase));
  if (op.recomputed) text += " recomputed";
  return text;
}

std::string ToText(const Net& net) {
  std::string text = absl::StrCat("net ", net.name, "\n");
  for (BlobId b : net.inputs) absl::StrAppend(&text, "input ", TypedName(net, b), "\n");
  for (const State& s : net.states) {
    absl::StrAppend(&text, "state ", TypedName(net, s.entry));
    if (s.exit != s.entry) absl::StrAppend(&text, " -> ", net.blob(s.exit).name);
    text += "\n";
  }
  for (const Op& op : net.ops) absl::StrAppend(&text, OpText(net, op), "\n");
  for (BlobId b : net.outputs) absl::StrAppend(&text, "output ", net.blob(b).name, "\n");
  return text;
}

absl::StatusOr<Net> ParseText(absl::string_view text) { return Parser().Run(text); }

}  // namespace graph
