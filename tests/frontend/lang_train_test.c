/* Train blocks: gradients, accumulation, clipping, optimizers, refused updates, evaluation, and what the
 * models promise about their parameters. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/frontend/lang_case.h"
#include "tests/suite.h"

/* In f64: 9e-16 off at most, over 30 seeds. */
static const double tight = 1e-13;

/* y = w x + b, squared error: gradients known by hand. `w` decays, `b` does not. */
#define LINE(OPTIMIZER, MORE)                                                                                \
  "import \"lib/nn.tess\"\n"                                                                                 \
  "import \"lib/loss.tess\"\n"                                                                               \
  "import \"lib/optim.tess\"\n"                                                                              \
  "train t(batch = 2, accumulate = 1, betas = (0.8, 0.9)) {\n"                                               \
  "  data x f32 [batch, 3] = given()\n"                                                                      \
  "  data y f32 [batch, 2] = given()\n"                                                                      \
  "  model m = linear(3, 2)\n"                                                                               \
  "  setting lr = 0.1 \"rate\"\n"                                                                            \
  "  let loss = squared_error(m(x), y)\n"                                                                    \
  "  minimise loss\n"                                                                                        \
  "  report loss\n"                                                                                          \
  "  optimizer " OPTIMIZER "\n" MORE "}\n"

enum { W = 6, B = 2, ALL = 8 };

/* Gradient of the mean squared error of one micro-batch, added to g; returns the loss. */
static double line_gradient(const double *p, const double *x, const double *y, double *g) {
  double loss = 0;
  for (int r = 0; r < 2; r++)
    for (int o = 0; o < 2; o++) {
      double d = p[W + o] - y[2 * r + o];
      for (int i = 0; i < 3; i++) d += p[3 * o + i] * x[3 * r + i];
      loss += d * d / 4;
      for (int i = 0; i < 3; i++) g[3 * o + i] += d / 2 * x[3 * r + i];
      g[W + o] += d / 2;
    }
  return loss;
}

static void read_line(LangCase *c, double *p) {
  memcpy(p, lang_memory(c, "weight"), W * sizeof *p);
  memcpy(p + W, lang_memory(c, "bias"), B * sizeof *p);
}

/* One step over n micro-batches in the program, and its mean gradient by hand. */
static void line_step(LangCase *c, int n, int step, const double *p, double *g) {
  double loss = 0;
  memset(g, 0, ALL * sizeof *g);
  c->env.step = (uint64_t)step;
  for (int k = 0; k < n; k++) {
    const double *x = lang_draw(c, "x", 0), *y = lang_draw(c, "y", 0);
    c->env.micro = (uint64_t)k;
    lang_enter(c, EN_MICRO);
    loss = line_gradient(p, x, y, g);
    lang_near(*lang_value(c, "loss"), loss, tight, "loss");
  }
  for (int i = 0; i < ALL; i++) g[i] /= n;
  lang_enter(c, EN_UPDATE);
}

static double norm(const double *g) {
  double s = 0;
  for (int i = 0; i < ALL; i++) s += g[i] * g[i];
  return sqrt(s);
}

static void compare_line(LangCase *c, const double *p) {
  double now[ALL];
  read_line(c, now);
  for (int i = 0; i < ALL; i++) lang_near(now[i], p[i], tight, "parameter");
}

START_TEST(adamw_with_accumulation_and_clipping) {
  const char *define = "accumulate=3";
  LangCase *c = lang_open(
      LINE("adamw(lr = lr, betas = betas, eps = 1e-3, decay = if rank > 1 then 0.3 else 0)", "  clip 0.5\n"),
      1, &define);
  double p[ALL], g[ALL], m[ALL] = {0}, v[ALL] = {0};
  read_line(c, p);
  for (int step = 0; step < 4; step++) {
    line_step(c, 3, step, p, g);
    lang_near(*lang_value(c, "grad_norm"), norm(g), tight, "norm");
    double f = fmin(1, 0.5 / (norm(g) + 1e-6));
    for (int i = 0; i < ALL; i++) {
      m[i] = 0.8 * m[i] + 0.2 * f * g[i];
      v[i] = 0.9 * v[i] + 0.1 * f * g[i] * f * g[i];
      double move = m[i] / (1 - pow(0.8, step + 1)) / (sqrt(v[i] / (1 - pow(0.9, step + 1))) + 1e-3);
      p[i] -= 0.1 * (move + (i < W ? 0.3 * p[i] : 0));
    }
    compare_line(c, p);
  }
  lang_close(c);
}
END_TEST

