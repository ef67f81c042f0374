// --protocol=knn.
#include <cmath>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "graph/base/counted.h"
#include "graph/base/status.h"
#include "tools/evaluation/image_progress.h"
#include "tools/evaluation/knn_protocol.h"
#include "tools/evaluation/protocol.h"
#include "tools/flags/command_line.h"

namespace tools {
namespace {

class EvaluateKnn : public Protocol {
 public:
  std::string name() const override { return "knn"; }
  std::string summary() const override { return "finds images of the same class"; }

  void AddFlags(CLI::App* app) override {
    app->add_option("--k", knn_.k, "neighbours")
        ->group(Group(name()))
        ->check(Between(1, 1'000'000))
        ->type_name("N")
        ->capture_default_str();
    app->add_option("--temperature", knn_.temperature,
                    "a neighbour's vote is exp(similarity / temperature)")
        ->group(Group(name()))
        ->type_name("T")
        ->capture_default_str();
  }

  absl::Status CheckFlags() const override {
    if (knn_.temperature > 0 && std::isfinite(knn_.temperature)) return absl::OkStatus();
    return graph::InvalidArgument("--temperature=", knn_.temperature,
                                  " is not a finite number above 0");
  }

  absl::StatusOr<Measured> Run(Evaluation* evaluation) override {
    RETURN_IF_ERROR(CheckLabels(*evaluation->data.train, evaluation->held_out.get()));
    const FrozenFlags& frozen = evaluation->frozen;
    KnnProtocolOptions options;
    options.knn = knn_;
    options.knn.threads = evaluation->flags.threads;
    options.cls = frozen.feature != "mean";
    options.mean = frozen.feature != "cls";
    options.max_train_images = frozen.max_train_images;
    options.load = evaluation->LoadOptions();
    std::unique_ptr<ImageProgress> progress;
    options.on_images = [&progress](int64_t images) { progress->Done(images); };
    graph::Workspace workspace(evaluation->compile.backend->device);
    ASSIGN_OR_RETURN(
        const std::unique_ptr<KnnProtocol> protocol,
        KnnProtocol::Create(evaluation->trained.entry().model, options, evaluation->compile,
                            evaluation->flags.batch_size, &workspace));
    RETURN_IF_ERROR(evaluation->Load(protocol->parameters(), &workspace));
    const SpreadDataset train(evaluation->data.train.get(), frozen.max_train_images);
    progress = std::make_unique<ImageProgress>(&evaluation->log, evaluation->screen,
                                               train.size() + evaluation->held_out->size());
    ASSIGN_OR_RETURN(const KnnReport report,
                     protocol->Run(*evaluation->data.train, *evaluation->held_out));
    progress.reset();
    std::cout << KnnText(report);
    return Measured{
        absl::StrCat("classes of ", graph::Counted(report.held_out_images, "held-out image"),
                     " by ", graph::Counted(report.train_images, "training image")),
        KnnJson(report)};
  }

 private:
  KnnOptions knn_;
};

}  // namespace

std::unique_ptr<Protocol> MakeKnnProtocol() { return std::make_unique<EvaluateKnn>(); }

}  // namespace tools
