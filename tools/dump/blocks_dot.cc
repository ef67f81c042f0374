#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "graph/ir/part.h"
#include "tools/dump/dot.h"
#include "tools/dump/dot_parts.h"

namespace tools {
namespace {

using graph::Phase;

constexpr char kForwardBlock[] = "#a6cee3";
constexpr char kForwardPart[] = "#e3eef5";
constexpr char kBackwardBlock[] = "#f4b6a6";
constexpr char kBackwardPart[] = "#fbe3dc";
constexpr char kUpdate[] = "#cab2d6";

struct Part {
  std::string name;
  Phase phase = Phase::kForward;
  bool is_block = false;
  std::vector<size_t> ops = {};
  int preparing = 0;  // further operators: they convert its weights, once a run
  std::vector<graph::BlobId> handed_on =
      {};  // of one size; none: nothing but gradients of parameters

  const char* color() const {
    if (phase == Phase::kUpdate) return kUpdate;
    if (phase == Phase::kBackward) return is_block ? kBackwardBlock : kBackwardPart;
    return is_block ? kForwardBlock : kForwardPart;
  }
};

class BlocksPicture {
 public:
  explicit BlocksPicture(const graph::Net& net) : net_(net), uses_(net), part_of_(net.ops.size()) {
    std::map<std::string, size_t> by_name;
    for (size_t i = 0; i < net.ops.size(); ++i) {
      const graph::Op& op = net.ops[i];
      if (PreparesWeights(net, op)) continue;
      const bool is_update = op.phase == Phase::kUpdate;
      const std::string name =
          is_update ? "update" : absl::StrCat(BoxScope(net, op), BoxOf(op.part));
      const bool is_block = !is_update && !graph::BlockOf(op.part).empty();
      const auto [it, is_new] = by_name.emplace(name, parts_.size());
      if (is_new) parts_.push_back({name, op.phase, is_block});
      part_of_[i] = it->second;
      parts_[it->second].ops.push_back(i);
    }
    // Packed or cast, weights would stand between the blocks, and one precision's picture would not
    // be another's. They are counted with the part whose they are.
    for (size_t i = 0; i < net.ops.size(); ++i) {
      const graph::Op& op = net.ops[i];
      if (!PreparesWeights(net, op)) continue;
      const auto [it, is_new] = by_name.emplace(BoxOf(op.part), parts_.size());
      if (is_new) parts_.push_back({it->first, Phase::kForward, !graph::BlockOf(op.part).empty()});
      part_of_[i] = it->second;
      ++parts_[it->second].preparing;
    }
    ChooseHandedOn();
  }

  std::string Draw(const std::string& when) const {
    std::string text = DotHead(net_, when, "each transformer block is one box");
    for (size_t p = 0; p < parts_.size(); ++p) {
      absl::StrAppend(&text, "  g", p, " [fillcolor=\"", parts_[p].color(),
                      "\", penwidth=", parts_[p].is_block ? 2 : 1, ", label=<", Label(parts_[p]),
                      ">]\n");
    }
    for (graph::BlobId b : net_.inputs) text += DotBlob(net_, absl::StrCat("in", b), b);
    Edges(&text);
    absl::StrAppend(
        &text,
        DotLegend({{"block", kForwardBlock},
                   {"its backward pass", kBackwardBlock},
                   {"update of the parameters", kUpdate}},
                  {"a box: operators in it, and what it hands on",
                   "+ further ones that convert its weights", "red: gradients (upwards)",
                   "dashed: kept for the backward pass", "dotted: gradients of parameters"}),
        "}\n");
    return text;
  }

