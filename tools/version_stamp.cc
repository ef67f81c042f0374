// Compiled when a program is linked (linkstamp), with what tools/workspace_status.sh says.
namespace tools {

extern const char kCommit[];
#ifdef BUILD_SCM_REVISION
const char kCommit[] = BUILD_SCM_REVISION;
#else
const char kCommit[] = "";
#endif

}  // namespace tools
