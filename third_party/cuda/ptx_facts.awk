# What ptxas does not report of kernels, from nvcc's PTX (files *.compute_NN.ptx): the compiler, and
# for each kernel what its source promises and takes:
#
#   facts        : compiler V13.0.88
#   facts        : launch of '_ZN...' for 'sm_80': 256 threads, dynamic shared memory
#
# Without __launch_bounds__ there are 0 threads, and without `extern __shared__` arrays that the
# kernel reads nothing follows.
FNR == 1 {
  chip = FILENAME
  sub(/.*\.compute_/, "sm_", chip)
  sub(/\.ptx$/, "", chip)
  split("", arrays)
}
FNR < 9 && /Cuda compilation tools/ { print "facts        : compiler " $NF }
/^\.extern \.shared / {
  array = $NF
  sub(/\[.*/, "", array)
  arrays[array] = 1
}
/^(\.visible |\.weak )?\.entry / {
  kernel = $0
  sub(/.*\.entry /, "", kernel)
  sub(/\(.*/, "", kernel)
  threads = 0
  dynamic = ""
}
/^\.maxntid / { threads = $2 + 0 }
kernel != "" && dynamic == "" {
  for (array in arrays) if (index($0, array)) dynamic = ", dynamic shared memory"
}
/^}/ && kernel != "" {
  print "facts        : launch of '" kernel "' for '" chip "': " threads " threads" dynamic
  kernel = ""
}
