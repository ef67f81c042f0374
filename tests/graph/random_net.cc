#include "tests/graph/random_net.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_join.h"
#include "graph/base/random.h"
#include "graph/schema/builder.h"
#include "tests/graph/toy_ops.h"

namespace graph {
namespace {

template <typename T, size_t n>
T Pick(RandomStream* random, const T (&from)[n]) {
  return from[random->Below(n)];
}

float RandomFloat(RandomStream* random) {
  using Limits = std::numeric_limits<float>;
  const float special[] = {0.0f,
                           -0.0f,
                           1.0f,
                           1e-6f,
                           16777216.0f,
                           1e20f,
                           Limits::infinity(),
                           -Limits::infinity(),
                           Limits::quiet_NaN(),
                           Limits::denorm_min(),
                           -Limits::denorm_min(),
                           Limits::min(),
                           Limits::max(),
                           Limits::lowest(),
                           Limits::epsilon(),
                           std::nextafter(1.0f, 2.0f)};
  if (random->Below(3) == 0) return Pick(random, special);
  const uint32_t bits = static_cast<uint32_t>(random->Next());
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return std::isnan(value) ? 0.1f : value;
}

int64_t RandomInt(RandomStream* random) {
  const int64_t special[] = {0, -1, 1, std::numeric_limits<int64_t>::min(),
                             std::numeric_limits<int64_t>::max()};
  if (random->Below(2) == 0) return Pick(random, special);
  return static_cast<int64_t>(random->Next());
}

std::string RandomString(RandomStream* random) {
  const std::string special[] = {"",
                                 "gelu",
                                 "say \"#1\"",
                                 "two\nlines\r\tand tabs",
                                 "back\\slash\\",
                                 "\xc3\xa4\xe2\x82\xac\xf0\x9f\x90\x88",
                                 "] @x = , -> #",
                                 std::string("nul\0inside", 10),
                                 "\x01\x7f\xff"
                                 "9"};
  return Pick(random, special);
}

Attrs RandomTags(RandomStream* random) {
  Attrs attrs = {{"count", RandomInt(random)}};
  if (random->Below(4) > 0) attrs["rate"] = RandomFloat(random);
  if (random->Below(4) > 0) attrs["label"] = RandomString(random);
  std::vector<int64_t> dims(random->Below(4));
  for (int64_t& d : dims) d = RandomInt(random);
  attrs["dims"] = dims;
  return attrs;
}

std::string RandomName(RandomStream* random) {
  const std::string names[] = {"blocks.0.norm1",
                               "grad/x",
                               "a",
                               "input",
                               "state",
                               "output",
                               "net",
                               "f32",
                               "a-",
                               "-",
                               "@",
                               "1",
                               "in_place",
                               "x~2",
                               "p.out",
                               "u8",
                               "nan",
                               ":"};
  return Pick(random, names);
}

// Never an earlier one than that of an operator with a lower `position`.
Phase RandomPhase(RandomStream* random, uint64_t position) {
  if (random->Below(5) == 0) return Phase::kCommunicate;
  return position < 3 ? Phase::kForward : position < 7 ? Phase::kBackward : Phase::kUpdate;
}

absl::optional<std::string> RandomPart(RandomStream* random, uint64_t position) {
  const std::string parts[] = {"blocks.0.norm1", "guide/a-", "part", "phase", "0", ":"};
  switch (random->Below(3)) {
    case 0:
      return Pick(random, parts);
    case 1:
      if (position >= 7) return "";
      return absl::nullopt;
    default:
      return absl::nullopt;
  }
}

// Adds every in-place pair that the rule book allows, with probability 1/2.
void AddInPlace(RandomStream* random, Net* net) {
  for (Op& op : net->ops) {
    for (const auto& pair : ToyRegistry().Find(op.type)->InPlacePairs(op.inputs.size())) {
      if (random->Below(2) == 0) continue;
      op.in_place.push_back(pair);
      if (!Verify(*net, ToyRegistry()).ok()) op.in_place.pop_back();
    }
  }
}

}  // namespace

Net RandomNet(uint64_t seed) {
  RandomStream random(seed, Purpose::kNoise);
  NetBuilder b(&ToyRegistry(), RandomName(&random));
  const Shape shapes[] = {{}, {1}, {0, 3}, {8, 17, 128}, {3}};
  const TensorType type{Pick(&random, {DType::kF32, DType::kF64, DType::kBF16, DType::kI32,
                                       DType::kI64, DType::kU8, DType::kI8}),
                        Pick(&random, shapes)};
  const auto fresh = [&] {
    std::string name = RandomName(&random);
    while (b.net().Find(name) != kNone || b.net().Find(StateExitName(name)) != kNone) {
      name += Pick(&random, {'0', 'x', '-', '.'});
    }
    return name;
  };
  std::vector<BlobId> values;
  for (uint64_t i = 0, n = 1 + random.Below(3); i < n; ++i) {
    values.push_back(b.Input(fresh(), type));
  }
  std::vector<BlobId> states;
  for (uint64_t i = 0, n = random.Below(4); i < n; ++i) states.push_back(b.State(fresh(), type));
  values.insert(values.end(), states.begin(), states.end());
  const auto value = [&] { return values[random.Below(values.size())]; };
  for (uint64_t i = 0, n = random.Below(12); i < n; ++i) {
    const std::string name = RandomName(&random);
    const NetBuilder::Scope scope(&b, RandomPhase(&random, i), RandomPart(&random, i));
    switch (random.Below(5)) {
      case 0:
        values.push_back(b.Op("Add", name, {value(), value()}));
        break;
      case 1:
        for (BlobId y : b.OpN("SumDiff", name, {value(), value()})) values.push_back(y);
        break;
      case 2: {
        std::vector<BlobId> inputs(1 + random.Below(4));
        for (BlobId& x : inputs) x = value();
        values.push_back(b.Op("SumN", name, inputs));
        break;
      }
      case 3:
        values.push_back(
            b.Op("Fill", name, {},
                 {{"value", RandomFloat(&random)},
                  {"shape", std::vector<int64_t>(type.shape.begin(), type.shape.end())},
                  {"dtype", std::string(DTypeName(type.dtype))}}));
        break;
      default:
        if (random.Below(3) == 0) {
          std::vector<float> weights(1 + random.Below(3));
          for (float& w : weights) w = RandomFloat(&random);
          values.push_back(b.Op("Weighted", name, {value()}, {{"weights", weights}}));
        } else {
          values.push_back(b.Op("Tagged", name, {value()}, RandomTags(&random)));
        }
        if (random.Below(3) == 0) b.Rename(values.back(), fresh());
    }
  }
  for (uint64_t i = 0, n = random.Below(3); i < n; ++i) b.Output(value());
  // Overwritten by the last operators, so that nothing reads the entry later.
  for (BlobId s : states) {
    bool is_output = false;
    for (BlobId out : b.net().outputs) is_output |= out == s;
    if (is_output || random.Below(3) == 0) continue;
    const NetBuilder::Scope scope(&b, Phase::kUpdate);
    const BlobId exit = random.Below(2) == 0
                            ? b.Op("Add", RandomName(&random), {s, b.net().inputs[0]})
                            : b.Op("Tagged", "t", {b.net().inputs[0]}, RandomTags(&random));
    b.SetExit(s, exit);
    if (random.Below(2) == 0) b.Output(exit);
  }
  absl::StatusOr<Net> net = b.Finish();
  if (!net.ok()) std::fprintf(stderr, "RandomNet: %s\n", net.status().ToString().c_str());
  CHECK(net.ok());
  AddInPlace(&random, &*net);
  for (Op& op : net->ops) op.recomputed = random.Below(8) == 0;
  return *std::move(net);
}

namespace {

struct AttrText {
  std::string operator()(int64_t v) const { return absl::StrCat("i", v); }
  std::string operator()(float v) const {
    uint32_t bits;
    std::memcpy(&bits, &v, sizeof(bits));
    return std::isnan(v) ? "nan" : absl::StrCat("f", bits);
  }
  std::string operator()(const std::string& v) const { return absl::StrCat("s", v); }
  std::string operator()(const std::vector<int64_t>& v) const {
    return absl::StrCat("l", absl::StrJoin(v, ","));
  }
  std::string operator()(const std::vector<float>& v) const {
    return absl::StrCat(
        "l", absl::StrJoin(v, ",", [this](std::string* out, float f) { out->append((*this)(f)); }));
  }
};

// Everything a net holds, one string a piece; not by way of the text form.
std::vector<std::string> Pieces(const Net& net) {
  const auto blob = [&net](BlobId b) {
    return absl::StrCat("(", net.blob(b).name, " ", net.type(b).ToString(), ")");
  };
  std::vector<std::string> pieces = {"name " + net.name};
  for (BlobId b : net.inputs) pieces.push_back("input " + blob(b));
  for (const State& s : net.states) {
    pieces.push_back(absl::StrCat("state ", blob(s.entry), blob(s.exit)));
  }
  for (BlobId b : net.outputs) pieces.push_back("output " + blob(b));
  for (const Op& op : net.ops) {
    std::string text = absl::StrCat("op ", op.type, "|", op.name, "|", op.part, "|",
                                    PhaseName(op.phase), "|", op.recomputed);
    for (BlobId b : op.inputs) absl::StrAppend(&text, " <", blob(b));
    for (BlobId b : op.outputs) absl::StrAppend(&text, " >", blob(b));
    for (const auto& [name, value] : op.attrs) {
      absl::StrAppend(&text, " ", name, "=", absl::visit(AttrText(), value), ";");
    }
    for (const auto& [i, o] : op.in_place) absl::StrAppend(&text, " ", i, ":", o);
    pieces.push_back(std::move(text));
  }
  return pieces;
}

}  // namespace

std::string Difference(const Net& a, const Net& b) {
  const std::vector<std::string> left = Pieces(a), right = Pieces(b);
  for (size_t i = 0; i < left.size() && i < right.size(); ++i) {
    if (left[i] != right[i]) return absl::StrCat("<", left[i], "> and <", right[i], ">");
  }
  if (left.size() == right.size()) return "";
  return absl::StrCat(left.size(), " and ", right.size(), " pieces");
}

std::string Mutate(std::string text, uint64_t seed) {
  RandomStream random(seed, Purpose::kCrop);
  static constexpr char kPalette[] = "\"#=@,:[]()->\\\n 09.einf\0\xff\x80";
  for (uint64_t i = 0, n = 1 + random.Below(4); i < n && !text.empty(); ++i) {
    const size_t at = random.Below(text.size());
    switch (random.Below(6)) {
      case 0:
        text.erase(at, 1 + random.Below(8));
        break;
      case 1:
        text.insert(at, text.substr(random.Below(text.size()), random.Below(20)));
        break;
      case 2:
        std::swap(text[at], text[random.Below(text.size())]);
        break;
      case 3:
        text[at] = static_cast<char>(random.Next());
        break;
      case 4:
        text.resize(at);
        break;
      default:
        text[at] = Pick(&random, kPalette);
    }
  }
  return text;
}

}  // namespace graph
