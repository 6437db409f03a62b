/* The memory plan: every buffer of the program gets an offset in one arena. States come first and live
 * always; the rest of an entry's buffers share what follows, largest first, each in the smallest gap that is
 * free for the whole of its life. Entries never run at the same time, so they overlap. */
#include "passes/lower/lower.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64 };

static int64_t padded(int64_t bytes) {
  return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static int by_size(const void *x, const void *y) {
  const PBuf *a = *(PBuf *const *)x, *b = *(PBuf *const *)y;
  if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
  return a->id - b->id;
}

/* A placed buffer, as small as the search for gaps can have it: that looks at each of them for each. */
typedef struct Placed {
  int64_t offset, end;
  int first, last; /* of its life */
} Placed;

/* The lowest offset from `base` where b fits between the placed buffers (sorted by offset) that it meets;
 * among gaps the smallest that holds it. */
static int64_t find(const PBuf *b, const Placed *placed, int n, int64_t base) {
  int64_t end = base, best = -1, best_gap = INT64_MAX, need = padded(b->bytes);
  for (int i = 0; i < n; i++) {
    if (b->first > placed[i].last || placed[i].first > b->last) continue;
    int64_t gap = placed[i].offset - end;
    if (gap >= need && gap < best_gap) best = end, best_gap = gap;
    if (placed[i].end > end) end = placed[i].end;
  }
  return best >= 0 ? best : end;
}

/* The first place of a buffer that does not lie before the offset. */
static int place_of(const Placed *placed, int n, int64_t offset) {
  int lo = 0;
  while (lo < n) {
    int mid = (lo + n) / 2;
    if (placed[mid].offset < offset)
      lo = mid + 1;
    else
      n = mid;
  }
  return lo;
}

static void insert(Placed *placed, int n, const PBuf *b) {
  int i = place_of(placed, n, b->offset);
  memmove(placed + i + 1, placed + i, sizeof *placed * (size_t)(n - i));
  placed[i] = (Placed){b->offset, b->offset + padded(b->bytes), b->first, b->last};
}

static int64_t plan_entry(PBuf **buf, int n, int64_t base) {
  Placed *placed = calloc((size_t)n + 1, sizeof *placed);
  if (!placed) diag_no_memory();
  int64_t top = base;
  qsort(buf, (size_t)n, sizeof *buf, by_size);
  for (int i = 0; i < n; i++) {
    buf[i]->offset = find(buf[i], placed, i, base);
    insert(placed, i, buf[i]);
    int64_t end = buf[i]->offset + padded(buf[i]->bytes);
    if (end > top) top = end;
  }
  free(placed);
  return top;
}

/* Most bytes of the entry's buffers that live at once. */
static int64_t most_live(PBuf *const *buf, int n, int launches) {
  int64_t most = 0, now = 0;
  int64_t *change = calloc((size_t)launches + 2, sizeof *change);
  if (!change) diag_no_memory();
  for (int i = 0; i < n; i++) {
    change[buf[i]->first] += buf[i]->bytes;
    change[buf[i]->last + 1] -= buf[i]->bytes;
  }
  for (int i = 0; i <= launches; i++) {
    now += change[i];
    if (now > most) most = now;
  }
  free(change);
  return most;
}

/* Pinned buffers live from the entry's first launch to past its last. */
static int collect(const Prog *p, int entry, PBuf **out) {
  int n = 0, last = p->entry[entry].nlaunch;
  for (int i = 0; i < p->nbuf; i++) {
    PBuf *b = p->buf[i];
    if (b->persistent || b->entry != entry) continue;
    if (b->pinned) b->first = 0, b->last = last;
    if (b->first >= 0) out[n++] = b;
  }
  return n;
}

static int64_t place_states(Prog *p, int64_t *bytes) {
  int64_t at = 0;
  for (int i = 0; i < p->nbuf; i++) {
    if (!p->buf[i]->persistent) continue;
    p->buf[i]->offset = at;
    at += padded(p->buf[i]->bytes);
    *bytes += p->buf[i]->bytes;
  }
  return at;
}

void prog_memory(Prog *p) {
  int64_t states = 0, live = 0, base = place_states(p, &states);
  p->arena_bytes = base;
  PBuf **buf = ARENA_ARRAY(p->arena, p->nbuf + 1, PBuf *);
  for (int e = 0; e < EN_COUNT; e++) {
    int n = collect(p, e, buf);
    int64_t top = plan_entry(buf, n, base);
    int64_t most = most_live(buf, n, p->entry[e].nlaunch);
    if (top > p->arena_bytes) p->arena_bytes = top;
    if (most > live) live = most;
  }
  p->live_bytes = states + live;
}