START_TEST(lion_and_sgd) {
  for (int which = 0; which < 2; which++) {
    LangCase *c = which ? lang_open(LINE("sgd(lr = lr, momentum = 0.7, decay = 0.2)", ""), 0, NULL)
                        : lang_open(LINE("lion(lr = lr, betas = (0.8, 0.95), decay = 0.2)", ""), 0, NULL);
    double p[ALL], g[ALL], m[ALL] = {0};
    read_line(c, p);
    for (int step = 0; step < 3; step++) {
      line_step(c, 1, step, p, g);
      for (int i = 0; i < ALL; i++) {
        double blend = 0.8 * m[i] + 0.2 * g[i];
        if (which) m[i] = 0.7 * m[i] + g[i] + 0.2 * p[i];
        p[i] -= 0.1 * (which ? m[i] : (blend > 0) - (blend < 0) + 0.2 * p[i]);
        if (!which) m[i] = 0.95 * m[i] + 0.05 * g[i];
      }
      compare_line(c, p);
    }
    lang_close(c);
  }
}
END_TEST

/* As PyTorch has them: of relu, clamped or hardtanh nothing; of maximum and minimum half to each; of amax and
 * amin equal shares. */
START_TEST(gradients_at_ties) {
  LangCase *c = lang_open(
      "import \"lib/optim.tess\"\n"
      "module net() {\n  param a [4] = 0\n  param b [4] = 0\n  param c [4] = 0\n  param d [4] = 0\n"
      "  param e [4] = 0\n  param f [4] = 0\n  param g [4] = 0\n  param h [2, 4] = 0\n  param i [2, 4] = 0\n"
      "  param j [4] = 0\n"
      "  fn (x [4]) = sum((max(a, 0) + max(0, b) + min(c, 0) + min(0, d) + max(e, f) + min(f, g)\n"
      "                    + max(h, axis = 0)[0] + min(i, axis = 0)[0] + abs(j)) * x)\n}\n"
      "train t(batch = 4) {\n  data x f32 [batch] = given()\n  model m = net()\n  let loss = m(x)\n"
      "  minimise loss\n  report loss\n  optimizer sgd(lr = 0.1, momentum = 0)\n}\n",
      0, NULL);
  static const struct {
    const char *name;
    double share;
  } want[] = {{"grad.a", 0}, {"grad.b", 0},   {"grad.c", 0},   {"grad.d", 0},   {"grad.e", 0.5},
              {"grad.f", 1}, {"grad.g", 0.5}, {"grad.h", 0.5}, {"grad.i", 0.5}, {"grad.j", 0}};
  const double *x = lang_draw(c, "x", 0);
  lang_enter(c, EN_MICRO);
  for (size_t k = 0; k < sizeof want / sizeof *want; k++)
    for (int i = 0; i < 4; i++)
      lang_near(lang_memory(c, want[k].name)[i], want[k].share * x[i], tight, want[k].name);
  lang_close(c);
}
END_TEST

