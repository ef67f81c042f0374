#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/harness/backends.h"
#include "tests/harness/op_case.h"

namespace harness {
namespace {

constexpr int64_t kUnlabelled = 255;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Sizes {
  int64_t batch, grid_h, grid_w, height, width, classes;

  graph::Shape cells() const { return {batch, grid_h * grid_w, classes}; }
  graph::Shape picture() const { return {batch, height, width}; }
  graph::Attrs grid() const { return {{"grid_h", grid_h}, {"grid_w", grid_w}}; }
  graph::Attrs all() const {
    return {{"grid_h", grid_h}, {"grid_w", grid_w}, {"height", height}, {"width", width}};
  }
};

// One cell, one pixel, one class; as large as it is; more pixels, in whole and odd multiples; fewer
// pixels than cells; more classes than a warp has lanes, and all that there may be.
const Sizes kSizes[] = {{1, 1, 1, 1, 1, 1},   {2, 1, 1, 3, 5, 2},   {1, 3, 2, 3, 2, 4},
                        {2, 2, 3, 8, 12, 5},  {1, 3, 4, 10, 7, 11}, {2, 5, 4, 2, 3, 3},
                        {1, 1, 6, 16, 6, 33}, {1, 4, 1, 9, 40, 7},  {1, 2, 2, 5, 3, 255},
                        {1, 2, 1, 40, 30, 97}};

// Each central difference computes everything twice.
bool IsSmall(const graph::Shape& shape) { return graph::NumElements(shape) <= 400; }

OpCase ResizeCase(const Sizes& s) {
  const graph::Shape y = {s.batch, s.height, s.width, s.classes};
  return {"ResizeRows", s.all(), {{F32(s.cells()), Normal(), IsSmall(y)}}, {F32(y)}};
}

OpCase ResizeGradCase(const Sizes& s) {
  const graph::Shape dy = {s.batch, s.height, s.width, s.classes};
  return {"ResizeRowsGrad", s.grid(), {{F32(dy), Normal(), IsSmall(dy)}}, {F32(s.cells())}};
}

OpCase ArgmaxCase(const Sizes& s) {
  return {"ResizedArgmax", s.all(), {{F32(s.cells()), Normal()}}, {U8(s.picture())}};
}

// About one label in five is none.
Generator Labels(int64_t classes) {
  return [classes](HostTensor* labels, graph::RandomStream* random) {
    for (int64_t i = 0; i < labels->size(); ++i) {
      labels->SetInt(
          i, random->Below(5) == 0 ? kUnlabelled : static_cast<int64_t>(random->Below(classes)));
    }
  };
}

OpCase LossCase(const Sizes& s, double std = 1.0) {
  return {"ResizedCrossEntropy",
          s.grid(),
          {{F32(s.cells()), Normal(std), IsSmall(s.cells())}, {U8(s.picture()), Labels(s.classes)}},
          {F32({1}), I32({1})}};
}

OpCase LossGradCase(const Sizes& s) {
  OpCase c = LossCase(s);
  c.type = "ResizedCrossEntropyGrad";
  c.inputs[0].check_gradient = false;
  c.inputs.push_back({I32({1}), Constant(7)});
  c.inputs.push_back({F32({1}), Constant(-1.5)});
  c.outputs = {F32(s.cells())};
  return c;
}

TEST(ResizeRows, Cases) {
  for (const Sizes& s : kSizes) {
    SCOPED_TRACE(absl::StrCat(s.grid_h, "x", s.grid_w, " to ", s.height, "x", s.width));
    RunCase(ResizeCase(s));
    RunCase(ResizeGradCase(s));
    RunCase(ArgmaxCase(s));
    RunCase(LossCase(s));
    RunCase(LossGradCase(s));
  }
}

// Of one run on `backend`; a failed test and zeros where that fails.
std::vector<HostTensor> OutputsOf(const graph::Backend& backend, const std::string& type,
                                  const graph::Attrs& attrs,
                                  const std::vector<HostTensor>& inputs) {
  auto out = RunOn(backend, type, attrs, inputs);
  EXPECT_TRUE(out.ok()) << backend.name << ": " << out.status();
  return out.ok() ? *std::move(out) : std::vector<HostTensor>(2, HostTensor(F32({4096})));
}

TEST(ResizeRows, KnownValues) {
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    // Two cells, eight pixels: the outer ones lie beyond the centres.
    const Sizes line = {1, 1, 2, 1, 8, 1};
    EXPECT_EQ(
        OutputsOf(backend, "ResizeRows", line.all(), {HostTensor(F32(line.cells()), {0, 8})})[0]
            .Values(),
        (std::vector<double>{0, 0, 1, 3, 5, 7, 8, 8}));
    // Fewer pixels than cells take the nearest two, without a mean of the others.
    const Sizes fewer = {1, 6, 1, 2, 1, 1};
    EXPECT_EQ(OutputsOf(backend, "ResizeRows", fewer.all(),
                        {HostTensor(F32(fewer.cells()), {9, 1, 9, 9, 2, 9})})[0]
                  .Values(),
              (std::vector<double>{1, 2}));
  }
}

// ---- A linear segmentation head in the frame of the official fine-tuning code (PyTorch, fp32,
// CPU): 3 images of 32 x 32 pixels, a grid of 4 x 4 patches, 5 classes.

const std::vector<double> kGoldenCoarse = {  // (3, 16, 5)
    0.8657782,    -0.1660978, 1.482071,   -0.7472382, 0.8391647,  1.513329,   0.1743281,
    0.8830926,    -0.6216011, 1.126158,   0.1039473,  0.7523027,  0.6504061,  -1.336206,
    1.158265,     0.1892973,  0.5214285,  0.4125516,  -0.2979998, 0.7238795,  0.6155202,
    0.8897292,    0.172422,   -1.053312,  0.728284,   0.6560212,  0.5496477,  0.01439896,
    -0.8953276,   1.089455,   -0.1481842, 1.495955,   0.1588662,  -0.9755334, 0.5556048,
    -0.08100251,  0.1341269,  1.193006,   -1.297591,  1.351667,   1.187431,   1.246255,
    0.4477098,    -0.8045492, 0.7987951,  0.6452186,  1.051116,   1.393223,   -0.4990594,
    1.587353,     0.8276145,  1.119161,   0.7689902,  -1.584694,  1.176197,   -0.1751413,
    0.5111961,    1.368209,   -1.906579,  1.547425,   0.08482572, -0.271007,  0.5616293,
    -0.8898422,   1.817993,   -0.1445511, 0.1739738,  1.389974,   -1.451745,  1.464653,
    0.883942,     1.262084,   1.749625,   -1.248243,  2.208719,   0.9680374,  1.833145,
    0.3246389,    -1.913873,  0.8987238,  0.2934824,  0.3823854,  1.01114,    -1.182033,
    0.5781992,    1.385189,   -0.4302125, 1.070488,   -1.558657,  0.8556899,  0.6962848,
    0.6157196,    1.568717,   -2.140414,  0.7480657,  -0.5687569, -0.1256832, 0.8827024,
    -1.385825,    1.41688,    0.01453017, -0.6128415, 0.7224309,  -1.413838,  0.3549971,
    0.6209592,    0.4140256,  0.8835122,  -1.885243,  0.5312941,  -0.1593059, 0.4252305,
    1.408991,     -1.755939,  1.046522,   0.2009843,  0.2679488,  1.452236,   -1.744928,
    1.153216,     -0.1079118, -1.177061,  1.126995,   -1.773338,  0.9100116,  0.5882427,
    -0.7344319,   1.725523,   -1.597797,  1.350632,   0.2640909,  -0.4258658, 1.915491,
    -1.499959,    1.612651,   -0.1291937, 0.6779039,  1.309129,   -1.529692,  1.533317,
    -0.005182661, -0.9382661, 1.159751,   -1.960202,  0.9263549,  0.4161827,  1.346944,
    1.879289,     -2.358405,  0.5172317,  -0.3818722, -0.1853068, 1.489085,   -1.670948,
    1.855913,     -0.338498,  0.3134021,  1.762417,   -1.591812,  1.252682,   1.176599,
    1.576265,     1.086292,   -1.159253,  0.4369396,  1.338109,   1.288755,   0.04064397,
    -0.479913,    0.8218061,  0.3683151,  0.4231916,  0.1161057,  -1.004971,  0.899276,
    1.390095,     0.6793419,  0.8993399,  -1.666551,  1.034183,   0.3461611,  -0.6972138,
    0.9292107,    -1.852935,  1.354357,   0.9351795,  -0.2575142, 1.70235,    -0.1356688,
    1.986322,     0.8553867,  0.8159344,  0.8456636,  -1.283854,  0.8745938,  0.5704759,
    0.2728711,    0.8835961,  -1.490813,  0.2995515,  0.5165969,  1.36613,    0.3634976,
    -1.553141,    0.685285,   0.8605449,  0.8594222,  0.6526,     -0.6218529, 1.515893,
    1.594772,     -0.4553403, 0.06920699, -1.000916,  1.729405,   1.280672,   1.024377,
    0.5522858,    -1.550209,  1.155144,   1.355535,   0.4525055,  0.8803663,  -1.074118,
    0.4836688,    0.2742982,  -0.2111444, 1.635091,   -0.5333726, 2.397314,   0.5805542,
    1.272747,     1.680868,   -0.9614499, 2.390876,   0.6428521,  1.447957,   0.7306575,
    -1.422165,    1.678514};

struct PixelLogits {
  int image, y, x;
  double logits[5];
};
const PixelLogits kGoldenPixels[] = {
    {0, 3, 4, {0.9062501, -0.1448212, 1.444635, -0.7393859, 0.8571018}},
    {0, 31, 31, {0.9680374, 1.833145, 0.324639, -1.913873, 0.8987238}},
    {1, 0, 17, {0.9115673, 0.2888658, 1.413021, -1.958615, 0.7816982}},
    {1, 12, 11, {0.5806621, 0.28035, 0.9243615, -1.840342, 0.5704517}},
    {1, 27, 28, {-0.3254165, 0.3361835, 1.734086, -1.587929, 1.270222}},
    {2, 7, 30, {1.031512, 0.5015109, 0.8924519, -1.589666, 0.7127815}},
    {2, 13, 22, {0.9032766, 0.5263854, 0.7380146, -1.315536, 0.855216}}};

// (3, 32, 32), a character a pixel; '.': 255.
constexpr char kGoldenLabels[] =
    "..444443333333333333311111111111..444443333333333333311111111111"
    "..444443333333333333311111111111..44444333......................"
    "..44444333........................44444333......................"
    "..444443333333333333311111111111..444441111111000000000000001111"
    "..444441111111000000000000001111..444441111111000000000000001111"
    "..444441111111000000000000001111..444441111111000000000000001111"
    "..444441111111000000000000001111..444441111111000000000000001111"
    "..333330000000111111111111111111..333330000000111111111111111111"
    "..333330000000111111111111111111..333330000000111111111111111111"
    "..333330000000111111111111111111..333330000000111111111111111111"
    "..333330000000111111111111111111..444443333333333333333333333333"
    "..444443333333333333333333333333..444443333333333333333333333333"
    "..444443333333333333333333333333..444443333333333333333333333333"
    "..444443333333333333333333333333..444443333333333333333333333333"
    "..333334444444444444422222222222..333334444444444444422222222222"
    "..333334444444444444422222222222..333334444444444444422222222222"
    "1111111444444433333331111111222211111114444444333333311111112222"
    "111111144444443333333111111122221111111444......................"
    "1111111444......................1111111444......................"
    "1111111444444433333331111111222200000003333333333333333333331111"
    "0000000333333333333333333333111100000003333333333333333333331111"
    "0000000333333333333333333333111100000003333333333333333333331111"
    "0000000333333333333333333333111100000003333333333333333333331111"
    "0000000222222233333330000000000000000002222222333333300000000000"
    "0000000222222233333330000000000000000002222222333333300000000000"
    "0000000222222233333330000000000000000002222222333333300000000000"
    "0000000222222233333330000000000011111112222222333333311111113333"
    "1111111222222233333331111111333311111112222222333333311111113333"
    "1111111222222233333331111111333311111112222222333333311111113333"
    "1111111222222233333331111111333311111112222222333333311111113333"
    "1111111333333300000000000000444411111113333333000000000000004444"
    "1111111333333300000000000000444411111113333333000000000000004444"
    "1111111000000033333334444444333311111110000000333333344444443333"
    "111111100000003333333444444433331111111000......................"
    "1111111000......................1111111000......................"
    "1111111000000033333334444444333300000001111111222222222222220000"
    "0000000111111122222222222222000000000001111111222222222222220000"
    "0000000111111122222222222222000000000001111111222222222222220000"
    "0000000111111122222222222222000000000001111111222222222222220000"
    "2222222444444433333333333333000022222224444444333333333333330000"
    "2222222444444433333333333333000022222224444444333333333333330000"
    "2222222444444433333333333333000022222224444444333333333333330000"
    "2222222444444433333333333333000011111114444444444444411111114444"
    "1111111444444444444441111111444411111114444444444444411111114444"
    "1111111444444444444441111111444411111114444444444444411111114444"
    "1111111444444444444441111111444411111114444444444444411111114444"
    "0000000444444400000002222222000000000004444444000000022222220000"
    "0000000444444400000002222222000000000004444444000000022222220000";

constexpr double kGoldenLoss = 2.18850017;
// Its gradient with respect to the head's bias, which is the sum over the patches.
constexpr double kGoldenBiasGradient[] = {-0.03088591, -0.06669478, 0.1712739, -0.2435523,
                                          0.1698591};

// By torch's interpolate and cross_entropy(ignore_index=255).
TEST(ResizeRows, AreThoseOfPyTorch) {
  const Sizes s = {3, 4, 4, 32, 32, 5};
  const HostTensor x(F32(s.cells()), kGoldenCoarse);
  HostTensor labels(U8(s.picture()));
  for (int64_t i = 0; i < labels.size(); ++i) {
    const char label = kGoldenLabels[i];
    labels.SetInt(i, label == '.' ? kUnlabelled : label - '0');
  }
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const HostTensor logits = OutputsOf(backend, "ResizeRows", s.all(), {x})[0];
    const HostTensor answers = OutputsOf(backend, "ResizedArgmax", s.all(), {x})[0];
    for (const auto& pixel : kGoldenPixels) {
      const int64_t at = (pixel.image * 32 + pixel.y) * 32 + pixel.x;
      for (int k = 0; k < 5; ++k) {
        EXPECT_NEAR(logits.Get(at * 5 + k), pixel.logits[k], 1e-6) << at << ", " << k;
        EXPECT_LE(pixel.logits[k], pixel.logits[answers.GetInt(at)]) << at;
      }
    }
    const std::vector<HostTensor> loss =
        OutputsOf(backend, "ResizedCrossEntropy", s.grid(), {x, labels});
    EXPECT_NEAR(loss[0].Get(0), kGoldenLoss, 1e-6);
    EXPECT_EQ(loss[1].GetInt(0), 3072 - 262);
    const HostTensor gradient = OutputsOf(backend, "ResizedCrossEntropyGrad", s.grid(),
                                          {x, labels, loss[1], HostTensor(F32({1}), {1})})[0];
    for (int k = 0; k < 5; ++k) {
      double sum = 0;
      for (int64_t cell = 0; cell < 48; ++cell) sum += gradient.Get(cell * 5 + k);
      EXPECT_NEAR(sum, kGoldenBiasGradient[k], 1e-6) << k;
    }
  }
}

