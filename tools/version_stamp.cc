// Compiled when a program is linked (linkstamp), with what tools/workspace_status.sh says.
namespace tools {

extern const char kCommit[];
const char kCommit[] = BUILD_SCM_REVISION;  // "0" in tests, which are not stamped

}  // namespace tools