/* A loss that is no number leaves every parameter and slot as it was, and says so; the next step goes on. */
START_TEST(refused_update) {
  LangCase *c = lang_open(LINE("adamw(lr = lr, betas = betas)", ""), 0, NULL);
  double p[ALL], g[ALL], nan_y[4] = {NAN, 0, 0, 0};
  read_line(c, p);
  ck_assert_ptr_nonnull(c->graph->finite);
  lang_draw(c, "x", 0);
  graph_run_supply(c->run, "y", nan_y);
  lang_enter(c, EN_MICRO);
  lang_enter(c, EN_UPDATE);
  ck_assert_double_eq(*graph_run_state(c->run, c->graph->finite), 0);
  compare_line(c, p);
  ck_assert_double_eq(*lang_memory(c, "group0.weight1"), 0);
  ck_assert_double_eq(*lang_memory(c, "group0.m"), 0);
  line_step(c, 1, 0, p, g);
  ck_assert_double_eq(*graph_run_state(c->run, c->graph->finite), 1);
  for (int i = 0; i < ALL; i++) p[i] -= 0.1 * g[i] / (fabs(g[i]) + 1e-8);
  compare_line(c, p);
  lang_close(c);
}
END_TEST

static const Value *value_of(const Graph *g, EntryKind e, const char *name) {
  for (int i = 0; i < g->entry[e].nvalue; i++)
    if (strcmp(g->entry[e].value[i].name, name) == 0) return &g->entry[e].value[i];
  return NULL;
}

/* What is computed from frozen parameters may be given from outside, but not what is one: it would be
 * overwritten. */
START_TEST(frozen_parameters_are_not_supplied) {
  LangCase *c = lang_open("module held(dim) {\n"
                          "  param weight [dim] = 1\n"
                          "  fn stored(x [.., dim]) { return weight }\n"
                          "}\n"
                          "train t(batch = 2) {\n"
                          "  data x f32 [batch, 3] = given()\n"
                          "  frozen f = held(3)\n"
                          "  let w = f.stored(x)\n"
                          "  let scaled = x * w\n"
                          "  report y = mean(scaled)\n"
                          "}\n",
                          0, NULL);
  ck_assert_ptr_null(value_of(c->graph, EN_EVAL, "w"));
  ck_assert_ptr_nonnull(value_of(c->graph, EN_EVAL, "scaled"));
  lang_close(c);
}
END_TEST

/* A run always shows what it minimises: by itself where no report has it, and once where one does. */
START_TEST(the_minimised_value_is_shown) {
  static const char start[] = "import \"lib/nn.tess\"\n"
                              "import \"lib/optim.tess\"\n"
                              "train t(batch = 2) {\n"
                              "  data x f32 [batch, 3] = given()\n"
                              "  model m = linear(3, 3)\n"
                              "  let y = mean(m(x))\n"
                              "  minimise y ^ 2\n"
                              "  optimizer sgd(lr = 1)\n";
  static const struct {
    const char *report, *shown, *other;
  } row[] = {
      {"", "loss", "minimised"}, {"report y", "y", "loss"}, {"report loss = mean(x)", "minimised", "y"}};
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    char text[600];
    snprintf(text, sizeof text, "%s  %s\n}\n", start, row[i].report);
    LangCase *c = lang_open(text, 0, NULL);
    const Value *v = value_of(c->graph, EN_MICRO, row[i].shown);
    ck_assert_ptr_nonnull(v);
    ck_assert_int_eq(v->flags, V_REPORT | V_LOSS);
    ck_assert_ptr_null(value_of(c->graph, EN_MICRO, row[i].other));
    lang_close(c);
  }
}
END_TEST

START_TEST(schedule) {
  LangCase *c = lang_open("import \"lib/nn.tess\"\n"
                          "import \"lib/optim.tess\"\n"
                          "train t(batch = 2) {\n"
                          "  data x f32 [batch, 3] = given()\n"
                          "  setting lr = 1\n"
                          "  model m = linear(3, 3)\n"
                          "  minimise mean(m(x))\n"
                          "  let rate = warmup_cosine(lr, 0.2, 0.01)\n"
                          "  report lr = rate\n"
                          "  optimizer sgd(lr = rate)\n"
                          "}\n",
                          0, NULL);
  lang_draw(c, "x", 0);
  for (int step = 0; step < 100; step += 7) {
    c->env.step = (uint64_t)step;
    lang_enter(c, EN_MICRO);
    double t = step / 100.0;
    double wanted = t < 0.2 ? 0.1 * t / 0.2 : 0.01 + 0.09 * 0.5 * (1 + cos(M_PI * (t - 0.2) / 0.8));
    lang_near(*lang_value(c, "lr"), wanted, tight, "rate");
  }
  ck_assert_int_eq(c->graph->nsetting, 1);
  ck_assert_str_eq(c->graph->setting[0].name, "lr");
  lang_close(c);
}
END_TEST

