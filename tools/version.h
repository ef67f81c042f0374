// What a program says of itself and of the libraries it runs on.
#ifndef TOOLS_VERSION_H_
#define TOOLS_VERSION_H_

#include <map>
#include <string>

namespace tools {

// The commit that the program was built from, as `git describe --always --dirty` says it; empty if
// it was built outside a clone or unstamped.
std::string BuiltFromCommit();

// The libraries' names and the versions under which they were released: {"libpng", "1.6.39"}.
// Where a library can be asked at run time, the version is that of the loaded one.
std::map<std::string, std::string> LibraryVersions();

// What --version prints, some lines.
std::string VersionText(const std::string& program);

}  // namespace tools

#endif  // TOOLS_VERSION_H_
