"""rules_cc as the Bazel of Debian 12 can load it: the native rules, re-exported.

Debian's own bazel-rules-cc needs a newer Bazel than Debian's bazel-bootstrap.
"""

cc_binary = native.cc_binary
cc_import = native.cc_import
cc_library = native.cc_library
cc_proto_library = native.cc_proto_library
cc_test = native.cc_test
cc_toolchain = native.cc_toolchain
cc_toolchain_suite = native.cc_toolchain_suite
objc_library = native.objc_library