TEST(ResizeRows, OfEqualClassesTheLowestIsTheAnswer) {
  const Sizes s = {1, 1, 2, 1, 4, 3};
  for (const graph::Backend& backend : TestBackends()) {
    EXPECT_EQ(OutputsOf(backend, "ResizedArgmax", s.all(),
                        {HostTensor(F32(s.cells()), {5, 5, 1, 2, 7, 7})})[0]
                  .IntValues(),
              (std::vector<int64_t>{0, 1, 1, 1}))
        << backend.name;
  }
}

TEST(ResizeRows, LargeLogitsDoNotOverflow) {
  OpCase c = LossCase({2, 2, 3, 8, 12, 5}, 500.0);
  c.inputs[0].check_gradient = false;
  RunCase(c);
  const auto out = Reference(c.type, c.attrs, MakeInputs(c));
  ASSERT_EQ(out.size(), 2u);
  EXPECT_TRUE(std::isfinite(out[0].Get(0)));
}

TEST(ResizeRows, PixelsWithoutLabelDoNotCount) {
  const Sizes s = {2, 1, 2, 2, 4, 2};
  const HostTensor x(F32(s.cells()), {0, 1, 5, 1, kNan, kNan, kNan, kNan});
  std::vector<double> of_pixels(16, kUnlabelled);
  of_pixels[0] = of_pixels[4] = 0;  // left of the centre of the first cell
  const HostTensor labels(U8(s.picture()), of_pixels), one(F32({1}), {1});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto loss = OutputsOf(backend, "ResizedCrossEntropy", s.grid(), {x, labels});
    EXPECT_NEAR(loss[0].Get(0), 1.3132616875182228, 1e-6);  // log(1 + e)
    EXPECT_EQ(loss[1].GetInt(0), 2);
    const HostTensor gradient =
        OutputsOf(backend, "ResizedCrossEntropyGrad", s.grid(), {x, labels, loss[1], one})[0];
    const double expected[] = {-0.7310585786300049, 0.7310585786300049, 0, 0, 0, 0, 0, 0};
    for (int i = 0; i < 8; ++i) EXPECT_NEAR(gradient.Get(i), expected[i], 1e-6) << i;
  }
}

