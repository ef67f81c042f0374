// Sets up the processor's matrix tiles (AMX) for a thread.
#ifndef BACKENDS_CPU_AMX_SESSION_H_
#define BACKENDS_CPU_AMX_SESSION_H_

namespace backends::cpu {

// While it lives, each of the calling thread's eight tiles has 16 rows of 64 bytes; afterwards
// the tiles are free for other code, such as oneDNN. Only where HasAmx() (gemm.h).
class AmxSession {
 public:
  AmxSession();
  ~AmxSession();
  AmxSession(const AmxSession&) = delete;
  AmxSession& operator=(const AmxSession&) = delete;
};

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_AMX_SESSION_H_
