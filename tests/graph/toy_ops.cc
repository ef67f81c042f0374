#include "tests/graph/toy_ops.h"

#include "graph/schema/gradient.h"

namespace graph {
namespace {

using Types = absl::StatusOr<std::vector<TensorType>>;

Schema Unary(const std::string& type, const std::string& doc) {
  Schema schema(type, doc);
  schema.Input("x", "(...)", RowUse::kSameRow).Output("y", "(...)");
  schema.SameTypeAsInput().ElementwiseCost(1);
  return schema;
}

Schema Binary(const std::string& type, const std::string& doc, const std::string& a,
              const std::string& b, const std::string& y) {
  Schema schema(type, doc);
  schema.Input(a, "(...)", RowUse::kSameRow).Input(b, "(...)", RowUse::kSameRow);
  schema.Output(y, "(...)").ElementwiseCost(1);
  schema.Infer([](const InferContext& c) -> Types {
    RETURN_IF_ERROR(ExpectSameType(c, 1, 0));
    return Types({c.in(0)});
  });
  return schema;
}

absl::Status AddGradient(GradientBuilder* g) {
  g->SetGrad(0, g->GradOut(0));
  g->SetGrad(1, g->GradOut(0));
  return absl::OkStatus();
}

absl::Status MulGradient(GradientBuilder* g) {
  if (g->NeedsGrad(0)) g->SetGrad(0, g->Op("Mul", {g->GradOut(0), g->In(1)}, {}, "a"));
  if (g->NeedsGrad(1)) g->SetGrad(1, g->Op("Mul", {g->GradOut(0), g->In(0)}, {}, "b"));
  return absl::OkStatus();
}

// d(sum) and d(diff) may each be missing, but not both.
absl::Status SumDiffGradient(GradientBuilder* g) {
  const BlobId sum = g->GradOut(0), diff = g->GradOut(1);
  if (diff == kNone) {
    g->SetGrad(0, sum);
    g->SetGrad(1, sum);
    return absl::OkStatus();
  }
  const BlobId minus = g->Op("Scale", {diff}, {{"factor", -1.0f}}, "minus");
  g->SetGrad(0, sum == kNone ? diff : g->Op("Add", {sum, diff}, {}, "a"));
  g->SetGrad(1, sum == kNone ? minus : g->Op("Add", {sum, minus}, {}, "b"));
  return absl::OkStatus();
}

void AddSchemas(SchemaRegistry* r) {
  r->Add(Schema("Fill", "constant")
             .Output("y", "(shape)")
             .Attr("value", 0.0f, "of every element")
             .Attr("shape", std::vector<int64_t>(), "of y")
             .Attr("dtype", std::string(), "of y")
             .Infer([](const InferContext& c) -> Types {
               const absl::optional<DType> dtype = ParseDType(c.op.Str("dtype"));
               if (!dtype) return InvalidArgument(c.op.Describe(), ": bad dtype");
               const std::vector<int64_t>& dims = c.op.Ints("shape");
               return Types({TensorType{*dtype, Shape(dims.begin(), dims.end())}});
             })
             .ElementwiseCost(0)
             .NoGradient("a constant"));
  r->Add(
      Binary("Add", "y = a + b", "a", "b", "y").InPlace(0, 0).InPlace(1, 0).Gradient(AddGradient));
  r->Add(Binary("Mul", "y = a * b", "a", "b", "y").Gradient(MulGradient));
  r->Add(Unary("Square", "y = x * x").Gradient([](GradientBuilder* g) {
    g->SetGrad(0, g->Op("SquareGrad", {g->In(0), g->GradOut(0)}));
    return absl::OkStatus();
  }));
  r->Add(Binary("SquareGrad", "dx = 2 * x * dy", "x", "dy", "dx")
             .NotDifferentiable("a gradient operator"));
  r->Add(Unary("Scale", "y = factor * x")
             .OptionalAttr("factor", 1.0f, "multiplies")
             .InPlace(0, 0)
             .Gradient([](GradientBuilder* g) {
               g->SetGrad(
                   0, g->Op("Scale", {g->GradOut(0)}, {{"factor", g->forward().Float("factor")}}));
               return absl::OkStatus();
             }));
  r->Add(Schema("Sum", "sum of all elements")
             .Input("x", "(...)", RowUse::kAllRows)
             .Output("y", "(1)")
             .Infer([](const InferContext& c) -> Types {
               RETURN_IF_ERROR(ExpectFloat(c, 0));
               return Types({TensorType{c.in(0).dtype, {1}}});
             })
             .Cost([](const Op&, absl::Span<const TensorType> in, absl::Span<const TensorType>) {
               return Cost{in[0].elements(), static_cast<int64_t>(in[0].bytes())};
             })
             .Gradient([](GradientBuilder* g) {
               g->SetGrad(0, g->Op("Spread", {g->GradOut(0), g->In(0)}));
               return absl::OkStatus();
             }));
  r->Add(Schema("Spread", "dx[i] = dy[0]")
             .Input("dy", "(1)", RowUse::kNone)
             .Input("x", "(...)", RowUse::kNone)
             .Output("dx", "(...)")
             .Infer([](const InferContext& c) -> Types {
               RETURN_IF_ERROR(ExpectShape(c, 0, {1}));
               RETURN_IF_ERROR(ExpectSameDType(c, 1, 0));
               return Types({c.in(1)});
             })
             .ElementwiseCost(0)
             .NotDifferentiable("a gradient operator"));
  r->Add(Schema("SumDiff", "sum = a + b, diff = a - b")
             .Input("a", "(...)", RowUse::kSameRow)
             .Input("b", "(...)", RowUse::kSameRow)
             .Output("sum", "(...)")
             .Output("diff", "(...)")
             .SameTypeAsInput()
             .ElementwiseCost(2)
             .Gradient(SumDiffGradient));
  r->Add(Binary("Gate", "y = x * mask", "x", "mask", "y").Gradient([](GradientBuilder* g) {
    g->SetGrad(0, g->Op("Gate", {g->GradOut(0), g->In(1)}));
    return absl::OkStatus();
  }));
  r->Add(Unary("StopGradient", "a boundary").NoGradient("a boundary"));
  r->Add(Unary("Round", "nearest integer").NotDifferentiable("piecewise constant"));
  r->Add(Schema("SumN", "sum of all inputs")
             .VariadicInput("x", "(...)", RowUse::kSameRow)
             .Output("y", "(...)")
             .SameTypeAsInput()
             .ElementwiseCost(1)
             .NoGradient("only for building"));
  r->Add(Schema("Bias", "y = x + b")
             .Input("x", "(...)", RowUse::kSameRow)
             .OptionalInput("b", "(...)", RowUse::kSameRow)
             .Output("y", "(...)")
             .SameTypeAsInput()
             .ElementwiseCost(1)
             .NoGradient("only for building"));
  r->Add(Unary("Tagged", "a copy with attributes")
             .Attr("count", int64_t{0}, "an integer")
             .OptionalAttr("rate", 0.5f, "a float")
             .OptionalAttr("label", std::string(), "a string")
             .OptionalAttr("dims", std::vector<int64_t>(), "a list")
             .InPlace(0, 0)
             .NoGradient("only for building"));
  r->Add(Unary("Weighted", "a copy with weights")
             .Attr("weights", std::vector<float>{1.0f}, "a list")
             .InPlace(0, 0)
             .NoGradient("only for building"));
  r->Add(Unary("Lopsided", "a copy").Gradient([](GradientBuilder* g) {
    g->SetGrad(0, g->Op("Sum", {g->GradOut(0)}));
    return absl::OkStatus();
  }));
  r->Add(Unary("Stubborn", "a copy").Gradient([](GradientBuilder*) {
    return absl::UnimplementedError("will not");
  }));
  r->Add(Unary("Burst", "a copy that may fail").NoGradient("only for running"));
  r->Add(Unary("Reverse", "in reverse order").NoGradient("only for running"));
  r->Add(Unary("Orphan", "has no kernel").NoGradient("only for placing"));
}

// A kernel from a function of the inputs, the outputs and a number of elements.
using Body = absl::Status (*)(const KernelArgs& args, int64_t n, float attr);

class BodyKernel : public Kernel {
 public:
  BodyKernel(Body body, int64_t n, float attr, size_t scratch)
      : body_(body), n_(n), attr_(attr), scratch_(scratch) {}
  size_t scratch_bytes() const override { return scratch_; }
  absl::Status Run() override { return body_(args(), n_, attr_); }

