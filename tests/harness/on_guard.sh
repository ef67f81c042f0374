#!/usr/bin/env bash
# Runs a test on the guard device (guard_device.h): on_guard.sh TEST [FLAGS]
DROPPOS_TEST_DEVICE=guard exec "$@"
