// The processor's matrix tiles (AMX), which a thread sets up before it uses them.
#ifndef BACKENDS_CPU_AMX_SESSION_H_
#define BACKENDS_CPU_AMX_SESSION_H_

namespace backends::cpu {

// The calling thread's eight tiles are of 16 rows of 64 bytes while it lives, and free
// for others, oneDNN among them, afterwards. Only where HasAmx() (gemm.h).
class AmxSession {
 public:
  AmxSession();
  ~AmxSession();
  AmxSession(const AmxSession&) = delete;
  AmxSession& operator=(const AmxSession&) = delete;
};

}  // namespace backends::cpu

#endif  // BACKENDS_CPU_AMX_SESSION_H_