/* Samples are kept with probability 1 - rate and scaled by its inverse; evaluation keeps all. */
START_TEST(dropped_paths) {
  LangCase *c = lang_open("import \"lib/nn.tess\"\n"
                          "import \"lib/optim.tess\"\n"
                          "module net() {\n"
                          "  param scale [] = 1\n"
                          "  fn (x [B, N, D]) {\n"
                          "    let a = drop_path(x, 0.25) * scale\n"
                          "    return a, drop_path(x, 0.25)\n"
                          "  }\n"
                          "}\n"
                          "train t(batch = 400) {\n"
                          "  data x f32 [batch, 1, 2] = given()\n"
                          "  model m = net()\n"
                          "  let a, b = m(x)\n"
                          "  minimise mean(a)\n"
                          "  report a, b\n"
                          "  optimizer sgd(lr = 0.1)\n"
                          "  evaluate { report a }\n"
                          "}\n",
                          0, NULL);
  const double *x = lang_draw(c, "x", 0);
  int kept = 0, differ = 0;
  lang_enter(c, EN_MICRO);
  for (int i = 0; i < 800; i++) {
    double a = lang_value(c, "a")[i], b = lang_value(c, "b")[i];
    ck_assert(a == 0 || fabs(a - x[i] / 0.75) < 1e-9);
    kept += a != 0;
    differ += (a == 0) != (b == 0);
  }
  ck_assert_int_gt(kept, 500);
  ck_assert_int_lt(kept, 700);
  ck_assert_int_gt(differ, 100);
  lang_enter(c, EN_EVAL);
  for (int i = 0; i < 800; i++) ck_assert_double_eq(lang_value(c, "a")[i], x[i]);
  lang_close(c);
}
END_TEST

static bool ends_with(const char *s, const char *end) {
  size_t n = strlen(s), m = strlen(end);
  return n >= m && !strcmp(s + n - m, end);
}

/* The epsilon of a norm: what is added to the mean square below its root. */
static double norm_epsilon(const Node *root) {
  const Node *sum = root->in[0];
  if (sum->op != O_ELT || sum->at.elt != E_ADD) return NAN;
  for (int i = 0; i < 2; i++) {
    const Node *n = sum->in[i];
    while (n->op == O_BROADCAST || n->op == O_RESHAPE) n = n->in[0];
    if (n->op == O_CONST) return n->at.value;
  }
  return NAN;
}

/* Epsilons as digpt.md says, by the end of the norm's path. */
static void check_epsilons(const char *model, int ndefine, const char *const *define, int least) {
  static const struct {
    const char *end;
    double eps;
  } rows[] = {{"norm1", 1e-6},   {"norm2", 1e-6},   {"norm2_1", 1e-6}, {"norm2_2", 1e-6},
              {"ar_norm", 1e-6}, {"kd_norm", 1e-6}, {"fc_norm", 1e-6}, {"enc_norm.0", 1e-5},
              {"ln_1", 1e-5},    {"ln_2", 1e-5},    {"ln_pre", 1e-5},  {"ln_post", 1e-5}};
  LangCase *c = lang_open_model(model, ndefine, define);
  int seen = 0;
  for (int i = 0; i < c->graph->nnode; i++) {
    const Node *n = c->graph->node[i];
    double eps = n->op == O_ELT && n->at.elt == E_RSQRT ? norm_epsilon(n) : NAN;
    if (isnan(eps)) continue;
    bool known = false;
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
      if (!ends_with(n->path, rows[k].end)) continue;
      ck_assert_msg(eps == rows[k].eps, "%s: found %g, expected %g", n->path, eps, rows[k].eps);
      known = true;
    }
    ck_assert_msg(known, "%s is no norm of digpt.md", n->path);
    seen++;
  }
  ck_assert_int_ge(seen, least);
  lang_close(c);
}