 private:
  Body body_;
  int64_t n_;
  float attr_;
  size_t scratch_;
};

const float* In(const KernelArgs& args, int i) { return static_cast<const float*>(args.inputs[i]); }
float* Out(const KernelArgs& args, int i) { return static_cast<float*>(args.outputs[i]); }

void AddKernel(KernelTable* table, const std::string& type, Body body, const std::string& attr = "",
               bool scratch = false) {
  table->Add(type, [=](const KernelSpec& spec) -> absl::StatusOr<std::unique_ptr<Kernel>> {
    for (const TensorType& t : spec.outputs) {
      if (t.dtype != DType::kF32) {
        return absl::UnimplementedError(absl::StrCat("only f32, not ", DTypeName(t.dtype)));
      }
    }
    // Of the input where there is one: Sum runs over it.
    const TensorType& over = type == "Sum" ? spec.in(0) : spec.out(0);
    return std::make_unique<BodyKernel>(body, over.elements(),
                                        attr.empty() ? 0.0f : spec.op->Float(attr),
                                        scratch ? over.bytes() : 0);
  });
}

absl::Status Copy(const KernelArgs& a, int64_t n, float) {
  for (int64_t i = 0; i < n; ++i) Out(a, 0)[i] = In(a, 0)[i];
  return absl::OkStatus();
}

absl::Status Multiply(const KernelArgs& a, int64_t n, float) {
  for (int64_t i = 0; i < n; ++i) Out(a, 0)[i] = In(a, 0)[i] * In(a, 1)[i];
  return absl::OkStatus();
}

absl::Status SumInputs(const KernelArgs& a, int64_t n, float) {
  for (int64_t i = 0; i < n; ++i) {
    float sum = 0;
    for (size_t k = 0; k < a.inputs.size(); ++k) sum += In(a, static_cast<int>(k))[i];
    Out(a, 0)[i] = sum;
  }
  return absl::OkStatus();
}

void AddKernels(KernelTable* t) {
  AddKernel(
      t, "Fill",
      [](const KernelArgs& a, int64_t n, float value) {
        for (int64_t i = 0; i < n; ++i) Out(a, 0)[i] = value;
        return absl::OkStatus();
      },
      "value");
  AddKernel(t, "Add", SumInputs);
  AddKernel(t, "SumN", SumInputs);
  AddKernel(t, "Bias", SumInputs);
  AddKernel(t, "Mul", Multiply);
  AddKernel(t, "Gate", Multiply);
  AddKernel(t, "Square", [](const KernelArgs& a, int64_t n, float) {
    for (int64_t i = 0; i < n; ++i) Out(a, 0)[i] = In(a, 0)[i] * In(a, 0)[i];
    return absl::OkStatus();
  });
  AddKernel(t, "SquareGrad", [](const KernelArgs& a, int64_t n, float) {
    for (int64_t i = 0; i < n; ++i) Out(a, 0)[i] = 2 * In(a, 0)[i] * In(a, 1)[i];
    return absl::OkStatus();
  });
  AddKernel(
      t, "Scale",
      [](const KernelArgs& a, int64_t n, float factor) {
        for (int64_t i = 0; i < n; ++i) Out(a, 0)[i] = factor * In(a, 0)[i];
        return absl::OkStatus();
      },
      "factor");
  AddKernel(t, "Sum", [](const KernelArgs& a, int64_t n, float) {
    float sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += In(a, 0)[i];
    Out(a, 0)[0] = sum;
    return absl::OkStatus();
  });
  AddKernel(t, "Spread", [](const KernelArgs& a, int64_t n, float) {
    for (int64_t i = 0; i < n; ++i) Out(a, 0)[i] = In(a, 0)[0];
    return absl::OkStatus();
  });
  AddKernel(t, "SumDiff", [](const KernelArgs& a, int64_t n, float) {
    for (int64_t i = 0; i < n; ++i) {
      Out(a, 0)[i] = In(a, 0)[i] + In(a, 1)[i];
      Out(a, 1)[i] = In(a, 0)[i] - In(a, 1)[i];
    }
    return absl::OkStatus();
  });
  AddKernel(t, "StopGradient", Copy);
  AddKernel(t, "Tagged", Copy);
  AddKernel(t, "Weighted", Copy);
  AddKernel(t, "Round", [](const KernelArgs& a, int64_t n, float) {
    for (int64_t i = 0; i < n; ++i)
      Out(a, 0)[i] = static_cast<float>(static_cast<int>(In(a, 0)[i]));
    return absl::OkStatus();
  });
  AddKernel(t, "Burst", [](const KernelArgs& a, int64_t n, float) {
    if (n > 0 && In(a, 0)[0] < 0) return InvalidArgument("the first element is negative");
    return Copy(a, n, 0);
  });
  AddKernel(
      t, "Reverse",
      [](const KernelArgs& a, int64_t n, float) {
        float* scratch = static_cast<float*>(a.scratch);
        for (int64_t i = 0; i < n; ++i) scratch[i] = In(a, 0)[i];
        for (int64_t i = 0; i < n; ++i) Out(a, 0)[i] = scratch[n - 1 - i];
        return absl::OkStatus();
      },
      "", true);
}

}  // namespace

const SchemaRegistry& ToyRegistry() {
  static const SchemaRegistry* const kRegistry = [] {
    auto* registry = new SchemaRegistry();
    AddSchemas(registry);
    return registry;
  }();
  return *kRegistry;
}

const Backend& ToyBackend() {
  static const Backend* const kBackend = [] {
    auto* backend = new Backend();
    backend->name = "toy";
    backend->description = "plain loops";
    AddKernels(&backend->kernels);
    return backend;
  }();
  return *kBackend;
}

}  // namespace graph
