// Fontconfig, which finds Cairo's fonts, keeps a kilobyte that nothing points to any
// more. LeakSanitizer asks for this list; other builds have it for nothing.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig\n"; }
