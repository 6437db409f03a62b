/* Makes a file for `PROGRAM replay` from a description of any size: the graph interpreter runs its steps in
 * f64 on random parameters and data, and all that goes in and comes out is written. Nothing of lowering,
 * planning or machine code takes part.
 *
 *   make_replay DESCRIPTION FILE.safetensors [-D NAME=VALUE].. [--steps N] [--seed N] [--raw] [--scale
 * PATTERN=X]..
 *
 * With --raw only data is supplied, and the program must make draws and lets of the train block itself; else
 * everything that can be supplied is. --scale multiplies the parameters whose names match a shell pattern. */
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/frontend.h"
#include "runtime/state/rt_safetensors.h"

enum { MOST_STEPS = 99, MOST = 64 };

typedef struct Scale {
  const char *pattern;
  double by;
} Scale;

typedef struct Options {
  const char *description, *out;
  int ndefine, nscale;
  const char *define[MOST];
  Scale scale[MOST];
  uint64_t steps, seed;
  bool raw;
} Options;

typedef struct Maker {
  Arena *arena;
  const Options *o;
  Graph *graph;
  GraphRun *run;
  GraphEnv env;
  EntryKind pass; /* micro, or eval where nothing is trained */
  uint64_t micros;
  uint64_t draws; /* numbers drawn so far */
  double *losses; /* [steps, nloss] */
  uint64_t nloss;
  int nout, cap_out;
  RtOut *out;
} Maker;

