// Ctrl-C, SIGTERM and their like, as a run takes them.
#ifndef TOOLS_STOP_SIGNAL_H_
#define TOOLS_STOP_SIGNAL_H_

#include <atomic>

namespace tools {

// From now on the first of SIGINT, SIGTERM, SIGHUP (a closed terminal, a broken ssh session) and
// SIGXCPU (the soft limit of ulimit -t) sets StopSignal() and says so on stderr at once, because
// a step or an evaluation can take minutes. Another one that comes a second later or more ends
// the process; one that comes sooner is the same wish (`timeout` sends two at once), and SIGXCPU
// comes again each second. A signal that the process was started to ignore (nohup, `command &`
// in a script) stays ignored.
// `bar`: a progress bar may stand on the terminal, which the line is to replace.
void StopAtSignals(bool bar);

// True once a signal came. Lives as long as the process.
const std::atomic<bool>* StopSignal();

}  // namespace tools

#endif  // TOOLS_STOP_SIGNAL_H_
