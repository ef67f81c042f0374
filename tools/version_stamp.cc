// Compiled when a program is linked (linkstamp), with what tools/workspace_status.sh says.
namespace tools {

extern const char kCommit[];
#ifdef DROPPOS_COMMIT
const char kCommit[] = DROPPOS_COMMIT;
#else
const char kCommit[] = "";
#endif

}  // namespace tools
