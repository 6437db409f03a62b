/* What an emitted object and the runtime archive agree on: the object defines `tess_program`, the archive
 * defines main() and tess_launch(). The compiler includes this header to lay the tables out; the runtime
 * includes nothing of the compiler. Bump TESS_ABI whenever a layout changes. */
#ifndef ABI_PROGRAM_H
#define ABI_PROGRAM_H

#include <stdint.h>

#include "base/element_type.h"

#define TESS_ABI 4

enum { TESS_MAX_RANK = 8, TESS_MAX_SETTINGS = 24 };

typedef enum TessType {
#define X(name, text, bytes) TESS_##name,
  ELEMENT_TYPES(X)
#undef X
} TessType;

/* The step block: all that changes from launch to launch. Read by kernels, written by the runtime. */
typedef struct TessStep {
  uint64_t seed;
  uint64_t step;     /* updates made so far */
  uint64_t micro;    /* micro-batch within the step */
  uint64_t supplied; /* bit i: value i was given from outside; launches that only make it are skipped */
  float step_f;      /* the same counters as f32 for schedules: field "step" */
  float micro_f;     /* field "micro" */
  float total;       /* field "total": updates in the whole run */
  float epoch_steps; /* field "epoch_steps": updates in an epoch */
  float constant;    /* field "constant": 1 when schedules are switched off (replay), else 0 */
  float setting[TESS_MAX_SETTINGS]; /* fields by the settings' names */
} TessStep;

/* Offsets are bytes from the arena's start. */
typedef struct TessTensor {
  uint32_t dtype, rank;
  uint64_t dim[TESS_MAX_RANK];
  uint64_t offset;
  uint64_t count; /* elements */
} TessTensor;

typedef enum TessStateKind {
  TESS_PARAM,   /* trained */
  TESS_FROZEN,  /* loaded, never changed */
  TESS_CARRIED, /* not trained, but changed in training: running statistics, averaged weights, queues */
  TESS_GRAD,
  TESS_SLOT, /* the optimizer's: moments, averages, counters */
  TESS_TEMP
} TessStateKind;

/* One state under its file name. A flat group is never listed: its members are, so a moment of a group
 * appears once a parameter, as NAME of the parameter and `slot` the moment's. */
typedef struct TessState {
  const char *name;         /* "blocks.3.attn.qkv.weight" */
  const char *const *alias; /* further names in files, NULL-ended; may be NULL */
  const char *module;       /* "student" */
  const char *slot;         /* SLOT: "m", "v", ..; else "" */
  uint32_t kind;
  TessTensor t;
  uint64_t from; /* 1 + the number of the state whose value it takes on where no file gives one; 0: none */
} TessState;

/* READ: something reads the value that no value with TESS_SUPPLY stands between. */
enum { TESS_SUPPLY = 1, TESS_REPORT = 2, TESS_DATA = 4, TESS_LOSS = 8, TESS_INDEX = 16, TESS_READ = 32 };

/* A named value. `data` says where a TESS_DATA one comes from: "image", "label" or "tensor", read from files,
 * or "given" (drawn at random by bench: standard normal for floats). Image values are u8 [batch, channels,
 * height, width], labels i32 [batch], tensors f32, i32 or u8 [batch, ..]. A TESS_INDEX one is the index of a
 * gather, i32, to be checked once its entry has run. */
typedef struct TessValue {
  const char *name;
  uint32_t flags;
  uint32_t entry;     /* TessEntryKind: where it is made or needed */
  const char *data;   /* "" when not TESS_DATA */
  float shift;        /* image: random shifts of up to this many pixels, zeros outside */
  float flip;         /* image: probability of a horizontal flip */
  int64_t classes;    /* label, tensor, index: values are 0 .. classes-1; 0: any */
  const char *source; /* "digpt.tess:41" */
  TessTensor t;
  uint64_t readers; /* SUPPLY: bits of the values, also with SUPPLY, that are computed from it first */
} TessValue;

typedef enum TessEntryKind {
  TESS_INIT,
  TESS_PREPARE,
  TESS_MICRO,
  TESS_UPDATE,
  TESS_EVAL,
  TESS_ENTRIES
} TessEntryKind;

/* Runs tasks [task, end) of a kernel. `arg` are its arguments, a word each: the addresses of its buffers in
 * order, then the words that the launch passes. `scratch` is the calling thread's own. */
typedef void TessKernel(void *const *arg, const TessStep *step, char *scratch, int64_t task, int64_t end);

/* What one launch of an entry is, for tracing and for finding the first bad value. */
typedef struct TessLaunch {
  const char *kernel; /* name of the kernel's function */
  const char *origin; /* what it computes: "blocks.3.mlp.fc1.weight gradient" */
  const char *source; /* "digpt.tess:41" */
  uint32_t nout;
  const TessTensor *out;
  double flop;  /* of contractions, a multiply and an add counting two */
  double bytes; /* read and written at least once */
} TessLaunch;

typedef struct TessRun TessRun; /* the runtime's own: threads, scratch, hooks */

/* Called by entries, in launch order. Splits [0, tasks) statically over the threads (thread t of T gets
 * [tasks*t/T, tasks*(t+1)/T)), waits for all. Does nothing when guard is not 0 and all its bits are set in
 * step->supplied. */
void tess_launch(TessRun *run, uint32_t id, TessKernel *kernel, void *const *arg, const TessStep *step,
                 int64_t tasks, uint64_t guard);

typedef void TessEntryFn(TessRun *run, char *arena, const TessStep *step);

typedef struct TessEntry {
  TessEntryFn *fn; /* NULL: the program has no such entry */
  uint32_t nlaunch;
  const TessLaunch *launch; /* ids passed to tess_launch index this */
} TessEntry;

typedef struct TessSetting {
  const char *name;
  float value; /* default */
  const char *help;
} TessSetting;

/* What a program is, as files that it writes say in their metadata, behind "tessera.":
 *   parameter.NAME   of the train block, with its value
 *   model.NAME       a module that the block binds: its own name, and a hash of the text that it comes from
 *   model.NAME.ARG   an argument of that module
 *   kernels          a hash of all kernels' text */
typedef struct TessFact {
  const char *key, *value;
} TessFact;

typedef struct TessProgram {
  uint32_t abi;
  const char *name;        /* of the train block */
  const char *description; /* file it was built from, relative */
  const char *source_hash; /* 64 hex digits over the description and its parameters */
  const char *build;       /* "tessera 0.1.0, cpu:znver4" */
  const char *cpu_needs;   /* features as in /proc/cpuinfo, separated by spaces: "avx512f avx512dq" */
  uint64_t batch;          /* images a micro-batch */
  uint64_t accumulate;     /* micro-batches a step */
  uint64_t arena_bytes;    /* planned, scratch not included */
  uint64_t live_bytes;     /* the lower bound: most bytes live at once */
  uint64_t scratch_bytes;  /* a thread */
  uint32_t max_threads;
  uint32_t nstate, nvalue, nsetting, nfact;
  const TessState *state;
  const TessValue *value; /* at most 64 with TESS_SUPPLY; those come first, value i is bit i of `supplied` */
  const TessSetting *setting;
  const TessFact *fact;
  TessEntry entry[TESS_ENTRIES];
  int64_t finite; /* arena offset of the u8 flag that is 0 after an update that was refused; -1: none */
  const unsigned char *manifest; /* flatbuffers, schema abi/manifest.fbs */
  uint64_t manifest_bytes;
} TessProgram;

extern const TessProgram tess_program;

#endif
