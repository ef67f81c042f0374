#!/usr/bin/env bash
# Runs a test of //tests/tools/cli on the emulated GPU (run_program.h): on_emulated.sh TEST [FLAGS]
DROPPOS_TEST_DEVICE=emulated exec "$@"