 private:
  // Who reads a value, outside its part.
  enum class Readers {
    kNone,    // or the update alone: gradients of weights
    kOthers,  // the backward pass, for which they are kept, the guide
    kNext,    // the next part of the same pass of the same encoder, or who runs the net
  };
  Readers ReadersOf(graph::BlobId b) const {
    const size_t from = part_of_[uses_.producer[b]];
    const auto scope = [this](size_t part) {
      return parts_[part].name.substr(0, parts_[part].name.rfind('/') + 1);
    };
    Readers most = Readers::kNone;
    if (uses_.is_root[b]) return Readers::kNext;
    for (const graph::Uses::Reader& reader : uses_.readers[b]) {
      const size_t to = part_of_[reader.op];
      if (to == from || parts_[to].phase == Phase::kUpdate) continue;
      if (scope(to) == scope(from)) return Readers::kNext;
      most = Readers::kOthers;
    }
    return most;
  }

  // The largest of what the nearest readers take: for example a position added to all tokens, not
  // the slice for the class token. A residual sum that the next block adds up is two values, in
  // bf16 of two types. A cast of one is none.
  void ChooseHandedOn() {
    std::vector<std::pair<Readers, int64_t>> best(parts_.size(), {Readers::kNone, 0});
    for (size_t i = 0; i < net_.ops.size(); ++i) {
      const graph::Op& op = net_.ops[i];
      if (PreparesWeights(net_, op)) continue;
      std::vector<graph::BlobId>& handed_on = parts_[part_of_[i]].handed_on;
      for (graph::BlobId b : op.outputs) {
        const std::pair<Readers, int64_t> now = {ReadersOf(b), net_.type(b).elements()};
        auto& so_far = best[part_of_[i]];
        if (now.first == Readers::kNone || now < so_far) continue;
        if (now == so_far && op.type == "Cast") continue;
        if (now > so_far) handed_on.clear();
        so_far = now;
        handed_on.push_back(b);
      }
    }
  }

  std::string Label(const Part& part) const {
    std::string label = absl::StrCat("<b>", EscapeHtml(part.name), "</b><br/>", part.ops.size(),
                                     part.ops.size() == 1 ? " op" : " ops");
    if (part.preparing > 0) absl::StrAppend(&label, " + ", part.preparing);
    if (part.phase != Phase::kUpdate) {
      std::vector<absl::string_view> types;
      for (graph::BlobId b : part.handed_on) {
        const absl::string_view type = graph::DTypeName(net_.type(b).dtype);
        if (std::find(types.begin(), types.end(), type) == types.end()) types.push_back(type);
      }
      if (types.empty()) return label;
      return absl::StrCat(label, ", ", absl::StrJoin(types, "+"),
                          graph::ShapeString(net_.type(part.handed_on.back()).shape));
    }
    std::map<std::string, int> counts;
    for (size_t i : part.ops) ++counts[net_.ops[i].type];
    for (const auto& [type, count] : counts) {
      absl::StrAppend(&label, "<br/>", count, " ", EscapeHtml(type));
    }
    return label;
  }

  void Edges(std::string* text) const {
    std::set<std::pair<std::string, std::string>> drawn;
    for (size_t i = 0; i < net_.ops.size(); ++i) {
      const std::string to = absl::StrCat("g", part_of_[i]);
      for (graph::BlobId b : net_.ops[i].inputs) {
        const graph::OpId producer = uses_.producer[b];
        std::string from = absl::StrCat("in", b);
        Phase phase = Phase::kForward;
        if (producer != graph::kNone) {
          if (PreparesWeights(net_, net_.ops[producer])) continue;  // as a state
          from = absl::StrCat("g", part_of_[producer]);
          phase = parts_[part_of_[producer]].phase;
        } else if (std::find(net_.inputs.begin(), net_.inputs.end(), b) == net_.inputs.end()) {
          continue;  // state
        }
        if (from == to || !drawn.insert({from, to}).second) continue;
        absl::StrAppend(text, DotEdge(from, phase, to, parts_[part_of_[i]].phase));
      }
    }
  }

  const graph::Net& net_;
  const graph::Uses uses_;
  std::vector<Part> parts_;      // in order of first operator
  std::vector<size_t> part_of_;  // by operator
};

}  // namespace

std::string ToBlocksDot(const graph::Net& net, const std::string& when) {
  return BlocksPicture(net).Draw(when);
}

}  // namespace tools