START_TEST(epsilons_of_the_models) {
  const char *small[] = {"depth=2", "taps=1,2", "img=28", "patch=7", "embed_dim=16", "heads=2"};
  const char *clip[] = {"width=16", "layers=2", "heads=2", "resolution=28"};
  /* The two branches' shared norms have one root a tap: the same sums of the same features. */
  check_epsilons("digpt", 6, small, 2 * 2 + 2 + 2 * 2 * 4 + 2);
  check_epsilons("vit_classify", 1, small, 2 * 2 + 1);
  check_epsilons("clip_visual", 4, clip, 2 + 2 * 2);
}
END_TEST

static bool has_alias(const State *s, const char *name) {
  for (int i = 0; s->alias && s->alias[i]; i++)
    if (!strcmp(s->alias[i], name)) return true;
  return false;
}

START_TEST(shared_and_fixed_parameters) {
  const char *small[] = {"depth=3", "taps=1,2,3", "patch=7", "embed_dim=16", "heads=2", "batch=3"};
  LangCase *c = lang_open_model("digpt", 6, small);
  const State *norm0 = lang_state(c, "ar_enc_norm.0.weight");
  ck_assert(has_alias(norm0, "ar_enc_norm.1.weight") && has_alias(norm0, "ar_enc_norm.2.weight"));
  ck_assert(!has_alias(norm0, "ar_enc_norm.3.weight"));
  ck_assert_int_eq(lang_state(c, "pos_embed")->kind, ST_FROZEN);
  ck_assert_str_eq(lang_state(c, "pos_embed")->module, "student");
  ck_assert_int_eq(lang_state(c, "cls_token")->kind, ST_PARAM);
  for (int i = 0; i < c->graph->nstate; i++) {
    const State *s = c->graph->state[i];
    if (s->kind == ST_PARAM) ck_assert(s->group && s->offset % 16 == 0);
  }
  lang_close(c);
}
END_TEST

/* What building says; the caller frees it. */
static char *said_of(const char *text, int ndefine, const char *const *define) {
  char *said = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&said, &size);
  diag_to(out);
  diag_reset();
  int errors = diag_count();
  lang_close(lang_open(text, ndefine, define));
  diag_to(stderr);
  fclose(out);
  ck_assert_int_eq(diag_count(), errors);
  return said;
}

static void says(const char *text, int ndefine, const char *const *define, const char *note) {
  char *said = said_of(text, ndefine, define);
  if (note)
    ck_assert_msg(strstr(said, note), "found %s, expected %s", said, note);
  else
    ck_assert_msg(!*said, "found %s, expected no note", said);
  free(said);
}

/* What the loss does not depend on is not trained, so it does not decay either; a note says so. */
START_TEST(unused_parameters) {
  const char *small[] = {"depth=3", "taps=1,2", "patch=7", "embed_dim=16", "heads=2", "batch=3"};
  LangCase *c = lang_open_model("digpt", 6, small);
  for (int i = 0; i < c->graph->nstate; i++) {
    const State *s = c->graph->state[i];
    if (s->kind == ST_PARAM) ck_assert_int_eq(s->group == NULL, !strncmp(s->name, "blocks.2.", 9));
  }
  lang_close(c);
  says("import \"digpt.tess\"\ntrain t = pretrain()\n", 6, small,
       ": note: blocks.2.*: 12 parameters that the loss does not depend on are not trained\n");
  small[1] = "taps=2,3";
  says("import \"digpt.tess\"\ntrain t = pretrain()\n", 6, small, NULL);
}
END_TEST

