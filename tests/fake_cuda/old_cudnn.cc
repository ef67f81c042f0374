// A libcudnn.so.9 that is too old, as far as one learns that.
#include <cstddef>

extern "C" size_t cudnnGetVersion() { return 91002; }
