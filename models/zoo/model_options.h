// What models of one family take beside ModelConfig and RecipeConfig, with the flags that set it.
#ifndef MODELS_ZOO_MODEL_OPTIONS_H_
#define MODELS_ZOO_MODEL_OPTIONS_H_

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/variant.h"
#include "models/zoo/flag.h"

namespace models {

struct ModelConfig;

// What a flag has to do with, so that each tool takes or shows those that concern it.
enum class FlagScope {
  kNet,      // what the tensors of a model are, and its input; goes with exported weights
  kStep,     // what else a training step computes, and on which data
  kCompute,  // how a net is computed: where, in which precision, by which passes
  kRun,      // the rest of a training run: what it prints, saves and evaluates
};

// One flag of a model. What a model's flag says is computed, so a run that is resumed keeps it.
struct ModelFlag {
  using Field = absl::variant<int64_t*, double*, bool*, std::string*>;
  enum class Place {  // in --help and flags.txt
    kFamily,          // a group of the family's name
    kPrecision,       // after --precision
    kCompatibility,   // among those accepted for compatibility
  };

  absl::string_view name;  // with underscores
  Field field;             // of the options that the row is of; bool: a switch
  FlagRule rule;
  absl::string_view value;  // for --help: "N", "X", or the choices "a|b"; "": a switch
  absl::string_view help;
  // Why the flag says nothing beside the other values; empty where it does say something.
  absl::string_view no_effect = {};
  const char* fallback = kOfTheModel;  // for --help: what holds without the flag
  Place place = Place::kFamily;
  FlagScope scope = FlagScope::kNet;

  // The error names the flag and the text.
  absl::Status Set(absl::string_view text) const;
  std::string Text() const;
};

// A part of the net whose products have a precision of their own.
struct ProductPrecision {
  absl::string_view flag;
  absl::string_view part;  // "guide" (graph/ir/part.h)
  std::string precision;   // "same" (as --precision), "bf16" or "int8"
};

// The families of one zoo have different flags. Thread-safe while const.
class ModelOptions {
 public:
  virtual ~ModelOptions() = default;
  virtual std::unique_ptr<ModelOptions> Clone() const = 0;
  // What the models are called in --help and in errors: "DropPos". A literal, as are the views in
  // ModelFlag: rows outlive the options.
  virtual absl::string_view family() const = 0;

  // Rows bound to the fields of this object, in the order of --help.
  virtual std::vector<ModelFlag> Flags() = 0;
  // Once the flags in `given` have set their fields: sets what follows from these where no flag
  // says it, and checks everything. `model` has passed Validate. InvalidArgument names flags,
  // values and the way out.
  virtual absl::Status Resolve(const ModelConfig& model, const std::set<std::string>& given) = 0;

  // ModelConfig::final_norm of the models.
  virtual std::string final_norm() const { return "norm"; }
  // What holds of a micro-batch of so many images. InvalidArgument names flags and the way out.
  virtual absl::Status CheckBatch(int64_t /*batch_size*/) const { return absl::OkStatus(); }
  // Its multiples pass.
  virtual int64_t batch_multiple() const { return 1; }
  virtual std::vector<ProductPrecision> Precisions() const { return {}; }
  // Whether each micro-batch of a window updates (UpdateWhen::kMicroStep).
  virtual bool step_every_micro_batch() const { return false; }
};

}  // namespace models

#endif  // MODELS_ZOO_MODEL_OPTIONS_H_
