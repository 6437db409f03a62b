#define _GNU_SOURCE /* dl_iterate_phdr */
#include "runtime/rt_session.h"

#include <errno.h>
#include <inttypes.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/i64.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_type.h"

const char *const rt_entry_name[TESS_ENTRIES] = {"init", "prepare", "micro", "update", "eval"};

static const size_t page = 4096, huge = (size_t)2 << 20;

static uint64_t u64_max(uint64_t a, uint64_t b) {
  return a > b ? a : b;
}

static size_t whole_pages(size_t bytes) {
  return (size_t)i64_round_up((int64_t)bytes, (int64_t)page);
}

size_t rt_scratch_stride(void) {
  return whole_pages(tess_program.scratch_bytes);
}

/* Zeroed memory at a huge page's boundary, with a page behind it that no access survives. */
static char *map_arena(size_t bytes) {
  size_t whole = bytes + huge + page;
  char *raw = mmap(NULL, whole, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) return NULL;
  char *start = raw + (huge - (uintptr_t)raw % huge) % huge, *end = start + bytes + page;
  if (start > raw) munmap(raw, (size_t)(start - raw));
  if (raw + whole > end) munmap(end, (size_t)(raw + whole - end));
  if (mprotect(start, bytes, PROT_READ | PROT_WRITE) != 0) {
    munmap(start, bytes + page);
    return NULL;
  }
  madvise(start, bytes, MADV_HUGEPAGE);
  return start;
}

static uint64_t end_of(const TessTensor *t) {
  return t->offset + t->count * rt_type_size(t->dtype);
}

/* How far into the arena what an entry writes reaches. */
static uint64_t reach_of(TessEntryKind e) {
  uint64_t most = 0;
  for (uint32_t i = 0; i < tess_program.entry[e].nlaunch; i++) {
    const TessLaunch *l = &tess_program.entry[e].launch[i];
    for (uint32_t k = 0; k < l->nout; k++) most = u64_max(most, end_of(&l->out[k]));
  }
  for (uint32_t i = 0; i < tess_program.nvalue; i++)
    if (tess_program.value[i].entry == (uint32_t)e) most = u64_max(most, end_of(&tess_program.value[i].t));
  return most;
}

/* The part of the arena that an evaluation touches: what only training has lies untouched. */
static uint64_t evaluated_bytes(void) {
  uint64_t most = u64_max(u64_max(reach_of(TESS_INIT), reach_of(TESS_PREPARE)), reach_of(TESS_EVAL));
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *s = &tess_program.state[i];
    bool loaded = s->kind == TESS_PARAM || s->kind == TESS_FROZEN || s->kind == TESS_CARRIED;
    if (loaded) most = u64_max(most, end_of(&s->t));
  }
  return most;
}

bool rt_session_open(RtSession *s, int threads, bool evaluates) {
  uint64_t arena = whole_pages(tess_program.arena_bytes), scratch = rt_scratch_stride() * (size_t)threads;
  *s = (RtSession){.bytes = arena + scratch,
                   .touched = (evaluates ? evaluated_bytes() : arena) + scratch +
                              RT_STACK * (uint64_t)(threads - 1)};
  if (s->bytes == 0) s->bytes = page;
  s->arena = map_arena(s->bytes);
  if (!s->arena) {
    rt_error("the system has no %zu bytes for the arena: %s", s->bytes, strerror(errno));
    return false;
  }
  for (uint32_t i = 0; i < tess_program.nsetting; i++) s->step.setting[i] = tess_program.setting[i].value;
  if (rt_pool_start(&s->run, threads, s->arena + arena, rt_scratch_stride())) {
    s->loaded = RT_NEW(tess_program.nstate, bool);
    if (rt_device_open(s)) return true;
    free(s->loaded);
    rt_pool_stop(&s->run);
  }
  munmap(s->arena, s->bytes + page);
  return false;
}

void rt_session_close(RtSession *s) {
  rt_device_close(s);
  rt_pool_stop(&s->run);
  munmap(s->arena, s->bytes + page);
  free(s->loaded);
}

bool rt_has_entry(TessEntryKind e) {
  return tess_program.entry[e].fn != NULL;
}

bool rt_is_training(void) {
  return rt_has_entry(TESS_MICRO) && rt_has_entry(TESS_UPDATE);
}

const char *rt_unit(void) {
  for (uint32_t i = 0; i < tess_program.nvalue; i++)
    if (!strcmp(tess_program.value[i].data, "image")) return "images";
  return "samples";
}

enum { INDEX_BLOCK = 64 };

/* The first element that is not in 0 .. end-1, or n. Whole blocks that fit are passed over in vectors: 0.1 ns
 * an element. */
static uint64_t first_beyond(const int32_t *x, uint64_t n, int64_t end) {
  uint32_t last = end > INT32_MAX ? INT32_MAX : (uint32_t)end - 1;
  uint64_t i = 0;
  for (uint32_t beyond = 0; n - i >= INDEX_BLOCK; i += INDEX_BLOCK) {
    for (uint64_t k = 0; k < INDEX_BLOCK; k++) beyond |= (uint32_t)x[i + k] > last;
    if (beyond) break;
  }
  while (i < n && (uint32_t)x[i] <= last) i++;
  return i;
}

