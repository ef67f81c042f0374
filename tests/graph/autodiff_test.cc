#include "graph/autodiff/autodiff.h"

#include <cmath>

#include "absl/strings/match.h"
#include "graph/base/random.h"
#include "graph/compiler/compiler.h"
#include "graph/ir/text.h"
#include "gtest/gtest.h"
#include "tests/graph/toy_ops.h"

namespace graph {
namespace {

const TensorType kX{DType::kF32, {4}};

// `text` with the gradients of `wrt` appended and made outputs.
absl::StatusOr<Net> Grad(const std::string& text, const std::string& loss,
                         const std::vector<std::string>& wrt, float scale = 1.0f) {
  ASSIGN_OR_RETURN(Net net, ParseText(text));
  RETURN_IF_ERROR(Verify(net, ToyRegistry()));
  std::vector<BlobId> blobs;
  for (const std::string& name : wrt) blobs.push_back(net.Find(name));
  const BlobId loss_blob = net.Find(loss);
  NetBuilder b(&ToyRegistry(), std::move(net));
  ASSIGN_OR_RETURN(std::vector<BlobId> grads, Differentiate(&b, loss_blob, blobs, scale));
  EXPECT_EQ(grads.size(), wrt.size());
  for (BlobId g : grads) b.Output(g);
  return b.Finish();
}

// The lines that Differentiate added to `text`, without parts and phases.
std::string Added(const std::string& text, const std::string& loss,
                  const std::vector<std::string>& wrt, float scale = 1.0f) {
  absl::StatusOr<Net> net = Grad(text, loss, wrt, scale);
  if (!net.ok()) return std::string(net.status().message());
  for (Op& op : net->ops) {
    op.part = op.name;
    op.phase = Phase::kForward;
  }
  const std::string all = ToText(*net);
  EXPECT_EQ(all.substr(0, text.size()), text);
  return all.substr(text.size());
}

// Gradients belong to the part whose gradient they are, sums of gradients to the one that
// makes what is differentiated, or are of the parameter.
TEST(Differentiate, SetsPhaseAndPart) {
  const std::string text =
      "net n\ninput x f32[4]\nstate w f32[4]\n"
      "a f32[4] = Mul(x, w) @mul part=blocks.0.mul\n"
      "b f32[4] = Scale(a) factor=2.0 @two part=blocks.1.two\n"
      "c f32[4] = Add(a, b) @add part=blocks.1.add\n"
      "d f32[4] = Mul(c, w) @again part=head\n"
      "loss f32[1] = Sum(d) @sum part=loss\n";
  const absl::StatusOr<Net> net = Grad(text, "loss", {"w"});
  ASSERT_TRUE(net.ok()) << net.status();
  std::vector<std::string> found;
  for (const Op& op : net->ops) {
    const bool gradient = absl::StartsWith(op.name, "grad/");
    EXPECT_EQ(op.phase, gradient ? Phase::kBackward : Phase::kForward) << op.name;
    if (gradient) found.push_back(absl::StrCat(op.name, " in ", op.part));
  }
  EXPECT_EQ(found, std::vector<std::string>({"grad/loss in loss", "grad/sum in loss",
                                             "grad/again.a in head", "grad/again.b in head",
                                             "grad/two in blocks.1.two", "grad/a in blocks.0.mul",
                                             "grad/mul.b in blocks.0.mul", "grad/w in w"}));
}

const char kFill[] = "grad/loss:y f32[1] = Fill() dtype=\"f32\" shape=[1] value=1.0 @grad/loss\n";

TEST(Differentiate, ChainNamesTheGradient) {
  const std::string text =
      "net n\nstate w f32[4]\na f32[4] = Square(w) @sq\nloss f32[1] = Sum(a) @sum\n";
  EXPECT_EQ(Added(text, "loss", {"w"}),
            kFill + std::string("grad/sum:dx f32[4] = Spread(grad/loss:y, a) @grad/sum\n"
                                "grad/w f32[4] = SquareGrad(w, grad/sum:dx) @grad/sq\n"
                                "output grad/w\n"));
}

TEST(Differentiate, ScaleIsTheSeed) {
  const std::string text = "net n\nstate w f32[4]\nloss f32[1] = Sum(w) @sum\n";
  EXPECT_EQ(Added(text, "loss", {"w"}, 0.25f),
            "grad/loss:y f32[1] = Fill() dtype=\"f32\" shape=[1] value=0.25 @grad/loss\n"
            "grad/w f32[4] = Spread(grad/loss:y, w) @grad/sum\noutput grad/w\n");
}

TEST(Differentiate, SeedHasTheTypeOfTheLoss) {
  EXPECT_EQ(Added("net n\nstate loss f64[]\n", "loss", {"loss"}),
            "grad/loss f64[] = Fill() dtype=\"f64\" shape=[] value=1.0 @grad/loss\n"
            "output grad/loss\n");
}

TEST(Differentiate, SeveralReadersAreSummedInReverseOrder) {
  const std::string text =
      "net n\nstate w f32[4]\na f32[4] = Square(w) @one\nb f32[4] = Scale(w) factor=2.0 @two\n"
      "c f32[4] = Add(a, b) @add\nd f32[4] = Mul(c, w) @mul\nloss f32[1] = Sum(d) @sum\n";
  EXPECT_EQ(Added(text, "loss", {"w"}),
            kFill + std::string("grad/sum:dx f32[4] = Spread(grad/loss:y, d) @grad/sum\n"
                                "grad/mul.a:y f32[4] = Mul(grad/sum:dx, w) @grad/mul.a\n"
                                "grad/mul.b:y f32[4] = Mul(grad/sum:dx, c) @grad/mul.b\n"
                                "grad/two:y f32[4] = Scale(grad/mul.a:y) factor=2.0 @grad/two\n"
                                "grad/w:y f32[4] = Add(grad/mul.b:y, grad/two:y) @grad/w\n"
                                "grad/one:dx f32[4] = SquareGrad(w, grad/mul.a:y) @grad/one\n"
                                "grad/w f32[4] = Add(grad/w:y, grad/one:dx) @grad/w~2\n"
                                "output grad/w\n"));
}

TEST(Differentiate, OneOperatorMayReadABlobTwice) {
  const std::string text =
      "net n\nstate w f32[4]\na f32[4] = Mul(w, w) @mul\nloss f32[1] = Sum(a) @sum\n";
  EXPECT_TRUE(absl::EndsWith(Added(text, "loss", {"w"}),
                             "grad/w f32[4] = Add(grad/mul.a:y, grad/mul.b:y) @grad/w\n"
                             "output grad/w\n"));
}

TEST(Differentiate, UnusedOutputsHaveNoGradient) {
  const std::string head = "net n\nstate a f32[4]\nstate b f32[4]\n";
  const std::string sum =
      head + "s f32[4], d f32[4] = SumDiff(a, b) @sd\nloss f32[1] = Sum(s) @sum\n";
  // Both inputs share one gradient; the first that asks names it.
  EXPECT_EQ(Added(sum, "loss", {"a", "b"}),
            kFill + std::string("grad/a f32[4] = Spread(grad/loss:y, s) @grad/sum\n"
                                "output grad/a\noutput grad/a\n"));
  const std::string diff =
      head + "s f32[4], d f32[4] = SumDiff(a, b) @sd\nloss f32[1] = Sum(d) @sum\n";
  EXPECT_EQ(Added(diff, "loss", {"a", "b"}),
            kFill + std::string("grad/a f32[4] = Spread(grad/loss:y, d) @grad/sum\n"
                                "grad/b f32[4] = Scale(grad/a) factor=-1.0 @grad/sd.minus\n"
                                "output grad/a\noutput grad/b\n"));
}

TEST(Differentiate, OperatorsOffThePathGetNone) {
  const std::string text =
      "net n\ninput x f32[4]\nstate w f32[4]\nstate v f32[4]\n"
      "a f32[4] = Square(x) @input_side\n"
      "b f32[4] = Mul(a, w) @mul\n"
      "c f32[4] = Square(b) @side\n"
      "d f32[4] = Mul(b, v) @frozen\n"
      "loss f32[1] = Sum(d) @sum\n";
  // v is not asked for, nothing behind x is, and c does not reach the loss.
  const std::string added = Added(text, "loss", {"w"});
  EXPECT_TRUE(absl::StrContains(added, "@grad/frozen.a\n")) << added;
  EXPECT_FALSE(absl::StrContains(added, "@grad/frozen.b\n")) << added;
  EXPECT_TRUE(absl::StrContains(added, "@grad/mul.b\n")) << added;
  EXPECT_FALSE(absl::StrContains(added, "@grad/mul.a\n")) << added;
  EXPECT_FALSE(absl::StrContains(added, "grad/side")) << added;
  EXPECT_FALSE(absl::StrContains(added, "grad/input_side")) << added;
}

TEST(Differentiate, ABoundaryLetsOnlyTheLiveSideThrough) {
  const std::string text =
      "net n\nstate w f32[4]\na f32[4] = Square(w) @sq\n"
      "stop f32[4] = StopGradient(a) @stop\n"
      "m f32[4] = Mul(stop, w) @mul\nloss f32[1] = Sum(m) @sum\n";
  EXPECT_EQ(Added(text, "loss", {"w"}),
            kFill + std::string("grad/sum:dx f32[4] = Spread(grad/loss:y, m) @grad/sum\n"
                                "grad/w f32[4] = Mul(grad/sum:dx, stop) @grad/mul.b\n"
                                "output grad/w\n"));
}

TEST(Differentiate, IntermediateBlobsAndTheLoss) {
  const std::string text =
      "net n\ninput x f32[4]\na f32[4] = Square(x) @one\nb f32[4] = Square(a) @two\n"
      "loss f32[1] = Sum(b) @sum\n";
  EXPECT_EQ(Added(text, "loss", {"b", "a", "loss", "a"}),
            "grad/loss f32[1] = Fill() dtype=\"f32\" shape=[1] value=1.0 @grad/loss\n"
            "grad/b f32[4] = Spread(grad/loss, b) @grad/sum\n"
            "grad/a f32[4] = SquareGrad(a, grad/b) @grad/two\n"
            "output grad/b\noutput grad/a\noutput grad/loss\noutput grad/a\n");
}

void ExpectError(const std::string& text, const std::vector<std::string>& wrt,
                 absl::StatusCode code, const std::string& message) {
  const absl::StatusOr<Net> net = Grad(text, "loss", wrt);
  EXPECT_EQ(net.status().code(), code);
  EXPECT_EQ(net.status().message(), message);
}

TEST(Differentiate, NotDifferentiable) {
  const std::string text =
      "net n\ninput x f32[4]\nstate w f32[4]\na f32[4] = Mul(x, w) @mul\n"
      "r f32[4] = Round(a) @round\nloss f32[1] = Sum(r) @sum\n";
  ExpectError(text, {"w"}, absl::StatusCode::kInvalidArgument,
              "the gradient of 'w' cannot pass through Round 'round': piecewise constant");
  // Off the path it does no harm.
  const std::string aside =
      "net n\ninput x f32[4]\nstate w f32[4]\nr f32[4] = Round(x) @round\n"
      "t f32[4] = Round(w) @aside\na f32[4] = Mul(r, w) @mul\nloss f32[1] = Sum(a) @sum\n";
  EXPECT_TRUE(Grad(aside, "loss", {"w"}).ok());
}

TEST(Differentiate, NoPathNamesBlobAndOperator) {
  const std::string head = "net n\nstate w f32[4]\nstate v f32[4]\n";
  const std::string tail = "loss f32[1] = Sum(v) @sum\n";
  const absl::StatusCode code = absl::StatusCode::kInvalidArgument;
  ExpectError(head + tail, {"v", "w"}, code, "'w' has no gradient: no operator reads it");
  ExpectError(head + "a f32[4] = Square(w) @one\nb f32[4] = Square(a) @two\n" + tail, {"w"}, code,
              "'w' has no gradient: it does not lead to 'loss'; the last operator on its way is "
              "Square 'two'");
  // Not the first reader ends the path, but a later operator.
  ExpectError(head +
                  "a f32[4] = Square(w) @sq\ns f32[4] = StopGradient(a) @stop\n"
                  "b f32[4] = Mul(s, v) @mul\nloss f32[1] = Sum(b) @sum\n",
              {"w"}, code, "'w' has no gradient: StopGradient 'stop' stops it (a boundary)");
  // A reader that stops gradients but leads nowhere is not to blame.
  ExpectError(head +
                  "aside f32[4] = StopGradient(w) @aside\ns f32[4] = StopGradient(w) @stop\n"
                  "b f32[4] = Mul(s, v) @mul\nloss f32[1] = Sum(b) @sum\n",
              {"w"}, code, "'w' has no gradient: StopGradient 'stop' stops it (a boundary)");
  ExpectError(head +
                  "m f32[4] = Square(w) @sq\nb f32[4] = Gate(v, m) @gate\n"
                  "loss f32[1] = Sum(b) @sum\n",
              {"v", "w"}, code, "'w' has no gradient: Gate 'gate' passes none to its input 1");
}

TEST(Differentiate, WrongTypesOfGradientsAreInternal) {
  ExpectError("net n\nstate w f32[4]\na f32[4] = Lopsided(w) @lop\nloss f32[1] = Sum(a) @sum\n",
              {"w"}, absl::StatusCode::kInternal,
              "gradient of Lopsided 'lop': input 0 is f32[4] but its gradient is f32[1]");
}

TEST(Differentiate, ErrorsOfAMakerNameTheOperator) {
  ExpectError("net n\nstate w f32[4]\na f32[4] = Stubborn(w) @st\nloss f32[1] = Sum(a) @sum\n",
              {"w"}, absl::StatusCode::kUnimplemented, "gradient of Stubborn 'st': will not");
}

TEST(Differentiate, TheLossIsOneFloat) {
  ExpectError("net n\nstate loss f32[4]\n", {"loss"}, absl::StatusCode::kInvalidArgument,
              "the loss 'loss' must have one float element, not f32[4]");
  ExpectError("net n\nstate loss i32[1]\n", {"loss"}, absl::StatusCode::kInvalidArgument,
              "the loss 'loss' must have one float element, not i32[1]");
}

TEST(Differentiate, KeepsAnEarlierError) {
  NetBuilder b(&ToyRegistry(), "n");
  b.Fail(InvalidArgument("earlier"));
  EXPECT_EQ(Differentiate(&b, kNone, {kNone}).status().message(), "earlier");
}

// d(scale * loss)/d(w) against central differences, through Compile.
TEST(Differentiate, MatchesCentralDifferences) {
  const std::string text =
      "net n\ninput x f32[5]\nstate w f32[5]\nstate v f32[5]\n"
      "a f32[5] = Mul(x, w) @a\n"
      "s f32[5], d f32[5] = SumDiff(a, v) @sd\n"
      "q f32[5] = Square(s) @q\n"
      "m f32[5] = Mul(q, d) @m\n"
      "g f32[5] = Gate(m, x) @g\n"
      "t f32[5] = Add(g, w) @t\n"
      "u f32[5] = Mul(t, t) @u\n"
      "h f32[5] = Scale(u) factor=0.125 @h\n"
      "loss f32[1] = Sum(h) @sum\n"
      "output loss\n";
  const float scale = 0.5f;
  Net forward = ParseText(text).value();
  const absl::StatusOr<Net> both = Grad(text, "loss", {"w", "v"}, scale);
  ASSERT_TRUE(both.ok()) << both.status();
  Workspace workspace;
  CompileOptions options;
  options.registry = &ToyRegistry();
  options.backend = &ToyBackend();
  auto exe = Compile(*both, options, &workspace);
  ASSERT_TRUE(exe.ok()) << exe.status();
  RandomStream random(1, Purpose::kNoise);
  for (const char* name : {"x", "w", "v"}) {
    for (float& e : (*exe)->Find(name)->as<float>()) {
      e = static_cast<float>(random.Uniform(0.5, 1.5));
    }
  }
  ASSERT_TRUE((*exe)->Run().ok());
  std::map<std::string, std::vector<float>> grads;
  for (const char* name : {"w", "v"}) {
    const absl::Span<float> g = (*exe)->Find(absl::StrCat("grad/", name))->as<float>();
    grads[name].assign(g.begin(), g.end());
  }
  auto plain = Compile(forward, options, &workspace);
  ASSERT_TRUE(plain.ok()) << plain.status();
  ASSERT_TRUE((*plain)->Use((*exe)->slot()).ok());
  const auto loss = [&] {
    EXPECT_TRUE((*plain)->Run().ok());
    return static_cast<double>((*plain)->Find("loss")->as<float>()[0]);
  };
  for (const char* name : {"w", "v"}) {
    for (size_t i = 0; i < 5; ++i) {
      float& e = workspace.Find(name)->as<float>()[i];
      const float at = e, step = 1e-2f;
      e = at + step;
      const double up = loss();
      e = at - step;
      const double down = loss();
      e = at;
      const double expected = scale * (up - down) / (2.0 * step);
      EXPECT_NEAR(grads[name][i], expected, 2e-3 * std::max(1.0, std::abs(expected)))
          << name << "[" << i << "]";
    }
  }
}

}  // namespace
}  // namespace graph