START_TEST(unused_parameters_are_named_by_place) {
  static const char text[] = "import \"lib/nn.tess\"\n"
                             "import \"lib/optim.tess\"\n"
                             "module net(depth) {\n"
                             "  param scale [3] = 1\n"
                             "  blocks: [linear(3, 3) for i in 0..depth]\n"
                             "  blocks_too: linear(3, 3)\n"
                             "  head: linear(3, 1)\n"
                             "  fn (x [B, 3]) = sum(x * head.weight)\n"
                             "}\n"
                             "train t(batch = 2, depth = 4) {\n"
                             "  data x f32 [batch, 3] = given()\n"
                             "  model m = net(depth)\n"
                             "  minimise m(x)\n"
                             "  optimizer sgd(lr = 1)\n"
                             "}\n";
  says(
      text, 0, NULL,
      "case.tess:13:12: note: scale, blocks.*, blocks_too.*, head.bias: 12 parameters that the loss does not "
      "depend on are not trained\n");
}
END_TEST

/* All kinds of teacher, odd sizes and channel counts build, and one step of each changes the weights. */
START_TEST(sizes_and_teachers) {
  static const char *const cases[][9] = {
      {"teacher=given", "chans=3", "img=24", "patch=3", "batch=3", "teacher_grid=6", "teacher_dim=12"},
      {"teacher=vit", "chans=2", "img=28", "patch=7", "batch=1", "teacher_grid=4", "teacher_dim=16",
       "mean=0.5,0.4", "std=0.2,0.3"},
      {"teacher=clip", "chans=3", "img=28", "patch=14", "batch=5", "teacher_grid=2", "teacher_dim=12",
       "teacher_width=16", "accumulate=2"}};
  for (int k = 0; k < 3; k++) {
    const char *define[16] = {"depth=2",       "taps=2",          "embed_dim=16",   "heads=2",
                              "decoder_dim=8", "decoder_heads=2", "teacher_depth=1"};
    int n = 7;
    for (int i = 0; i < 9 && cases[k][i]; i++) define[n++] = cases[k][i];
    LangCase *c = lang_open_model("digpt", n, define);
    double before = *lang_memory(c, "blocks.1.mlp.fc1.weight");
    lang_draw(c, "pixels", 256);
    if (k == 0) lang_draw(c, "teacher", 0);
    c->env.step = 50;
    lang_enter(c, EN_MICRO);
    double ar = *lang_value(c, "ar"), kd = *lang_value(c, "kd");
    ck_assert(ar > 0 && ar < 4 && kd > 0 && kd < 4 && ar != kd);
    lang_enter(c, EN_UPDATE);
    ck_assert(before != *lang_memory(c, "blocks.1.mlp.fc1.weight"));
    ck_assert_double_eq(*graph_run_state(c->run, c->graph->finite), 1);
    lang_enter(c, EN_EVAL);
    ck_assert(*lang_value(c, "ar") > 0);
    lang_close(c);
  }
}
END_TEST

START_TEST(foreign_model_learns) {
  const char *define[] = {"batch=8", "img=14", "dim=16", "depth=2", "heads=2"};
  LangCase *c = lang_open_model("rotary", 5, define);
  lang_draw(c, "pixels", 256);
  lang_draw(c, "labels", 10);
  c->lr = 3e-3;
  double first = 0;
  for (int step = 0; step < 12; step++) {
    c->env.step = 10 + (uint64_t)step;
    lang_enter(c, EN_MICRO);
    if (step == 0) first = *lang_value(c, "loss");
    if (step < 11) lang_enter(c, EN_UPDATE);
  }
  ck_assert_double_lt(*lang_value(c, "loss"), 0.9 * first);
  lang_close(c);
}
END_TEST

/* The fenced text of docs/language.md that begins with `start`, appended to `out`. */
static void take_example(const char *doc, const char *start, char *out, size_t size) {
  char key[64];
  snprintf(key, sizeof key, "```\n%s", start);
  const char *from = strstr(doc, key), *to = from ? strstr(from + 4, "```") : NULL;
  ck_assert_msg(to, "docs/language.md has no example that begins with %s", start);
  size_t n = strlen(out);
  snprintf(out + n, size - n, "%.*s", (int)(to - from - 4), from + 4);
}

