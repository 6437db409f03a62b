#include "runtime/verbs/rt_profile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text_stream.h"
#include "runtime/rt_base.h"
#include "runtime/rt_output.h"

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

enum { MOST_SHOWN = 4 };

typedef struct Origin {
  char *text; /* "blocks.*.mlp.fc1.contract" */
  int launches;
} Origin;

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Numbers at the beginnings of a path's parts become stars. */
static char *starred(const char *origin) {
  char *text = rt_format("%s", origin), *to = text;
  for (const char *p = origin; *p; p++) {
    bool index = is_digit(*p) && (p == origin || p[-1] == '.');
    while (index && is_digit(p[1])) p++;
    *to++ = index ? '*' : *p;
  }
  *to = 0;
  return text;
}

/* Adds a launch to the origins; how many there are then. */
static int add_origin(Origin *o, int n, const char *origin) {
  char *text = starred(origin);
  for (int i = 0; i < n; i++)
    if (!strcmp(o[i].text, text)) {
      o[i].launches++;
      free(text);
      return n;
    }
  o[n] = (Origin){.text = text, .launches = 1};
  return n + 1;
}

static int most_first(const void *a, const void *b) {
  const Origin *x = a, *y = b;
  return x->launches != y->launches ? y->launches - x->launches : strcmp(x->text, y->text);
}

static int gather_origins(const RtProfile *p, int row, Origin *o) {
  int n = 0;
  for (int e = 0; e < TESS_ENTRIES; e++)
    for (uint32_t i = 0; i < tess_program.entry[e].nlaunch; i++)
      if (p->row_of[e][i] == row && p->launch[e][i].runs)
        n = add_origin(o, n, tess_program.entry[e].launch[i].origin);
  return n;
}

/* What the launches of a row compute that have run, largest count first, indices starred:
 * "blocks.*.attn.qkv.y x12, head.y x1". */
static void print_origins(const RtProfile *p, int row, FILE *out) {
  uint32_t all = 0;
  for (int e = 0; e < TESS_ENTRIES; e++) all += tess_program.entry[e].nlaunch;
  Origin *o = RT_NEW(all, Origin);
  int n = gather_origins(p, row, o);
  qsort(o, (size_t)n, sizeof *o, most_first);
  for (int i = 0; i < n && i < MOST_SHOWN; i++)
    fprintf(out, "%s%s x%d", i ? ", " : "", o[i].text, o[i].launches);
  if (n > MOST_SHOWN) fprintf(out, " and %d more", n - MOST_SHOWN);
  for (int i = 0; i < n; i++) free(o[i].text);
  free(o);
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
    print_origins(p, (int)(r - p->row), out);
    fputc('\n', out);
  }
  free(row);
}

static void put_text(FILE *f, const char *key, const char *text) {
  fprintf(f, ",\"%s\":", key);
  json_put_string(f, text);
}

static void put_launch(FILE *f, const TessLaunch *l, const RtProfileLaunch *p) {
  fputs("\n  {\"kernel\":", f);
  json_put_string(f, l->kernel);
  fprintf(f, ",\"runs\":%" PRIu64 ",\"ns\":%.0f}", p->runs, p->seconds * 1e9);
}

static void put_entry(FILE *f, const RtProfile *p, int e, bool first) {
  const TessEntry *entry = &tess_program.entry[e];
  fprintf(f, "%s\n {\"name\":\"%s\",\"launches\":[", first ? "" : ",", rt_entry_name[e]);
  for (uint32_t i = 0; i < entry->nlaunch; i++) {
    if (i) fputc(',', f);
    put_launch(f, &entry->launch[i], &p->launch[e][i]);
  }
  fputs("]}", f);
}

static bool ran(const RtProfile *p, int e) {
  for (uint32_t i = 0; i < tess_program.entry[e].nlaunch; i++)
    if (p->launch[e][i].runs) return true;
  return false;
}

static void put_all(FILE *f, const RtProfile *p, int threads, uint64_t steps) {
  bool first = true;
  fputs("{\"tessera_profile\":1", f);
  put_text(f, "program", tess_program.name);
  put_text(f, "source_hash", tess_program.source_hash);
  put_text(f, "build", tess_program.build);
  fprintf(f, ",\"threads\":%d,\"steps\":%" PRIu64 ",\"entries\":[", threads, steps);
  for (int e = 0; e < TESS_ENTRIES; e++)
    if (ran(p, e)) {
      put_entry(f, p, e, first);
      first = false;
    }
  fputs("]}\n", f);
}

bool rt_profile_write(const RtProfile *p, int threads, uint64_t steps, const char *path) {
  TextStream json;
  bool open = text_stream_open(&json);
  if (open) put_all(json.f, p, threads, steps);
  bool whole = open && text_stream_close(&json);
  if (!whole) rt_error("%s: no memory for the profile", path);
  bool ok = whole && rt_write_whole(&(RtDest){.path = path}, &(RtPiece){json.text, json.size}, 1);
  free(whole ? json.text : NULL);
  return ok;
}
