/* The cheapest saved set. A class that the backward pass needs is kept or made again, and what is made again
 * needs its operands: the least sum of costs over choices closed under "needs" is a minimum cut (J.-C.
 * Picard, Maximal closure of a graph, 1976). Each class is two vertices, "needed" and "made again"; the cut
 * separates what is chosen from what is not. Found by Dinic's algorithm. */
#include "passes/save/save.h"

/* More than all real costs together: those of 32 TiB of values at the highest price. */
static const int64_t unlimited = INT64_MAX / 4;

typedef struct Arc {
  int to, next;
  int64_t room;
} Arc;

/* Arc i and arc i ^ 1 are the two directions of one. */
typedef struct Net {
  int n, source, sink;
  int *head, *level, *at;
  int narc;
  Arc *arc;
} Net;

static void add_half(Net *net, int from, int to, int64_t room) {
  net->arc[net->narc] = (Arc){.to = to, .next = net->head[from], .room = room};
  net->head[from] = net->narc++;
}

static void add_arc(Net *net, int from, int to, int64_t room) {
  add_half(net, from, to, room);
  add_half(net, to, from, 0);
}

static Net *net_new(Arena *a, int vertices, int arcs) {
  Net *net = ARENA_NEW(a, Net);
  *net = (Net){.n = vertices + 2, .source = vertices, .sink = vertices + 1};
  net->head = ARENA_ARRAY(a, net->n, int);
  net->level = ARENA_ARRAY(a, net->n, int);
  net->at = ARENA_ARRAY(a, net->n, int);
  net->arc = ARENA_ARRAY(a, 2 * arcs, Arc);
  for (int i = 0; i < net->n; i++) net->head[i] = -1;
  return net;
}

/* Distances from the source along arcs with room; whether the sink has one. */
static bool set_levels(Net *net) {
  int *queue = net->at, first = 0, last = 0;
  for (int i = 0; i < net->n; i++) net->level[i] = -1;
  net->level[net->source] = 0;
  queue[last++] = net->source;
  while (first < last) {
    int v = queue[first++];
    for (int i = net->head[v]; i >= 0; i = net->arc[i].next) {
      if (!net->arc[i].room || net->level[net->arc[i].to] >= 0) continue;
      net->level[net->arc[i].to] = net->level[v] + 1;
      queue[last++] = net->arc[i].to;
    }
  }
  return net->level[net->sink] >= 0;
}

/* Sends up to `room` from v on towards the sink, each arc one level further. */
static int64_t push(Net *net, int v, int64_t room) {
  if (v == net->sink) return room;
  int64_t sent = 0;
  for (int *i = &net->at[v]; *i >= 0; *i = net->arc[*i].next) {
    Arc *x = &net->arc[*i];
    if (!x->room || net->level[x->to] != net->level[v] + 1) continue;
    int64_t rest = room - sent, through = push(net, x->to, x->room < rest ? x->room : rest);
    x->room -= through;
    net->arc[*i ^ 1].room += through;
    sent += through;
    if (sent == room) break;
  }
  return sent;
}

/* Afterwards the levels tell the source's side of the cut. */
static void cut(Net *net) {
  while (set_levels(net)) {
    for (int i = 0; i < net->n; i++) net->at[i] = net->head[i];
    push(net, net->source, unlimited);
  }
}

/* Choosing v costs `cost`, or gains it. */
static void weigh(Net *net, int v, int64_t cost) {
  if (cost > 0) add_arc(net, v, net->sink, cost);
  if (cost < 0) add_arc(net, net->source, v, -cost);
}

static int needed(int class) {
  return 2 * class;
}

static int recomputed(int class) {
  return 2 * class + 1;
}

/* Whether c is made again if it is needed at all. What has memory anyway takes none for being kept. */
static bool only_again(const SaveClass *c) {
  return !c->kept_always && (!c->keepable || (c->asked == SS_RECOMPUTE && c->keep));
}

static int64_t keep_cost(const SaveClass *c, int64_t price) {
  return only_again(c) || !c->keep ? 0 : c->keep + price * c->bytes;
}

static void add_class(Net *net, const SaveClass *c, int i, int64_t price) {
  int64_t keep = keep_cost(c, price);
  weigh(net, needed(i), keep);
  weigh(net, recomputed(i), c->kept_always ? unlimited : c->again - keep);
  add_arc(net, recomputed(i), needed(i), unlimited);
  if (only_again(c)) add_arc(net, needed(i), recomputed(i), unlimited);
  for (int k = 0; k < c->ndep; k++) add_arc(net, recomputed(i), needed(c->dep[k]), unlimited);
  if (c->required) add_arc(net, net->source, needed(i), unlimited);
}

void save_cut(Save *s, int64_t price) {
  int arcs = 0;
  for (int i = 0; i < s->nclass; i++) arcs += 5 + s->class[i].ndep; /* see add_class */
  Net *net = net_new(s->arena, 2 * s->nclass, arcs);
  for (int i = 0; i < s->nclass; i++) add_class(net, &s->class[i], i, price);
  cut(net);
  for (int i = 0; i < s->nclass; i++) {
    s->class[i].need = net->level[needed(i)] >= 0;
    s->class[i].recompute = net->level[recomputed(i)] >= 0;
  }
}
