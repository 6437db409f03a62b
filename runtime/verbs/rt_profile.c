#include "runtime/verbs/rt_profile.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/rt_base.h"

static void add(void *ctx, TessRun *run, uint32_t id, double seconds) {
  (void)run;
  RtProfile *p = ctx;
  const TessLaunch *l = &tess_program.entry[p->entry].launch[id];
  RtProfileRow *row = &p->row[p->row_of[p->entry][id]];
  row->launches++;
  row->seconds += seconds;
  row->flop += l->flop;
  row->bytes += l->bytes;
  p->launch[p->entry][id].runs++;
  p->launch[p->entry][id].seconds += seconds;
}

static int find_row(RtProfile *p, const TessLaunch *l) {
  for (int i = 0; i < p->n; i++)
    if (!strcmp(p->row[i].kernel, l->kernel)) return i;
  p->row[p->n] = (RtProfileRow){.kernel = l->kernel, .source = l->source};
  return p->n++;
}

RtProfile *rt_profile_new(void) {
  RtProfile *p = RT_NEW(1, RtProfile);
  uint32_t all = 0;
  for (int e = 0; e < TESS_ENTRIES; e++) all += tess_program.entry[e].nlaunch;
  p->row = RT_NEW(all, RtProfileRow);
  for (int e = 0; e < TESS_ENTRIES; e++) {
    p->row_of[e] = RT_NEW(tess_program.entry[e].nlaunch, int);
    p->launch[e] = RT_NEW(tess_program.entry[e].nlaunch, RtProfileLaunch);
    for (uint32_t i = 0; i < tess_program.entry[e].nlaunch; i++)
      p->row_of[e][i] = find_row(p, &tess_program.entry[e].launch[i]);
  }
  p->hook = (RtHook){add, p};
  return p;
}

void rt_profile_free(RtProfile *p) {
  if (!p) return;
  for (int e = 0; e < TESS_ENTRIES; e++) {
    free(p->row_of[e]);
    free(p->launch[e]);
  }
  free(p->row);
  free(p);
}

static int longest_first(const void *a, const void *b) {
  const RtProfileRow *x = *(const RtProfileRow *const *)a, *y = *(const RtProfileRow *const *)b;
  if (x->seconds != y->seconds) return x->seconds > y->seconds ? -1 : 1;
  return strcmp(x->kernel, y->kernel);
}

void rt_profile_print(const RtProfile *p, uint64_t steps, FILE *out) {
  const RtProfileRow **row = RT_NEW(p->n, const RtProfileRow *);
  double all = 0, n = (double)(steps ? steps : 1);
  for (int i = 0; i < p->n; i++) {
    row[i] = &p->row[i];
    all += row[i]->seconds;
  }
  qsort(row, (size_t)p->n, sizeof *row, longest_first);
  fprintf(out, "%7s %9s %9s %9s %8s  %s\n", "share", "ms/step", "launches", "GFLOP/s", "GB/s",
          "kernel (its line): what it computes, and how many launches that is");
  for (int i = 0; i < p->n; i++) {
    const RtProfileRow *r = row[i];
    if (!r->launches) continue;
    double s = r->seconds > 0 ? r->seconds : 1e-9;
    fprintf(out, "%6.2f%% %9.3f %9.1f %9.1f %8.1f  %s (%s): ", 100 * r->seconds / (all > 0 ? all : 1),
            1e3 * r->seconds / n, (double)r->launches / n, r->flop / s * 1e-9, r->bytes / s * 1e-9, r->kernel,
            r->source);
    rt_profile_origins(p, (int)(r - p->row), out);
    fputc('\n', out);
  }
  free(row);
}
