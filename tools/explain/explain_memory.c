/* What is in memory when: a chart of each entry, and what lives at its peak. */
#include <stdlib.h>
#include <string.h>

#include "tools/explain/explain.h"

enum { COLUMNS = 72, HEIGHT = 12, MOST_LISTED = 24 };

static const double mib = 1 << 20;
static const char marks[FM_COUNT] = {[FM_NAMED] = '.', [FM_KEPT] = '#', [FM_WORK] = '+'};

/* Buffers that hold the same class of values for the same purpose. */
typedef struct Live {
  const FactBuf *first;
  int count;
  int64_t bytes;
} Live;

static int largest_first(const void *x, const void *y) {
  const Live *a = x, *b = y;
  if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
  return a->first->buf->id - b->first->buf->id;
}

static bool is_live(const PBuf *b, const FactEntry *e, int launch) {
  return b->persistent ||
         (b->entry == (int)e->kind && b->first >= 0 && b->first <= launch && launch <= b->last);
}

static int collect(const Facts *f, const FactEntry *e, Live *live) {
  int n = 0;
  for (int i = 0; i < f->prog->nbuf; i++) {
    const FactBuf *b = &f->buf[i];
    if (!is_live(b->buf, e, e->peak)) continue;
    int at = 0;
    while (at < n && (live[at].first->kind != b->kind || strcmp(live[at].first->value, b->value) != 0)) at++;
    if (at == n) live[n++] = (Live){.first = b};
    live[at].count++;
    live[at].bytes += b->buf->bytes;
  }
  qsort(live, (size_t)n, sizeof *live, largest_first);
  return n;
}

static void show_live(const Explain *x, const FactEntry *e, FILE *out) {
  const Facts *f = x->facts;
  Live *live = ARENA_ARRAY(x->arena, f->prog->nbuf + 1, Live);
  int n = collect(f, e, live);
  int64_t rest = 0;
  fprintf(out, "\n  %10s %5s  %-9s  %s\n", "MiB", "count", "kind", "live at the peak");
  for (int i = 0; i < n; i++) {
    const FactBuf *b = live[i].first;
    if (i >= MOST_LISTED) {
      rest += live[i].bytes;
      continue;
    }
    fprintf(out, "  %10.3f %5d  %-9s  %s", (double)live[i].bytes / mib, live[i].count, fact_memory[b->kind],
            b->value);
    if (b->loc.src)
      fprintf(out, "  %s:%d  %s", b->loc.src->path, b->loc.line, explain_line(x->arena, b->loc));
    fprintf(out, "\n");
  }
  if (rest) fprintf(out, "  %10.3f        and %d smaller\n", (double)rest / mib, n - MOST_LISTED);
}

/* Most of what is live apart from what always is, in the launches that the column stands for. */
static int64_t column_peak(const FactEntry *e, int column, int columns, int64_t part[FM_COUNT]) {
  int all = e->nlaunch + 1, from = all * column / columns, to = all * (column + 1) / columns;
  int64_t most = -1;
  for (int i = from; i < to; i++) {
    int64_t sum = 0;
    for (int k = FM_ENTRY; k < FM_COUNT; k++) sum += e->live[k][i];
    if (sum <= most) continue;
    most = sum;
    for (int k = FM_ENTRY; k < FM_COUNT; k++) part[k] = e->live[k][i];
  }
  return most;
}

static char mark_at(const int64_t part[FM_COUNT], double level) {
  double sum = 0;
  for (int k = FM_ENTRY; k < FM_COUNT; k++) {
    sum += (double)part[k];
    if (sum > level) return marks[k];
  }
  return ' ';
}

static void show_chart(Arena *a, const FactEntry *e, int64_t most, FILE *out) {
  int columns = e->nlaunch + 1 < COLUMNS ? e->nlaunch + 1 : COLUMNS;
  int64_t part[COLUMNS][FM_COUNT] = {0};
  for (int c = 0; c < columns; c++) column_peak(e, c, columns, part[c]);
  for (int row = HEIGHT - 1; row >= 0; row--) {
    double level = ((double)row + 0.5) / HEIGHT * (double)most;
    fprintf(out, "  %10s |", explain_size(a, (double)most * (row + 1) / HEIGHT));
    for (int c = 0; c < columns; c++) fputc(mark_at(part[c], level), out);
    fputc('\n', out);
  }
  fprintf(out, "             +");
  for (int c = 0; c < columns; c++) fputc('-', out);
  fprintf(out, "\n              launches 0 to %d;", e->nlaunch - 1);
  for (int k = FM_ENTRY; k < FM_COUNT; k++) fprintf(out, " %c %s", marks[k], fact_memory[k]);
  fputc('\n', out);
}

static void show_entry(const Explain *x, const FactEntry *e, FILE *out) {
  const Facts *f = x->facts;
  int64_t always = 0;
  for (int k = 0; k < FM_ENTRY; k++) always += f->always[k];
  fprintf(out, "\n%s: %.3f MiB live at its peak, %.3f beside what always is: ", explain_entries[e->kind],
          (double)fact_live(f, e, e->peak) / mib, (double)(fact_live(f, e, e->peak) - always) / mib);
  if (e->peak < e->nlaunch) {
    const PLaunch *l = e->launch[e->peak].launch;
    fprintf(out, "launch %d of %d, %s, %s:%d\n", e->peak, e->nlaunch, l->origin,
            l->loc.src ? l->loc.src->path : "", l->loc.line);
  } else {
    fprintf(out, "after its last launch\n");
  }
  show_chart(x->arena, e, fact_live(f, e, e->peak) - always, out);
  show_live(x, e, out);
}

static void show_always(const Facts *f, FILE *out) {
  const Prog *p = f->prog;
  fprintf(out, "%lld bytes planned, %lld live at once at least (%.3f times that)\n",
          (long long)p->arena_bytes, (long long)p->live_bytes,
          (double)p->arena_bytes / (double)(p->live_bytes ? p->live_bytes : 1));
  fprintf(out, "always:");
  for (int k = 0; k < FM_ENTRY; k++)
    if (f->always[k]) fprintf(out, " %s %.3f MiB", fact_memory[k], (double)f->always[k] / mib);
  fputc('\n', out);
}

void explain_memory(const Explain *x, FILE *out) {
  show_always(x->facts, out);
  for (int i = 0; i < EN_COUNT; i++) {
    const FactEntry *e = &x->facts->entry[i];
    if (explain_shows(x, e)) show_entry(x, e, out);
  }
}
