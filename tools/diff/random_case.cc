#include "tools/diff/random_case.h"

#include <cmath>
#include <limits>
#include <map>
#include <memory>

#include "graph/base/random.h"
#include "graph/base/status.h"
#include "graph/compiler/compiler.h"
#include "models/training/nets.h"
#include "tools/reference_backend.h"

namespace tools {
namespace {

using graph::Tensor;

constexpr int kClasses = 10;
constexpr float kLearningRate = 1e-6f;
constexpr float kParameterNoise = 0.02f;

uint64_t Word(uint64_t key, uint64_t index) {
  return graph::RandomWord(key, graph::Purpose::kNoise, index);
}

// Standard normal (Box and Muller).
float Normal(uint64_t key, uint64_t index) {
  constexpr double kUnit = 1.0 / 9007199254740992.0;  // 2^-53
  const double u = (static_cast<double>(Word(key, 2 * index) >> 11) + 1) * kUnit;
  const double v = static_cast<double>(Word(key, 2 * index + 1) >> 11) * kUnit;
  return static_cast<float>(std::sqrt(-2 * std::log(u)) * std::cos(2 * M_PI * v));
}

// `value(i)` for each element.
template <typename T, typename Value>
absl::Status Fill(const Tensor& to, const Value& value) {
  std::vector<T> values(static_cast<size_t>(to.type.elements()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(value(i));
  return to.Write(values);
}

absl::Status FeedInput(const std::string& name, uint64_t key, const Tensor& to) {
  switch (to.type.dtype) {
    case graph::DType::kF32:
      return Fill<float>(to, [key](size_t i) { return Normal(key, i); });
    case graph::DType::kI64:
      return Fill<int64_t>(to, [key](size_t i) { return Word(key, i); });
    case graph::DType::kI32:
      return Fill<int32_t>(to, [key](size_t i) { return Word(key, i) % kClasses; });
    default:
      return graph::InvalidArgument("input '", name, "' ", to.type.ToString(),
                                    ": nobody said what random values of this type are");
  }
}

}  // namespace

absl::StatusOr<RandomCase> MakeRandomCase(const graph::SchemaRegistry& registry,
                                          const models::ZooEntry& entry, uint64_t seed) {
  const std::unique_ptr<models::Model> model = entry.make(entry, kClasses);
  ASSIGN_OR_RETURN(models::TrainingNet training,
                   models::BuildTrainingNet(registry, *model, models::AdamW(entry.recipe),
                                            entry.recipe.batch_size, models::MicroStep::kWhole, 1));
  const auto scheduled = model->ScheduledInputs(0, entry.recipe.epochs);
  std::map<std::string, float> scalars(scheduled.begin(), scheduled.end());
  scalars["lr"] = kLearningRate;
  scalars[models::kLossLimit] = std::numeric_limits<float>::infinity();
  const auto feed = [&registry, seed, scalars, parameters = std::move(training.parameters)](
                        graph::Executable* executable) -> absl::Status {
    // Not the side's own backend, so that both sides start from the same values.
    const graph::Backend backend = MakeReferenceBackend();
    const graph::CompileOptions compile{&registry, &backend, {}};
    ASSIGN_OR_RETURN(graph::Net init, models::BuildInitNet(registry, parameters, seed));
    graph::Workspace start(backend.device);
    ASSIGN_OR_RETURN(const std::unique_ptr<graph::Executable> initialize,
                     graph::Compile(std::move(init), compile, &start));
    RETURN_IF_ERROR(initialize->Run());
    for (const models::Parameter& p : parameters) {
      ASSIGN_OR_RETURN(std::vector<float> values, start.Read<float>(p.name));
      const uint64_t key = graph::MixKeys(seed, graph::HashName(p.name));
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] += p.trained() ? kParameterNoise * Normal(key, i) : 0.0f;
      }
      RETURN_IF_ERROR(executable->Write(p.name, absl::MakeConstSpan(values)));
    }
    const graph::Net& net = executable->net();
    for (graph::BlobId b : net.inputs) {
      const std::string& name = net.blob(b).name;
      ASSIGN_OR_RETURN(const Tensor to, executable->Find(name));
      RETURN_IF_ERROR(FeedInput(name, graph::MixKeys(seed, graph::HashName("in/" + name)), to));
      if (const auto given = scalars.find(name); given != scalars.end()) {
        RETURN_IF_ERROR(to.WriteScalar(given->second));
      }
    }
    return absl::OkStatus();
  };
  return RandomCase{std::move(training.net), feed};
}

}  // namespace tools
