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
// and the same with "N_before_passes" for N: the net as it was built.
#ifndef TOOLS_DUMP_GRAPH_DUMP_H_
#define TOOLS_DUMP_GRAPH_DUMP_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "graph/ir/net.h"

namespace tools {

// Collects nets as they are compiled, and writes them. Not thread-safe.
class GraphDump {
 public:
  // For graph::PipelineOptions::dump and models::SessionOptions::dump. `stage` is
  // the pipeline's: "00_built" starts a net (and forgets an earlier one of that
  // name), any later stage replaces what runs.
  void Add(const std::string& stage, const graph::Net& net);

  // Writes the files of all nets but "init", from which the init nets are made,
  // into `dir`: made when missing, and relative to where the command was typed
  // (models::ResolveUserPath). Files of those names are replaced, once all are whole
  // (staged_output.h). Returns the names, without the folder, in the order they were written.
  // FAILED_PRECONDITION without a net named "init"; what the file system refuses
  // is an error that names the folder or the file, and leaves what was there.
  absl::StatusOr<std::vector<std::string>> Write(const std::string& dir) const;

 private:
  struct Entry {
    graph::Net before;
    graph::Net after;
  };
  const Entry* Find(const std::string& name) const;

  std::vector<Entry> entries_;  // in order of compilation
};

// A net "<net>_init" that sets every state of `net`: by the operator of `init`
// that sets it there, and to zero (as a new workspace has it) where there is none.
// INVALID_ARGUMENT when `init` sets a state of another type.
absl::StatusOr<graph::Net> InitNetFor(const graph::Net& net, const graph::Net& init);

}  // namespace tools

#endif  // TOOLS_DUMP_GRAPH_DUMP_H_
