/* Programs whose forward pass changes states, of random sizes, as machine code and in the kernel interpreter
 * beside the graph interpreter: running statistics, a follower with its own, a queue, a centre, and
 * micro-batches. */
#include <inttypes.h>

#include "codegen/cpu/cpu.h"
#include "frontend/frontend.h"
#include "tests/passes/trial.h"
#include "tests/suite.h"

enum { STEPS = 3, DEFINES = 10 };

static const char text[] =
    "import \"lib/nn.tess\"\n"
    "import \"lib/loss.tess\"\n"
    "import \"lib/optim.tess\"\n"
    "module net(chans, wide, outputs) {\n"
    "  conv: conv2d(chans, wide, 3, padding = 1, biased = false)\n"
    "  norm: batch_norm(wide, momentum = 0.25)\n"
    "  head: linear(wide, outputs)\n"
    "  fn (x [B, chans, H, W]) = head(reduce(gelu(norm(conv(x))), \"b c h w -> b c\", \"mean\"))\n"
    "}\n"
    "train t(batch = 4, accumulate = 1, chans = 2, side = 4, wide = 5, outputs = 3, rows = 7, twice = 0, "
    "kind = 0, "
    "keep = 0.75) {\n"
    "  data x f32 [batch, chans, side, side] = given()\n"
    "  data label i32 [batch] = label(classes = 10)\n"
    "  model student = net(chans, wide, outputs)\n"
    "  state teacher = net(chans, wide, outputs) from student\n"
    "  state average = net(chans, wide, outputs) from student\n"
    "  state centre [outputs] = zeros\n"
    "  state queue [rows, outputs] = 0.5\n"
    "  state labels i32 [rows] = -1\n"
    "  state seen i32 [] = 0\n"
    "  let key = teacher(x)\n"
    "  let y = if twice == 1 then student(x) + student(2 * x) else student(x)\n"
    "  let near = cast(labels[0:1], f32)\n"
    "  minimise squared_error(y, key - centre) + 0.01 * mean(einsum(y, queue, \"b d, r d -> b r\")) + 0 * "
    "sum(near * mean(y))\n"
    "  centre = 0.9 * centre + 0.1 * reduce(key, \"b d -> d\", \"mean\")\n"
    "  queue = concat((stop_gradient(y), queue), axis = 0)[0:rows]\n"
    "  labels = concat((label, labels), axis = 0)[0:rows]\n"
    "  seen = seen + batch\n"
    "  report y, key, centre, seen\n"
    "  optimizer if rank > 1 and kind == 1 then muon(lr = 1e-3, decay = 0.1)\n"
    "    else if kind == 2 then lamb(lr = 1e-2, eps = 1e-3, decay = 0.1, adapt = rank > 1)\n"
    "    else if kind == 3 then lars(lr = 1, decay = if rank > 1 then 0.1 else 0)\n"
    "    else adamw(lr = 1e-3, eps = 1e-3, decay = if rank > 1 then 0.1 else 0)\n"
    "  update teacher = keep * teacher + (1 - keep) * student\n"
    "  update average = select(step(\"step\") < 1, student, 0.5 * average + 0.5 * student)\n"
    "  evaluate { report z = average(x), q = sum(queue) }\n"
    "}\n";

static Graph *build(Arena *a, const char *const *define) {
  FrontArgs args = {.ndefine = DEFINES, .define = define, .library = SOURCE_DIR "/models"};
  Graph *g = front_build_source(a, diag_source(a, "states.tess", text, strlen(text)), &args, NULL);
  ck_assert_ptr_nonnull(g);
  ck_assert(graph_verify(g));
  return g;
}

static void draw_sizes(Arena *a, const char **define) {
  int i = 0;
#define SIZE(name, least, n) define[i++] = arena_printf(a, name "=%u", (least) + draw_below(n))
  SIZE("batch", 4, 6);
  SIZE("accumulate", 1, 3);
  SIZE("chans", 1, 3);
  SIZE("side", 2, 6);
  SIZE("wide", 1, 40);
  SIZE("outputs", 1, 20);
  SIZE("rows", 1, 20);
  SIZE("twice", 0, 2);
  SIZE("kind", 0, 4);
#undef SIZE
  define[i++] = arena_printf(a, "keep=%.3f", draw_real(0, 1));
}

static void supply_data(Trial *t, EntryKind e) {
  t->step.supplied = 0;
  for (int i = 0; i < t->prog->nvalue; i++) {
    const Value *v = t->prog->value[i].value;
    if (t->prog->value[i].entry != e || !(v->flags & V_DATA)) continue;
    int64_t n = shape_count(&v->node->shape);
    double *x = ARENA_ARRAY(t->arena, n, double);
    for (int64_t k = 0; k < n; k++)
      x[k] = dtype_is_float(v->node->dtype) ? (double)(float)draw_normal() : draw_below(10);
    trial_supply(t, e, v->name, x);
  }
}

/* Away from zeros and ones, equal on all sides; variances stay positive. */
static void stir(Trial *t) {
  for (int i = 0; i < t->prog->nstate; i++) {
    const PState *s = &t->prog->state[i];
    if (s->state->kind != ST_PARAM && s->state->kind != ST_CARRIED) continue;
    double *p = graph_run_state(t->run, s->state);
    for (int64_t k = 0; k < shape_count(&s->shape); k++) {
      if (s->state->dtype == DT_F32) p[k] = (double)(float)(p[k] + draw_real(-0.2, 0.2));
      for (int side = 0; side < TRIAL_SIDES; side++)
        dtype_set(s->state->dtype, t->memory[side] + s->buf->offset + s->at, k, p[k]);
    }
  }
}

static void run_step(Trial *t) {
  for (t->step.micro = 0; t->step.micro < (uint64_t)t->prog->graph->accumulate; t->step.micro++) {
    supply_data(t, EN_MICRO);
    trial_enter(t, EN_MICRO);
  }
  t->step.micro--;
  t->step.supplied = 0;
  trial_enter(t, EN_UPDATE);
}

static void run_case(int i) {
  draw_from(suite_seed() + (uint64_t)i);
  Arena *a = arena_new();
  const char *define[DEFINES];
  draw_sizes(a, define);
  printf("case of seed %" PRIu64 ":", suite_seed() + (uint64_t)i);
  for (int k = 0; k < DEFINES; k++) printf(" %s", define[k]);
  printf("\n");
  fflush(stdout);
  Graph *reference = build(a, define), *lowered = build(a, define);
  Trial t = trial_open(a, reference, lowered);
  t.bound = 5e-4; /* gradients in front of a norm of a few values are small differences */
  trial_run(&t, EN_INIT);
  stir(&t);
  for (t.step.step = 0; t.step.step < STEPS; t.step.step++) run_step(&t);
  supply_data(&t, EN_EVAL);
  trial_enter(&t, EN_EVAL);
  trial_close(&t);
}

START_TEST(states_of_random_programs) {
  int rounds = suite_rounds(6);
  for (int i = 0; i < rounds; i++) run_case(i);
}
END_TEST

SUITE("states") {
  tcase_add_test(t, states_of_random_programs);
}
