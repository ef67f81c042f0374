// Ctrl-C and SIGTERM, as a run takes them.
#ifndef TOOLS_STOP_SIGNAL_H_
#define TOOLS_STOP_SIGNAL_H_

#include <atomic>

namespace tools {

// From now on the first SIGINT or SIGTERM sets StopSignal() and says so on stderr at once,
// because a step or an evaluation can take minutes; the second one ends the process.
// `bar`: a progress bar may stand on the terminal, which the line is to replace.
void StopAtSignals(bool bar);

// True once a signal came. Lives as long as the process.
const std::atomic<bool>* StopSignal();

}  // namespace tools

#endif  // TOOLS_STOP_SIGNAL_H_