/* SplitMix64: not the generator of the programs. */
static uint64_t bits(Maker *m) {
  uint64_t x = (m->o->seed << 32) + ++m->draws * 0x9e3779b97f4a7c15u;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

static double uniform(Maker *m) {
  return ((double)(bits(m) >> 11) + 0.5) * 0x1p-53;
}

static double normal(Maker *m) {
  double u = uniform(m);
  return sqrt(-2 * log(u)) * cos(6.283185307179586 * uniform(m));
}

/* What the program sees of the step block in replay. */
static double scalar(void *ctx, const char *field) {
  const Maker *m = ctx;
  if (!strcmp(field, "constant")) return 1;
  if (!strcmp(field, "step")) return (double)m->env.step;
  if (!strcmp(field, "micro")) return (double)m->env.micro;
  for (int i = 0; i < m->graph->nsetting; i++)
    if (!strcmp(m->graph->setting[i].name, field)) return (double)(float)m->graph->setting[i].value;
  return (double)m->o->steps;
}

static Shape whole_shape(const Maker *m, Shape s) {
  if (s.rank > 0) s.dim[0] *= (int64_t)m->micros;
  return s;
}

/* A tensor of the file, to be filled; its type is the graph's. */
static char *add_tensor(Maker *m, const char *name, DType type, const Shape *s) {
  RtOut t = {.name = name, .t = {.dtype = (uint32_t)type, .rank = (uint32_t)s->rank}};
  t.t.count = (uint64_t)shape_count(s);
  for (int i = 0; i < s->rank; i++) t.t.dim[i] = (uint64_t)s->dim[i];
  char *data = arena_array(m->arena, t.t.count, (size_t)dtype_size(type));
  t.data = data;
  ARENA_GROW(m->arena, m->out, m->nout, m->cap_out);
  m->out[m->nout++] = t;
  return data;
}

static void put(char *to, DType type, const double *from, int64_t n) {
  for (int64_t i = 0; i < n; i++) rt_type_set((uint32_t)type, to, (uint64_t)i, from[i]);
}

static void add_state(Maker *m, const char *prefix, const State *of, const State *memory) {
  int64_t n = shape_count(&memory->shape);
  char *to = add_tensor(m, arena_printf(m->arena, "%s.%s", prefix, of->name), memory->dtype, &memory->shape);
  put(to, memory->dtype, graph_run_state(m->run, memory), n);
}

static bool is_loaded(const State *s) {
  return s->kind == ST_PARAM || s->kind == ST_FROZEN || s->kind == ST_CARRIED;
}

/* Away from the zeros and ones of the first values, which hide faults; as f32 holds them. */
static void draw_params(Maker *m) {
  for (int i = 0; i < m->graph->nstate; i++) {
    const State *s = m->graph->state[i];
    double *p = graph_run_state(m->run, s), by = 1;
    if (!is_loaded(s)) continue;
    for (int k = 0; k < m->o->nscale; k++)
      if (!fnmatch(m->o->scale[k].pattern, s->name, 0)) by *= m->o->scale[k].by;
    double spread = s->shape.rank > 1 ? 0.05 : 0.2;
    for (int64_t k = 0; k < shape_count(&s->shape); k++)
      p[k] = graph_convert(s->dtype, by * (p[k] + spread * normal(m)), false);
    add_state(m, "param", s, s);
  }
}

static double draw(Maker *m, const Value *v) {
  if (dtype_is_float(v->node->dtype)) return normal(m);
  uint64_t below = v->classes > 0 ? (uint64_t)v->classes : 256;
  return (double)(bits(m) % below);
}

/* A tensor that holds a value of all micro-batches of the step. */
static char *add_value(Maker *m, const Value *v) {
  Shape whole = whole_shape(m, v->node->shape);
  char *name = arena_printf(m->arena, "step%d.%s", (int)m->env.step, v->name);
  for (int i = 0; i < m->nout; i++)
    if (!strcmp(m->out[i].name, name)) return (char *)m->out[i].data; /* of an earlier micro-batch */
  return add_tensor(m, name, v->node->dtype, &whole);
}

/* Writes this micro-batch's part. */
static void record(Maker *m, const Value *v, const double *x) {
  int64_t n = shape_count(&v->node->shape);
  uint64_t micro = v->node->shape.rank > 0 ? m->env.micro : 0;
  put(add_value(m, v) + micro * (uint64_t)n * (uint64_t)dtype_size(v->node->dtype), v->node->dtype, x, n);
}

static void supply(Maker *m, const Value *v, double *x) {
  for (int64_t i = 0; i < shape_count(&v->node->shape); i++)
    x[i] = graph_convert(v->node->dtype, x[i], false);
  record(m, v, x);
  graph_run_supply(m->run, v->name, x);
}

static double *copy(Maker *m, const double *x, int64_t n) {
  double *to = ARENA_ARRAY(m->arena, n, double);
  memcpy(to, x, sizeof *to * (size_t)n);
  return to;
}

static bool enter(Maker *m, EntryKind e) {
  return !m->graph->entry[e].present || graph_run_entry(m->run, e, &m->env);
}

static void supply_data(Maker *m) {
  const Entry *e = &m->graph->entry[m->pass];
  for (int i = 0; i < e->nvalue; i++) {
    const Value *v = &e->value[i];
    if (!(v->flags & V_DATA)) continue;
    int64_t n = shape_count(&v->node->shape);
    double *x = ARENA_ARRAY(m->arena, n, double);
    for (int64_t k = 0; k < n; k++) x[k] = draw(m, v);
    supply(m, v, x);
  }
}

/* Every state's memory, out of the run (`back`: into it). */
static void copy_states(Maker *m, double **kept, bool back) {
  for (int i = 0; i < m->graph->nstate; i++) {
    const State *s = m->graph->state[i];
    size_t bytes = sizeof(double) * (size_t)shape_count(&s->shape);
    memcpy(back ? graph_run_state(m->run, s) : kept[i], back ? kept[i] : graph_run_state(m->run, s), bytes);
  }
}

/* Runs the pass for its values alone. */
static bool look(Maker *m) {
  int n = m->graph->nstate;
  double **kept = ARENA_ARRAY(m->arena, n + 1, double *);
  for (int i = 0; i < n; i++)
    kept[i] = ARENA_ARRAY(m->arena, shape_count(&m->graph->state[i]->shape), double);
  copy_states(m, kept, false);
  bool ok = enter(m, m->pass);
  copy_states(m, kept, true);
  return ok;
}

/* What the data makes of the values that may be supplied, rounded: supplied from then on. */
static bool supply_lets(Maker *m) {
  const Entry *e = &m->graph->entry[m->pass];
  if (m->o->raw) return true;
  for (int i = 0; i < e->nvalue; i++)
    if (!(e->value[i].flags & V_DATA) && e->value[i].flags & V_SUPPLY)
      graph_run_supply(m->run, e->value[i].name, NULL);
  if (!look(m)) return false;
  for (int i = 0; i < e->nvalue; i++) {
    const Value *v = &e->value[i];
    bool kept = v->node->shape.rank > 0 || m->micros == 1;
    if (!(v->flags & V_SUPPLY) || v->flags & (V_REPORT | V_DATA) || !kept) continue;
    supply(m, v, copy(m, graph_run_value(m->run, v->name), shape_count(&v->node->shape)));
  }
  return true;
}

static void record_reports(Maker *m, EntryKind kind) {
  const Entry *e = &m->graph->entry[kind];
  uint64_t column = 0;
  for (int i = 0; i < e->nvalue; i++) {
    const Value *v = &e->value[i];
    const double *x = graph_run_value(m->run, v->name);
    if (v->flags & V_LOSS)
      m->losses[m->env.step * m->nloss + column++] += *x / (double)m->micros;
    else if (v->flags & V_REPORT && (v->node->shape.rank > 0 || m->micros == 1))
      record(m, v, x);
  }
}

static void record_gradients(Maker *m) {
  for (int i = 0; i < m->graph->nstate; i++) {
    const State *s = m->graph->state[i];
    if (s->kind == ST_GRAD && s->of && s->of->kind == ST_PARAM) add_state(m, "grad", s->of, s);
  }
}

static bool run_step(Maker *m) {
  for (uint64_t micro = 0; micro < m->micros; micro++) {
    m->env.micro = micro;
    supply_data(m);
    if (!supply_lets(m) || !enter(m, m->pass)) return false;
    record_reports(m, m->pass);
  }
  if (m->pass == EN_EVAL) return true;
  if (m->env.step == 0) record_gradients(m);
  if (!enter(m, EN_UPDATE)) return false;
  record_reports(m, EN_UPDATE);
  return true;
}

static void record_end(Maker *m) {
  for (int i = 0; i < m->graph->nstate; i++)
    if (is_loaded(m->graph->state[i]) && m->graph->state[i]->kind != ST_FROZEN)
      add_state(m, "final", m->graph->state[i], m->graph->state[i]);
  if (!m->nloss) return;
  Shape s = shape_of(2, (int64_t[]){(int64_t)m->o->steps, (int64_t)m->nloss});
  put(add_tensor(m, "losses", DT_F32, &s), DT_F32, m->losses, shape_count(&s));
}

static bool run_all(Maker *m) {
  if (!enter(m, EN_INIT)) return false;
  draw_params(m);
  if (!enter(m, EN_PREPARE)) return false;
  for (m->env.step = 0; m->env.step < m->o->steps; m->env.step++)
    if (!run_step(m)) return false;
  record_end(m);
  return true;
}

/* The parameters of the description, so that "-D @FILE" builds for this file. */
static bool write_file(const Maker *m) {
  RtPair meta[MOST];
  int n = 0;
  for (int i = 0; i < m->o->ndefine; i++) {
    const char *eq = strchr(m->o->define[i], '=');
    if (!eq) continue;
    meta[n].key = arena_strndup(m->arena, m->o->define[i], (size_t)(eq - m->o->define[i]));
    meta[n++].value = eq + 1;
  }
  return rt_file_write(m->o->out, m->out, m->nout, meta, n, NULL);
}

static void start(Maker *m) {
  const Graph *g = m->graph;
  m->pass = g->entry[EN_MICRO].present ? EN_MICRO : EN_EVAL;
  m->micros = m->pass == EN_MICRO ? (uint64_t)g->accumulate : 1;
  for (int i = 0; i < g->entry[m->pass].nvalue; i++)
    m->nloss += (g->entry[m->pass].value[i].flags & V_LOSS) != 0;
  m->losses = ARENA_ARRAY(m->arena, m->o->steps * m->nloss + 1, double);
  m->run = graph_run_new(g, true);
  m->env.scalar = scalar;
  m->env.ctx = m;
}

static bool make(const Options *o) {
  Maker m = {.arena = arena_new(), .o = o};
  FrontArgs args = {.ndefine = o->ndefine, .define = o->define, .library = SOURCE_DIR "/models"};
  m.graph = front_build(m.arena, o->description, &args, NULL);
  bool ok = m.graph && graph_verify(m.graph);
  if (ok) {
    start(&m);
    ok = run_all(&m) && write_file(&m);
    graph_run_free(m.run);
  }
  arena_free(m.arena);
  return ok;
}

static bool take_scale(Options *o, char *text) {
  char *eq = strrchr(text, '=');
  if (!eq || o->nscale == MOST) return false;
  *eq = '\0';
  o->scale[o->nscale++] = (Scale){text, strtod(eq + 1, NULL)};
  return true;
}

static bool take_option(Options *o, const char *name, char *value) {
  if (!strcmp(name, "-D")) {
    if (o->ndefine == MOST) return false;
    o->define[o->ndefine++] = value;
    return true;
  }
  if (!strcmp(name, "--scale")) return take_scale(o, value);
  uint64_t *to = !strcmp(name, "--steps") ? &o->steps : !strcmp(name, "--seed") ? &o->seed : NULL;
  if (to) *to = strtoull(value, NULL, 10);
  return to != NULL;
}

static bool parse(Options *o, int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    if (!strcmp(argv[i], "--raw"))
      o->raw = true;
    else if (argv[i][0] == '-' && i + 1 < argc && take_option(o, argv[i], argv[i + 1]))
      i++;
    else if (argv[i][0] != '-' && !o->out)
      *(o->description ? &o->out : &o->description) = argv[i];
    else
      return false;
  }
  return o->out && o->steps > 0 && o->steps <= MOST_STEPS;
}

int main(int argc, char **argv) {
  Options o = {.steps = 1};
  if (!parse(&o, argc, argv)) {
    fputs("make_replay DESCRIPTION FILE.safetensors [-D NAME=VALUE].. [--steps N] [--seed N] [--raw] "
          "[--scale PATTERN=X]..\n",
          stderr);
    return 2;
  }
  return !make(&o);
}
