/* Safetensors files. Reading trusts nothing: sizes, offsets, names and nesting are checked against the file
 * before any tensor is touched, and an error says the file, the byte, what was found and what was expected.
 * Tensors are read in bounded pieces, so that a checkpoint never takes its own size in memory. A file that
 * Tessera wrote has checksums of its header and of each tensor: all of it is checked when it is opened. */
#ifndef RUNTIME_RT_SAFETENSORS_H
#define RUNTIME_RT_SAFETENSORS_H

#include "abi/program.h"
#include "runtime/rt_output.h"
#include "runtime/state/rt_type.h"

typedef struct RtPair {
  const char *key, *value;
} RtPair;

typedef struct RtTensor {
  const char *name;
  RtType type;           /* RT_TYPE_COUNT: one that is not known here; the tensor cannot be read */
  const char *type_name; /* as the file has it */
  uint32_t rank;         /* above TESS_MAX_RANK: the further dimensions are not kept */
  uint64_t dim[TESS_MAX_RANK];
  uint64_t count;      /* elements */
  uint64_t begin, end; /* bytes from the start of the data */
  bool used;           /* for whoever wants to know what nobody asked for */
} RtTensor;

typedef struct RtFile {
  char *path;
  int fd;
  uint64_t size; /* of the file */
  uint64_t data; /* where the data starts */
  bool summed;   /* it has checksums */
  int ntensor, nmeta, tensor_cap, meta_cap;
  RtTensor *tensor; /* by name */
  RtPair *meta;
  char *header;   /* owns the strings */
  char **renamed; /* and these, one a tensor at most */
  int nrenamed;
} RtFile;

/* NULL with an error reported. The descriptor is owned by the result, and closed when there is none. */
RtFile *rt_file_open(const char *path);
RtFile *
rt_file_open_once(const char *path); /* an output may take its place afterwards (base/files/infile.h) */
RtFile *rt_file_from(int fd, const char *path);
void rt_file_close(RtFile *f);
/* NULL when there is none. */
RtTensor *rt_file_find(const RtFile *f, const char *name);
const char *rt_file_meta(const RtFile *f, const char *key);

/* Once a file: gives tensors the names that `rename` says (malloc'ed; NULL: it stays as it is). False, with
 * an error, when two have one name then. Tensors change their places. */
bool rt_file_rename(RtFile *f, char *(*rename)(void *ctx, const char *name), void *ctx);

/* Reads elements [first, first + n) as type `to`. Adds the number of values that changed to *inexact. False
 * with an error reported. */
bool rt_file_read(const RtFile *f, const RtTensor *t, uint64_t first, uint64_t n, uint32_t type, void *to,
                  uint64_t *inexact);
/* Whether the shapes are equal; else an error naming both. */
bool rt_file_shape(const RtFile *f, const RtTensor *t, const TessTensor *want);
/* "[2, 148, 768]"; only the first TESS_MAX_RANK dimensions. */
const char *rt_shape_text(uint32_t rank, const uint64_t *dim, char buf[256]);

/* A tensor to write. */
typedef struct RtOut {
  const char *name;
  TessTensor t; /* dtype and shape */
  const void *data;
} RtOut;

/* Writes a file as rt_write_whole does, with version and checksums in its metadata. Tensors lie at multiples
 * of 64 bytes: first those whose size is one, then the others, between which bytes called "PAD/0", "PAD/1" ..
 * lie, for the format has no holes. With pad NULL there are none: of the others only the first lies so. False
 * with an error. */
bool rt_file_write(const char *path, const RtOut *t, int n, const RtPair *meta, int nmeta, const char *pad);
/* The same, and under further names. */
bool rt_file_write_to(const RtDest *to, const RtOut *t, int n, const RtPair *meta, int nmeta,
                      const char *pad);

#endif
