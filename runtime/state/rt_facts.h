/* What a program is, in files: the facts of its tables (abi/program.h) go into the metadata of each file that
 * it writes, and are compared with those of a file that it reads. Differences are notes: a file may be meant
 * for another program, but nobody should have to find out by its results. */
#ifndef RUNTIME_RT_FACTS_H
#define RUNTIME_RT_FACTS_H

#include "runtime/state/rt_safetensors.h"

/* Metadata to write; starts as {0}. */
typedef struct RtMeta {
  RtPair *pair;
  int n, cap;
} RtMeta;

/* Adds "tessera.KEY"; both texts are copied. */
void rt_meta_put(RtMeta *m, const char *key, const char *value);
/* The same of a key that is not Tessera's, as it is. */
void rt_meta_put_foreign(RtMeta *m, const char *key, const char *value);
void rt_meta_put_u64(RtMeta *m, const char *key, uint64_t value);
void rt_meta_free(RtMeta *m);

/* Adds what the program is, but nothing of frozen modules that are not its own. */
void rt_facts_put(RtMeta *m);
/* Notes in what the program differs that wrote the file, whose weights go into the frozen module `module`, or
 * into the program's own for NULL. Silent about a file that says nothing of it. */
void rt_facts_compare(const RtFile *f, const char *module);
/* Of a checkpoint that a run goes on from: notes whether it can have the bits of an unbroken one, where it
 * was written by another build. */
void rt_facts_compare_build(const RtFile *f);

#endif
