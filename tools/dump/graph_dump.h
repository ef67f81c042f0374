// Writes the nets of a program for people and for viewers (--dump_graph).
//
// For every net N, as it runs:
//   N_predict_net.pb, .pbtxt  Caffe2's NetDef (graph/ir/serialize.h); Netron opens
//                             the .pb and finds the init net beside it
//   N_init_net.pb, .pbtxt     one XavierFill or ConstantFill for each state of N,
//                             from which Netron takes the shapes of parameters;
//                             running it gives the initial values
//   N.txt                     the text form (graph/ir/text.h)
//   N.dot, N.blocks.dot       for Graphviz (dot.h): `dot -Tsvg N.blocks.dot -o N.svg`
// and the same with "N_before_passes" for the net as it was built.
#ifndef TOOLS_DUMP_GRAPH_DUMP_H_
#define TOOLS_DUMP_GRAPH_DUMP_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/ir/net.h"

namespace tools {

// Collects nets while they are compiled, and writes them. Not thread-safe.
class GraphDump {
 public:
  // For graph::PipelineOptions::dump and models::SessionOptions::dump. `stage` is the pipeline's:
  // "00_built" starts a net (and forgets an earlier one of that name), any later stage replaces the
  // final net.
  void Add(const std::string& stage, const graph::Net& net);

  // Writes the files of all nets except "init", from which the init nets are made, into `dir`. The
  // folder is made if missing and is relative to where the command was typed
  // (models::ResolveUserPath). Files of those names are replaced, after all are complete
  // (staged_output.h). Returns the names, without the folder, in the order they were written.
  // FAILED_PRECONDITION without a net named "init"; errors of the file system name the folder or
  // the file, and leave what was there.
  absl::StatusOr<std::vector<std::string>> Write(const std::string& dir) const;

 private:
  struct Entry {
    graph::Net before;
    graph::Net after;
  };
  std::vector<Entry> entries_;  // in order of compilation
};

// A net "<net>_init" that sets every state of `net`: by its operator in `init`, or to zero (as in a
// new workspace) if `init` has none. INVALID_ARGUMENT if `init` sets a state of another type.
absl::StatusOr<graph::Net> InitNetFor(const graph::Net& net, const graph::Net& init);

}  // namespace tools

#endif  // TOOLS_DUMP_GRAPH_DUMP_H_