TEST(ResizeRows, NoPixelIsLabelled) {
  const Sizes s = {1, 2, 2, 4, 6, 3};
  const HostTensor x(F32(s.cells()), std::vector<double>(12, kNan));
  const HostTensor labels(U8(s.picture()), std::vector<double>(24, kUnlabelled));
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    const auto loss = OutputsOf(backend, "ResizedCrossEntropy", s.grid(), {x, labels});
    EXPECT_EQ(loss[0].Get(0), 0.0);
    EXPECT_EQ(loss[1].GetInt(0), 0);
    EXPECT_EQ(OutputsOf(backend, "ResizedCrossEntropyGrad", s.grid(),
                        {x, labels, loss[1], HostTensor(F32({1}), {1})})[0]
                  .Values(),
              std::vector<double>(12, 0.0));
  }
}

TEST(ResizeRows, ALabelBeyondTheClassesIsAFaultThatNamesThePixel) {
  const Sizes s = {2, 2, 2, 4, 6, 3};
  const HostTensor x = Random(F32(s.cells()), 1), one(F32({1}), {1}), count(I32({1}), {48});
  for (const graph::Backend& backend : TestBackends()) {
    SCOPED_TRACE(backend.name);
    for (int64_t label : {3, 254}) {
      HostTensor labels(U8(s.picture()));
      labels.SetInt(5, kUnlabelled);
      labels.SetInt(41, label);
      for (const absl::Status& status :
           {RunOn(backend, "ResizedCrossEntropy", s.grid(), {x, labels}).status(),
            RunOn(backend, "ResizedCrossEntropyGrad", s.grid(), {x, labels, count, one})
                .status()}) {
        EXPECT_EQ(status.code(), absl::StatusCode::kOutOfRange) << status;
        const std::string message =
            absl::StrCat("u8[2,4,6] is ", label, " at element 41, and must be below 3");
        EXPECT_NE(status.ToString().find(message), std::string::npos) << status;
      }
    }
  }
}

