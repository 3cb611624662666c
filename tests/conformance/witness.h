/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The witness: a static program that runs as a container's process and writes what it finds there
 * as one JSON object to standard output. What it finds without being asked is in witness-process.c
 * and witness-files.c, what it tries because its arguments ask for it in witness-probes.c.
 */
#ifndef KATA_LIKE_TESTS_CONFORMANCE_WITNESS_H
#define KATA_LIKE_TESTS_CONFORMANCE_WITNESS_H

#include <stddef.h>

#include "tests/conformance/json-writer.h"

/* Identity, limits, scheduling, signals, terminal. */
void witness_show_process(struct json_writer *out, char **argv);

/* Namespaces, mounts, cgroup, open descriptors and /dev, most of them as the kernel's own text. */
void witness_show_files(struct json_writer *out);

/*
 * Does what a word of the form "verb:argument…" says and writes the outcome under the word. Returns
 * -1 for a word that is no probe.
 */
int witness_probe(struct json_writer *out, const char *word);

/* Writes a file's text, at most 64 KiB, or its error. */
void witness_show_file(struct json_writer *out, const char *key, const char *path);

/*
 * Runs as a hook: appends a line to the file at path with the stage, what the container's state on
 * standard input says, and where the hook runs. Returns the exit status.
 */
int witness_hook(const char *stage, const char *path, const char *behaviour);

#endif
