/* One run of the program: its arena, threads and step block, and what all of it takes. */
#ifndef RUNTIME_RT_SESSION_H
#define RUNTIME_RT_SESSION_H

#include <stdio.h>

#include "runtime/rt_device.h"
#include "runtime/rt_pool.h"

struct RtSession {
  TessRun run;
  char *arena;      /* as the host sees it (rt_device.h): zeroed; page-aligned */
  size_t bytes;     /* arena and scratch */
  uint64_t touched; /* of them and of the threads' stacks: what the verb will use */
  TessStep step;
  bool *loaded; /* by state: a file has given its value */
};

/* Maps the arena (planned bytes, then `threads` scratch areas) and starts the threads. `evaluates`: only
 * init, prepare and eval will run. False with an error, also where there is less memory than will be touched.
 */
bool rt_session_open(RtSession *s, int threads, bool evaluates);
void rt_session_close(RtSession *s);

bool rt_has_entry(TessEntryKind e);
extern const char *const rt_entry_name[TESS_ENTRIES];
/* Runs an entry; one that the program lacks does nothing. False with an error where it made an index that is
 * out of its range: what it computed is not to be used. */
bool rt_session_entry(RtSession *s, TessEntryKind e);
/* Sets the step block's counters for micro-batch `micro` of update `step`. */
void rt_session_at(RtSession *s, uint64_t step, uint64_t micro);
/* Runs the whole update `step`: before each micro-batch `fill` puts its data in place (may be NULL); false
 * when it failed, or an index was out of its range: then there was no update. */
typedef bool RtFill(void *ctx, uint64_t step, uint64_t micro);
/* After each micro-batch, and (micro = accumulate) after the update. */
typedef void RtSeen(void *ctx, uint64_t micro);
/* Programs without micro and update run eval instead. */
bool rt_session_step(RtSession *s, uint64_t step, RtFill *fill, RtSeen *seen, void *ctx);

/* What people call the program's samples: "images" where it reads some, else "samples". */
const char *rt_unit(void);

/* The entries that make a step: micro and update, or eval alone. */
bool rt_is_training(void);
/* Micro, or eval. */
TessEntryKind rt_pass(void);

/* Sends the entry's values that come from a data source, after rt_data_fill. */
void rt_session_send_data(RtSession *s, TessEntryKind e);

/* Whether the last update was refused because a value was not finite. */
bool rt_session_refused(const RtSession *s);

/* Where the host sees the tensor; what is there is current between rt_fetch, or the host's own writing, and
 * the next launch. */
static inline void *rt_at(const RtSession *s, const TessTensor *t) {
  return s->arena + t->offset;
}

/* Whether a value is a reported number. */
bool rt_value_is_scalar(const TessValue *v);

/* Bytes of scratch from one thread to the next. */
size_t rt_scratch_stride(void);

/* Everything that a run has resident, known before it starts. */
typedef struct RtMemory {
  uint64_t arena;   /* the plan's */
  uint64_t scratch; /* of all threads */
  uint64_t data;    /* images, labels and their order */
  uint64_t program; /* code and constants, the C library's included */
  uint64_t stacks;  /* of the threads */
  uint64_t buffers; /* of files, tables and the C library */
  uint64_t total;
} RtMemory;

RtMemory rt_memory_plan(int threads, uint64_t data);
/* "memory 345.1 MiB: arena ..." and a line end. */
void rt_memory_print(const RtMemory *m, int threads, FILE *out);
/* The most that was resident so far bytes; 0 when the system doesn't say. */
uint64_t rt_memory_peak(void);

#endif
