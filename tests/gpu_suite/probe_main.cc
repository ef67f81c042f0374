// gpu_probe FILE: asks GPU 0 the questions of probe.h and writes the answers into FILE, as JSON.
// gpu_probe --check: only whether there is a GPU to ask.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <functional>
#include <string>

#include "tests/gpu_suite/gpu.h"
#include "tests/gpu_suite/probe.h"

namespace gpu_suite {
namespace {

constexpr int kFormat = 1;

struct Ended {
  std::string output;
  std::string how;  // empty: by returning
};

// What `say` returns in a process of its own. The caller has not used the GPU.
Ended InAnotherProcess(const std::function<std::string()>& say) {
  int ends[2];
  if (pipe(ends) != 0) return {"", "no pipe"};
  std::fflush(stdout);
  const pid_t child = fork();
  if (child < 0) return {"", "no process"};
  if (child == 0) {
    close(ends[0]);
    const std::string text = say();
    size_t at = 0;
    while (at < text.size()) {
      const ssize_t written = write(ends[1], text.data() + at, text.size() - at);
      if (written <= 0) _exit(1);
      at += static_cast<size_t>(written);
    }
    _exit(0);  // without the destructors of a context that may be lost
  }
  close(ends[1]);
  Ended ended;
  char buffer[4096];
  for (ssize_t count; (count = read(ends[0], buffer, sizeof(buffer))) > 0;) {
    ended.output.append(buffer, static_cast<size_t>(count));
  }
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) ended.how = std::string("died: ") + strsignal(WTERMSIG(status));
  if (WIFEXITED(status) && WEXITSTATUS(status) != 0) ended.how = "ended early";
  return ended;
}

int Probe(const char* path) {
  nlohmann::json facts = nlohmann::json::object();
  int broken = 0;
  for (const Section& section : Sections()) {
    const Ended ended = InAnotherProcess([&]() -> std::string {
      alarm(120);  // a question may hang
      Facts own;
      own.BeginSection(section.name);
      try {
        section.ask(&own);
      } catch (const std::exception& e) {
        own.Note("stopped", e.what());
      }
      return own.ToJson().dump();
    });
    nlohmann::json answers = nlohmann::json::parse(ended.output, nullptr, /*exceptions=*/false);
    const std::string stopped = std::string(section.name) + "/stopped";
    if (!answers.is_object()) answers = {{stopped, ended.how}};
    const bool whole = answers.count(stopped) == 0;
    broken += !whole;
    std::printf("%s  %s, %zu facts%s\n", whole ? "asked  " : "STOPPED", section.what,
                answers.size(), whole ? "" : (": " + answers[stopped].dump()).c_str());
    facts.update(answers);
  }
  std::ofstream file(path);
  file << nlohmann::json({{"format", kFormat}, {"facts", facts}}).dump(1) << "\n";
  file.close();
  if (!file) {
    std::fprintf(stderr, "gpu_probe: %s cannot be written\n", path);
    return 1;
  }
  std::printf("probe: %zu facts in %s, %d sections stopped\n", facts.size(), path, broken);
  return broken == 0 ? 0 : 1;
}

}  // namespace
}  // namespace gpu_suite

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: gpu_probe FILE | --check\n");
    return 1;
  }
  const gpu_suite::Ended asked = gpu_suite::InAnotherProcess(gpu_suite::WhyNoGpu);
  const std::string why = asked.output.empty() ? asked.how : asked.output;
  if (!why.empty()) {
    std::fprintf(stderr, "gpu_probe: no GPU to test: %s\n", why.c_str());
    return gpu_suite::kNoGpu;
  }
  return std::strcmp(argv[1], "--check") == 0 ? 0 : gpu_suite::Probe(argv[1]);
}
