/* The manifest: what a program was built from and what it does, as a flatbuffer of schema
 * abi/manifest.fbs. Written into each program, read from outside by `tessera inspect`. The serialiser is
 * C++ behind this header (codegen/host/manifest.cc); strings are copied. */
#ifndef CODEGEN_MANIFEST_H
#define CODEGEN_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MANIFEST_VERSION 1

typedef struct Manifest Manifest;

typedef struct ManifestState {
  const char *name, *module, *kind, *slot, *dtype;
  int rank;
  const int64_t *dim;
  int64_t offset;
} ManifestState;

typedef struct ManifestKernel {
  const char *name, *source, *text;
  const char *const *origin; /* NULL-ended, or NULL */
  int launches;
  int64_t scratch;
} ManifestKernel;

typedef struct ManifestLaunch {
  int kernel;
  const char *origin, *source;
  int64_t tasks;
  double flop, bytes;
  int nbuffer;
  const int32_t *buffer;
  int nword;
  const uint64_t *word;
} ManifestLaunch;

typedef struct ManifestBuffer {
  const char *name, *dtype;
  int64_t offset, bytes;
  const char *lifetime, *entry;
  int first, last;
} ManifestBuffer;

typedef struct ManifestHead {
  const char *block, *description, *build, *source_hash, *cpu_needs;
  int64_t batch, accumulate, arena_bytes, live_bytes, scratch_bytes;
  int max_threads;
} ManifestHead;

Manifest *manifest_new(void);
void manifest_define(Manifest *m, const char *name, const char *value);
void manifest_state(Manifest *m, const ManifestState *s);
void manifest_kernel(Manifest *m, const ManifestKernel *k);
/* Begins an entry; the launches that follow are its own, in order. */
void manifest_entry(Manifest *m, const char *name);
void manifest_launch(Manifest *m, const ManifestLaunch *l);
void manifest_buffer(Manifest *m, const ManifestBuffer *b);
/* The bytes, from malloc, and their number; frees the manifest. */
unsigned char *manifest_finish(Manifest *m, const ManifestHead *h, size_t *size);

/* Prints a manifest as text or as one JSON object. NULL when it went well; else what is wrong with the bytes,
 * which are verified first: they may come from anywhere. */
const char *manifest_show(FILE *out, const unsigned char *bytes, size_t size, bool json);
/* Likewise prints the text of the kernel of that name alone. */
const char *manifest_show_kernel(FILE *out, const unsigned char *bytes, size_t size, const char *name);

#ifdef __cplusplus
}
#endif
#endif
