// Ctrl-C, SIGTERM and similar signals, as a run handles them.
#ifndef TOOLS_STOP_SIGNAL_H_
#define TOOLS_STOP_SIGNAL_H_

#include <atomic>

namespace tools {

// From now on the first of SIGINT, SIGTERM, SIGHUP (a closed terminal, a broken ssh session) and
// SIGXCPU (the soft limit of ulimit -t) sets StopSignal() and reports it on stderr at once, because
// a step or an evaluation can take minutes. A second signal ends the process if it comes a second
// later or more. An earlier one is part of the same request (`timeout` sends two at once), and
// SIGXCPU comes again each second. A signal that the process was started to ignore (nohup, `command
// &` in a script) stays ignored.
// `bar`: the terminal may show a progress bar, which the line then replaces.
void StopAtSignals(bool bar);

// True once a signal came. Lives as long as the process.
const std::atomic<bool>* StopSignal();

}  // namespace tools

#endif  // TOOLS_STOP_SIGNAL_H_