static bool index_fits(const RtSession *s, const TessValue *v) {
  const int32_t *x = rt_fetch(s, &v->t);
  uint64_t at = first_beyond(x, v->t.count, v->classes);
  if (at == v->t.count) return true;
  rt_error("%s: step %" PRIu64 ", micro-batch %" PRIu64 ": found index %" PRId32 " (element %" PRIu64
           "), expected 0..%" PRId64,
           v->source, s->step.step, s->step.micro, x[at], at, v->classes - 1);
  return false;
}

bool rt_session_entry(RtSession *s, TessEntryKind e) {
  bool fit = true;
  if (!rt_has_entry(e)) return true;
  rt_device_run(s, tess_program.entry[e].fn);
  for (uint32_t i = 0; i < tess_program.nvalue && fit; i++) {
    const TessValue *v = &tess_program.value[i];
    if (v->flags & TESS_INDEX && v->entry == (uint32_t)e) fit = index_fits(s, v);
  }
  return fit;
}

TessEntryKind rt_pass(void) {
  return rt_is_training() ? TESS_MICRO : TESS_EVAL;
}

void rt_session_at(RtSession *s, uint64_t step, uint64_t micro) {
  s->step.step = step;
  s->step.micro = micro;
  s->step.step_f = (float)step;
  s->step.micro_f = (float)micro;
}

bool rt_session_step(RtSession *s, uint64_t step, RtFill *fill, RtSeen *seen, void *ctx) {
  TessEntryKind pass = rt_pass();
  uint64_t n = rt_is_training() ? tess_program.accumulate : 1;
  for (uint64_t m = 0; m < n; m++) {
    rt_session_at(s, step, m);
    if (fill && !fill(ctx, step, m)) return false;
    if (!rt_session_entry(s, pass)) return false;
    if (seen) seen(ctx, m);
  }
  if (!rt_is_training()) return true;
  if (!rt_session_entry(s, TESS_UPDATE)) return false;
  if (seen) seen(ctx, n);
  return true;
}

void rt_session_send_data(RtSession *s, TessEntryKind e) {
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (v->entry == (uint32_t)e && v->flags & TESS_DATA) rt_send(s, &v->t);
  }
}

bool rt_session_refused(const RtSession *s) {
  const TessTensor flag = {.dtype = TESS_BOOL, .offset = (uint64_t)tess_program.finite, .count = 1};
  return tess_program.finite >= 0 && *(const char *)rt_fetch(s, &flag) == 0;
}

bool rt_value_is_scalar(const TessValue *v) {
  return (v->flags & TESS_REPORT) && v->t.count == 1;
}

enum { BUFFERS = 2 << 20, MAIN_STACK = 128 << 10 };

static int add_segments(struct dl_phdr_info *info, size_t size, void *sum) {
  (void)size;
  for (int i = 0; i < info->dlpi_phnum; i++)
    if (info->dlpi_phdr[i].p_type == PT_LOAD) *(uint64_t *)sum += info->dlpi_phdr[i].p_memsz;
  return 0;
}

RtMemory rt_memory_plan(int threads, uint64_t data) {
  RtMemory m = {.arena = tess_program.arena_bytes,
                .scratch = rt_scratch_stride() * (uint64_t)threads,
                .data = data,
                .stacks = MAIN_STACK + RT_STACK * (uint64_t)(threads - 1),
                .buffers = BUFFERS};
  dl_iterate_phdr(add_segments, &m.program);
  m.total = m.arena + m.scratch + m.data + m.program + m.stacks + m.buffers;
  return m;
}

static double mib(uint64_t bytes) {
  return (double)bytes / 1048576;
}

void rt_memory_print(const RtMemory *m, int threads, FILE *out) {
  fprintf(out,
          "memory %.1f MiB: arena %.1f (at least %.1f live at once), scratch of %d thread%s %.1f, data %.1f, "
          "program %.1f, stacks %.1f, buffers %.1f\n",
          mib(m->total), mib(m->arena), mib(tess_program.live_bytes), threads, threads == 1 ? "" : "s",
          mib(m->scratch), mib(m->data), mib(m->program), mib(m->stacks), mib(m->buffers));
}

/* getrusage counts what the process was before it became this program. */
uint64_t rt_memory_peak(void) {
  FILE *f = fopen("/proc/self/status", "r");
  char line[256];
  uint64_t kib = 0;
  while (f && !kib && fgets(line, sizeof line, f))
    if (!strncmp(line, "VmHWM:", 6)) kib = strtoull(line + 6, NULL, 10);
  if (f) fclose(f);
  struct rusage r;
  if (!kib && getrusage(RUSAGE_SELF, &r) == 0) kib = (uint64_t)r.ru_maxrss;
  return kib * 1024;
}