START_TEST(examples_of_the_documentation) {
  static char text[8192], rest[8192];
  Arena *a = arena_new();
  const Source *doc = diag_read(a, SOURCE_DIR "/docs/language.md");
  ck_assert_ptr_nonnull(doc);
  take_example(doc->text, "import \"lib/nn.tess\"", text, sizeof text);
  LangCase *c = lang_open(text, 0, NULL);
  ck_assert_ptr_nonnull(lang_state(c, "fc.fc1.weight"));
  lang_close(c);
  snprintf(rest, sizeof rest, "import \"lib/nn.tess\"\n");
  take_example(doc->text, "module scaled_rms_norm", rest, sizeof rest);
  take_example(doc->text, "fn huber", rest, sizeof rest);
  take_example(doc->text, "module convolution", rest, sizeof rest);
  take_example(doc->text, "optimizer adagrad", rest, sizeof rest);
  size_t n = strlen(rest);
  snprintf(rest + n, sizeof rest - n,
           "train t(batch = 2) {\n"
           "  data x f32 [batch, 3] = given()\n"
           "  data image f32 [batch, 2, 5, 4] = given()\n"
           "  model m = scaled_rms_norm(3)\n"
           "  frozen conv = convolution(2, 3, 3)\n"
           "  minimise huber(m(x), x) + mean(conv(image))\n"
           "  check shape(conv(image))[3] == 2, \"a window of 3 goes into 4 twice\"\n"
           "  optimizer adagrad(lr = 0.1)\n"
           "}\n");
  c = lang_open(rest, 0, NULL);
  lang_draw(c, "x", 0);
  lang_draw(c, "image", 0);
  lang_enter(c, EN_MICRO);
  lang_enter(c, EN_UPDATE);
  ck_assert(*lang_memory(c, "weight") != 1);
  lang_close(c);
  arena_free(a);
}
END_TEST

START_TEST(published_sizes) {
  static const struct {
    const char *model;
    int64_t dim, depth, patch;
  } rows[] = {{"digpt_s", 384, 12, 16},
              {"digpt_b", 768, 12, 16},
              {"digpt_l", 1024, 24, 16},
              {"digpt_h", 1280, 32, 14}};
  for (int k = 0; k < 4; k++) {
    const char *define = "teacher=given";
    Arena *a = arena_new();
    Graph *g = front_build(a, arena_printf(a, "%s/models/%s.tess", SOURCE_DIR, rows[k].model),
                           &(FrontArgs){.ndefine = 1, .define = &define}, NULL);
    ck_assert_ptr_nonnull(g);
    ck_assert(graph_verify(g));
    int64_t n = 0;
    for (int i = 0; i < g->nstate; i++) {
      const State *s = g->state[i];
      bool encoder = !strncmp(s->name, "blocks.", 7) || !strncmp(s->name, "patch_embed.", 12);
      if (s->kind == ST_PARAM && encoder) n += shape_count(&s->shape);
    }
    int64_t d = rows[k].dim, block = 12 * d * d + 13 * d;
    ck_assert_int_eq(n, rows[k].depth * block + d * (3 * rows[k].patch * rows[k].patch + 1));
    arena_free(a);
  }
}
END_TEST

SUITE("lang_train") {
  tcase_add_test(t, adamw_with_accumulation_and_clipping);
  tcase_add_test(t, lion_and_sgd);
  tcase_add_test(t, gradients_at_ties);
  tcase_add_test(t, refused_update);
  tcase_add_test(t, the_minimised_value_is_shown);
  tcase_add_test(t, schedule);
  tcase_add_test(t, dropped_paths);
  tcase_add_test(t, epsilons_of_the_models);
  tcase_add_test(t, shared_and_fixed_parameters);
  tcase_add_test(t, unused_parameters);
  tcase_add_test(t, unused_parameters_are_named_by_place);
  tcase_add_test(t, frozen_parameters_are_not_supplied);
  tcase_add_test(t, sizes_and_teachers);
  tcase_add_test(t, foreign_model_learns);
  tcase_add_test(t, examples_of_the_documentation);
  tcase_add_test(t, published_sizes);
}
