/* What samples are read from. A source is a file, or what a folder holds of one kind; a column is what one
 * datum of the program is read from in it. Samples have numbers from 0 on, in the source's own order, and any
 * of them is read at any time. A new kind of source is a file with an RtSourceKind and its place in
 * rt_sources_open. */
#ifndef RUNTIME_RT_SOURCE_H
#define RUNTIME_RT_SOURCE_H

#include "runtime/state/rt_load.h"

/* Which part of a folder: its files begin with "train" and "t10k" (IDX) or are called train.safetensors and
 * val.safetensors. A file is the part that it is given for. */
typedef enum RtPart { RT_PART_TRAIN, RT_PART_EVAL } RtPart;

typedef struct RtSourceKind RtSourceKind;

typedef struct RtSource {
  const RtSourceKind *kind;
  char *path;       /* of the file or the folder */
  const char *only; /* the one value that it is for, or NULL */
  RtPart part;      /* of a folder */
  bool found;       /* in a folder: nobody named it */
  uint64_t most;    /* samples that are wanted at most; 0: all */
  void *own;        /* the kind's */
} RtSource;

typedef struct RtColumn {
  RtSource *source;
  const TessValue *value;
  char *name;     /* of file and tensor, for messages */
  char *identity; /* once it is settled: what its samples are, whatever the file is called */
  uint64_t n;     /* samples that the source has */
  void *own;      /* the kind's */
} RtColumn;

struct RtSourceKind {
  /* Finds what c->value is read from and fills in name, n and own. RT_ABSENT when there is nothing for it,
   * RT_BROKEN with an error when that does not fit or cannot be read. */
  RtFound (*find)(RtSource *s, RtColumn *c);
  /* The error for a value that no source has: what this one has, and what was expected. */
  void (*miss)(const RtSource *s, const TessValue *v);
  /* Checks the first n samples as far as that is cheap and sets the identity. False with an error. */
  bool (*settle)(RtColumn *c, uint64_t n);
  /* Puts a sample where the value has it. `key`: of what is drawn for it; NULL: as it is. False with an
   * error. */
  bool (*read)(RtColumn *c, uint64_t sample, const uint64_t *key, void *to);
  uint64_t (*bytes)(const RtColumn *c); /* that it holds in memory */
  void (*drop)(RtColumn *c);            /* frees `own` */
  void (*close)(RtSource *s);           /* likewise; may be NULL */
};

extern const RtSourceKind rt_idx_folder, rt_idx_file, rt_tensor_file;

/* Opens what lies at the path of `like`, which says part and most too: a file is one source; a folder is its
 * safetensors file, where the part has one, and its IDX files. Adds to s[*n], at most RT_PATH_SOURCES. False
 * with an error. */
enum { RT_PATH_SOURCES = 2 };
bool rt_sources_open(const RtSource *like, RtSource *s, int *n);
void rt_source_close(RtSource *s);

/* "f32 [samples, 16]": what is expected of a file for the value. */
const char *rt_value_text(const TessValue *v, char buf[300]);

#endif
