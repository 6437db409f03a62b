/* Host code and linking: a program of two kernels, made by hand, is linked to tests/codegen/host_reader.c,
 * run, and what it prints compared with what went in. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/random.h"
#include "codegen/cpu/cpu.h"
#include "codegen/host/host.h"
#include "codegen/host/link.h"
#include "codegen/host/manifest.h"
#include "tests/suite.h"

enum { N = 6 };
/* Not the one in the kernel's text. */
static const uint64_t stream_of_launch = 0xfedcba9876543210u;

static Arena *arena;
static char folder[] = "/tmp/host_test_XXXXXX";

static void setup(void) {
  arena = arena_new();
  ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void teardown(void) {
  char *command = arena_printf(arena, "rm -rf %s", folder);
  ck_assert_int_eq(system(command), 0);
  arena_free(arena);
}

static const char *in_folder(const char *name) {
  return arena_printf(arena, "%s/%s", folder, name);
}

static Loc place(int line) {
  static const char text[] = "\n\n\n\n\n\n\n\n\n";
  return (Loc){diag_source(arena, "lib/two.tess", text, sizeof text - 1), line, 1};
}

static Kernel *kernel_over(const char *name, int line, int *axis) {
  Kernel *k = kern_new(arena, name, place(line));
  *axis = kern_axis(k, "i", N);
  return k;
}

static void flat_plan(Kernel *k, int axis) {
  kplan_role(kern_plan(k, &cpu_plans, SK_FLAT), ROLE_POINTS, 1, &axis);
}

/* y[i] = x[i] * setting rate */
static Kernel *scale_kernel(void) {
  int axis;
  Kernel *k = kernel_over("scale", 3, &axis);
  int x = kern_buf(k, "x", KB_IN, DT_F32, 1, &(int64_t){N}, NULL);
  int y = kern_buf(k, "y", KB_OUT, DT_F32, 1, &(int64_t){N}, NULL);
  const Ix *i[] = {ix_axis(arena, axis, N)};
  const KExpr *e = kexpr_elt(arena, E_MUL, kexpr_read(k, x, i), kexpr_step(arena, "rate"), NULL);
  kern_store(k, kern_val(k, "v", DT_F32, 1, &axis, KR_NONE, 0, NULL, e), y, i);
  flat_plan(k, axis);
  return k;
}

/* z[i] = x[i] + y[i] + random(i), z being every second column of rows of two pairs: strides 8, 2 and a shape
 * of [3, 2]. */
static Kernel *add_kernel(void) {
  int axis;
  Kernel *k = kernel_over("add", 4, &axis);
  int x = kern_buf(k, "x", KB_IN, DT_F32, 1, &(int64_t){N}, NULL);
  int y = kern_buf(k, "y", KB_IN, DT_F32, 1, &(int64_t){N}, NULL);
  int z = kern_buf(k, "z", KB_OUT, DT_F32, 2, (int64_t[]){3, 2}, (int64_t[]){8, 1});
  const Ix *i = ix_axis(arena, axis, N);
  const Ix *to[] = {ix_div(arena, i, 2), ix_mod(arena, i, 2)};
  const KExpr *sum = kexpr_elt(arena, E_ADD, kexpr_read(k, x, &i), kexpr_read(k, y, &i), NULL);
  const KExpr *e = kexpr_elt(arena, E_ADD, sum, kexpr_random(k, kern_stream(k, "d", 5), i), NULL);
  kern_store(k, kern_val(k, "v", DT_F32, 1, &axis, KR_NONE, 0, NULL, e), z, to);
  flat_plan(k, axis);
  return k;
}

static PBuf *buffer(Prog *p, const char *name, int64_t bytes, int64_t offset, bool persistent) {
  PBuf *b = ARENA_NEW(arena, PBuf);
  *b = (PBuf){.id = p->nbuf,
              .name = name,
              .dtype = DT_F32,
              .bytes = bytes,
              .offset = offset,
              .persistent = persistent,
              .entry = EN_MICRO,
              .first = 0,
              .last = 1};
  ARENA_GROW(arena, p->buf, p->nbuf, p->cap_buf);
  return p->buf[p->nbuf++] = b;
}

static void launch(Prog *p, int kernel, PBuf *const *buf, const int64_t *at, uint64_t guard) {
  PEntry *e = &p->entry[EN_MICRO];
  const Kernel *k = p->kernel[kernel];
  e->present = true;
  ARENA_GROW(arena, e->launch, e->nlaunch, e->cap_launch);
  e->launch[e->nlaunch++] = (PLaunch){.kernel = k,
                                      .kernel_id = kernel,
                                      .buf = arena_copy(arena, buf, (size_t)k->nbuf * sizeof *buf),
                                      .at = arena_copy(arena, at, (size_t)k->nbuf * sizeof *at),
                                      .word = &stream_of_launch,
                                      .guard = guard,
                                      .origin = "blocks.0 \"sum\"",
                                      .loc = k->loc,
                                      .flop = 12,
                                      .bytes = 48.5};
}

static Graph *graph(const State **w, Value **images) {
  static const char *const alias[] = {"old.w", "older.w", NULL};
  Graph *g = graph_new(arena);
  g->name_of_block = "pretrain";
  g->batch = 3;
  g->accumulate = 2;
  graph_setting(g, "lr", 0.001, "the learning rate");
  graph_setting(g, "rate", 0.5, "another");
  State *s = graph_state(g, ST_PARAM, "w", DT_F32, shape_of(2, (int64_t[]){3, 2}), NULL);
  s->alias = alias;
  s->module = "student";
  *w = s;
  State *follower = graph_state(g, ST_CARRIED, "f/w", DT_F32, s->shape, NULL);
  follower->from = s;
  Node *n = graph_input(g, "images", DT_F32, shape_of(1, (int64_t[]){N}));
  *images = graph_value(g, EN_MICRO, "images", n, V_SUPPLY | V_DATA);
  (*images)->source = "image";
  (*images)->shift = 2;
  (*images)->flip = 0.5;
  return g;
}

/* images -> y = rate * images (skipped when value 0 is supplied) -> z = images + y, inside w's rows. */
static Prog *program(void) {
  Prog *p = ARENA_NEW(arena, Prog);
  const State *w;
  Value *images;
  *p = (Prog){.arena = arena, .graph = graph(&w, &images), .arena_bytes = 320, .live_bytes = 300};
  p->kernel = ARENA_ARRAY(arena, 2, Kernel *);
  p->kernel[p->nkernel++] = scale_kernel();
  p->kernel[p->nkernel++] = add_kernel();
  PBuf *x = buffer(p, "images", 24, 64, false), *y = buffer(p, "y", 24, 0, false);
  PBuf *z = buffer(p, "w", 96, 128, true);
  launch(p, 0, (PBuf *[]){x, y}, (int64_t[]){0, 0}, 1);
  launch(p, 1, (PBuf *[]){x, y, z}, (int64_t[]){0, 0, 8}, 0);
  PState state[2] = {{.state = w, .name = "w", .slot = "", .buf = z, .at = 16, .shape = w->shape},
                     {.state = p->graph->state[1], .name = "f/w", .slot = "", .buf = z, .shape = w->shape}};
  p->state = arena_copy(arena, state, sizeof state);
  p->nstate = 2;
  p->value = arena_copy(arena, &(PValue){.value = images, .entry = EN_MICRO, .buf = x}, sizeof(PValue));
  p->nvalue = 1;
  p->finite = z;
  p->finite_at = 7;
  host_count_tasks(p, cpu_target("native"));
  return p;
}

static const TessFact facts[] = {{"parameter.batch", "3"}, {"model.student", "vit 01ef"}};

static HostInfo info(const Target *t, const Prog *p, bool poison) {
  HostInfo i = {.description = "two.tess",
                .source_hash = "abc",
                .build = "tessera test",
                .cpu_needs = "sse2",
                .scratch_bytes = host_scratch(p, t),
                .max_threads = 9,
                .fact = facts,
                .nfact = 2,
                .poison = poison};
  host_manifest(p, t, &(Define){"batch", "3"}, 1, &i);
  return i;
}

static void build_poisoned(const char *out, bool poison) {
  static const char *const settings[] = {"lr", "rate"};
  const Target *t = cpu_target("native");
  Prog *p = program();
  HostInfo i = info(t, p, poison);
  HostModule *m = host_module_new(arena, t->host, "two.tess");
  host_module_settings(m, settings, 2);
  for (int k = 0; k < p->nkernel; k++) cpu_add_kernel(m, p->kernel[k], p->kernel[k]->name, false);
  ck_assert(host_emit(m, p, &i));
  const char *object = arena_printf(arena, "%s.o", out);
  ck_assert(host_module_object(m, object));
  host_module_free(m);
  ck_assert(link_program(object, NULL, HOST_READER, out));
}

static void build(const char *out) {
  build_poisoned(out, false);
}

static char *output_of(const char *command, int *status) {
  enum { MOST = 1 << 16 };
  char *text = arena_alloc(arena, MOST);
  FILE *f = popen(command, "r");
  ck_assert_ptr_nonnull(f);
  size_t n = fread(text, 1, MOST - 1, f);
  text[n] = 0;
  *status = pclose(f);
  return text;
}

/* The line of a result whose first two elements are these, draws left out. */
static const char *result(float first, float second) {
  uint64_t key = random_key(0, stream_of_launch, 0, 0);
  return arena_printf(arena, "guard 0\nresult %g %g\n", (double)(first + random_uniform(key, 0)),
                      (double)(second + random_uniform(key, 1)));
}

static void has(const char *text, const char *line) {
  ck_assert_msg(strstr(text, line) != NULL, "missing \"%s\" in:\n%s", line, text);
}

START_TEST(tables_read_back_as_they_went_in) {
  int status;
  build(in_folder("two"));
  const char *said = output_of(in_folder("two"), &status);
  ck_assert_int_eq(status, 0);
  has(said, "abi 4 pretrain two.tess abc tessera test sse2\n");
  has(said, "batch 3 accumulate 2 arena 320 live 300 scratch ");
  has(said, "fact parameter.batch=3\nfact model.student=vit 01ef\n");
  has(said, " threads 9 finite 135 manifest ");
  has(said, "state w module student slot \"\" kind 0 from 0 alias old.w older.w type 0 [3 2] at 144 count 6\n"
            "state f/w module  slot \"\" kind 2 from 1 alias type 0 [3 2] at 128 count 6\n");
  has(said,
      "value images flags 5 entry 2 data \"image\" shift 2 flip 0.5 classes 0 type 0 [6] at 64 count 6\n");
  has(said, "setting lr 0.001 the learning rate\nsetting rate 0.5 another\n");
  has(said,
      "launch 2.0 scale \"blocks.0 \"sum\"\" lib/two.tess:3 flop 12 bytes 48.5\n type 0 [6] at 0 count 6\n");
}
END_TEST

/* The output of `add` is three pieces of two numbers, 32 bytes apart, 8 bytes into its buffer. */
START_TEST(a_cut_output_is_listed_by_pieces) {
  int status;
  build(in_folder("two"));
  const char *said = output_of(in_folder("two"), &status);
  has(said, "lib/two.tess:4 flop 12 bytes 48.5\n type 0 [2] at 136 count 2\n type 0 [2] at 168 count 2\n"
            " type 0 [2] at 200 count 2\n");
}
END_TEST

/* The reader sets the second setting, `rate`, to 10: images + 10 * images; then, supplied, images alone; to
 * both, draws of the launch's stream are added. */
START_TEST(entries_launch_in_order_with_guards) {
  int status;
  build(in_folder("two"));
  const char *said = output_of(in_folder("two"), &status);
  has(said, "guard 1\nrun 1 ");
  has(said, result(11, 22));
  has(said, "guard 1 skipped\nrun 1 ");
  has(said, result(1, 2));
}
END_TEST

/* The plan made by hand does not pin the images, so that what the reader puts there is dead memory. */
START_TEST(dead_memory_is_poisoned) {
  int status;
  build_poisoned(in_folder("two"), true);
  has(output_of(in_folder("two"), &status), "guard 0\nresult -nan -nan\n");
}
END_TEST

START_TEST(equal_inputs_give_equal_bytes) {
  int status;
  build(in_folder("one"));
  ck_assert_int_eq(mkdir(in_folder("other"), 0700), 0);
  build(in_folder("other/two"));
  output_of(arena_printf(arena, "cmp %s %s", in_folder("one"), in_folder("other/two")), &status);
  ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(a_failed_link_says_why_and_leaves_nothing) {
  char *said;
  size_t size;
  FILE *f = open_memstream(&said, &size);
  diag_to(f);
  ck_assert(!link_program(in_folder("missing.o"), NULL, HOST_READER, in_folder("out")));
  fflush(f);
  has(said, "linking failed: ");
  has(said, "missing.o");
  ck_assert_int_ne(access(in_folder("out"), F_OK), 0);
  ck_assert_int_ne(access(in_folder("missing.o.linked"), F_OK), 0);
  diag_to(NULL);
  fclose(f);
  free(said);
}
END_TEST

START_TEST(only_libc_and_libm_are_needed) {
  int status;
  build(in_folder("two"));
  const char *said = output_of(arena_printf(arena, "readelf -d %s | grep NEEDED", in_folder("two")), &status);
  for (const char *p = said; (p = strstr(p, "Shared library: [")); p++)
    ck_assert_msg(strstr(p, "[libc.so") == p + 16 || strstr(p, "[libm.so") == p + 16 || SANITIZED, "%s",
                  said);
}
END_TEST

SUITE("host") {
  tcase_add_checked_fixture(t, setup, teardown);
  tcase_add_test(t, tables_read_back_as_they_went_in);
  tcase_add_test(t, a_cut_output_is_listed_by_pieces);
  tcase_add_test(t, entries_launch_in_order_with_guards);
  tcase_add_test(t, dead_memory_is_poisoned);
  tcase_add_test(t, equal_inputs_give_equal_bytes);
  tcase_add_test(t, a_failed_link_says_why_and_leaves_nothing);
  tcase_add_test(t, only_libc_and_libm_are_needed);
}