TEST(ResizeRows, RefusesBadInputs) {
  const Sizes s = {2, 2, 3, 4, 6, 5};
  const auto with = [&](const std::string& attr, int64_t value) {
    graph::Attrs attrs = s.all();
    attrs[attr] = value;
    return attrs;
  };
  for (const char* type : {"ResizeRows", "ResizedArgmax"}) {
    ExpectRefused(type, s.all(), {F32({2, 7, 5})}, "has 7 rows, but a grid of 2 x 3 has 6 cells");
    ExpectRefused(type, s.all(), {F32({2, 2, 3, 5})}, "input 0");
    ExpectRefused(type, s.all(), {I32({2, 6, 5})}, "input 0");
    ExpectRefused(type, s.all(), {F32({2, 6, 0})}, "input 0 (x)");
    ExpectRefused(type, with("grid_h", 0), {F32({2, 6, 5})}, "grid_h=0, grid_w=3");
    ExpectRefused(type, with("width", 16385), {F32({2, 6, 5})}, "height=4, width=16385");
  }
  ExpectRefused("ResizedArgmax", s.all(), {F32({2, 6, 256})}, "has 256 classes");
  ExpectRefused("ResizeRowsGrad", s.grid(), {F32({2, 4, 6})}, "input 0");
  ExpectRefused("ResizeRowsGrad", s.grid(), {F32({2, 4, 0, 5})}, "input 0 (dy)");
  const graph::TensorType x = F32(s.cells()), labels = U8(s.picture());
  const std::string loss = "ResizedCrossEntropy", grad = "ResizedCrossEntropyGrad";
  ExpectRefused(loss, s.grid(), {x, I32(s.picture())}, "input 1");
  ExpectRefused(loss, s.grid(), {x, U8({2, 24})}, "input 1");
  ExpectRefused(loss, s.grid(), {x, U8({3, 4, 6})}, "input 1 (labels)");
  ExpectRefused(loss, s.grid(), {F32({2, 6, 256}), labels}, "has 256 classes");
  ExpectRefused(loss, s.grid(), {F32({65536, 6, 5}), U8({65536, 256, 256})}, "at most 2147483647");
  ExpectRefused(grad, s.grid(), {x, labels, I64({1}), F32({1})}, "input 2");
  ExpectRefused(grad, s.grid(), {x, labels, I32({1}), F32({2})}, "input 3");
  ExpectRefused(grad, s.grid(), {x, labels, I32({1}), F64({1})}, "input 3");
}

}  // namespace
}  // namespace harness
