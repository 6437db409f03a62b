/* What comes out of a module: objects that are equal byte for byte, need no library and carry line tables,
 * for every target from any host. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/codegen/cpu_case.h"
#include "tests/suite.h"

static const char text[] =
    "compute gelu \"models/digpt.tess\":41:9 { axis i:1000\n in x[1000] : f32\n out y[1000] : f32\n"
    " u[i] = x[i] + exp(x[i]) @ \"lib/nn.tess\":12:3\n"
    " v[i] = 0.5 * u[i] * (1 + erf(u[i])) + sin(u[i]) + log(u[i]) + tanh(u[i]) + floor(u[i]) + sqrt(u[i])\n"
    " store v[i] -> y[i] }\nplan gelu cpu flat { }\n"
    "compute total { axis m:7 k:500\n in x[7, 500] : bf16\n out y[7] : f16\n s[m] = sum(k) cast(f32, x[m, "
    "k])\n"
    " t[m] = cast(f16, s[m])\n store t[m] -> y[m] }\nplan total cpu rows { role outer: m; role row: k }\n";

static const char *const names[] = {"znver5", "znver4", "sapphirerapids", "skylake-avx512", "x86-64-v3"};

static HostModule *build(Arena *a, const char *target) {
  KernList *list = kern_parse(a, diag_source(a, "case.kern", text, strlen(text)), KPLAN_RULES(&cpu_plans));
  ck_assert(list && list->n == 2);
  HostModule *m = host_module_new(a, processor_named(target), "models/digpt.tess");
  for (int i = 0; i < 2; i++) cpu_add_kernel(m, list->k[i], list->k[i]->name, false);
  return m;
}

static size_t object(const char *target, char *bytes, size_t size) {
  char path[] = "/tmp/cpu_module_XXXXXX";
  int fd = mkstemp(path);
  ck_assert(fd >= 0);
  close(fd);
  Arena *a = arena_new();
  HostModule *m = build(a, target);
  ck_assert(host_module_object(m, path));
  host_module_free(m);
  arena_free(a);
  FILE *f = fopen(path, "rb");
  ck_assert_ptr_nonnull(f);
  size_t n = fread(bytes, 1, size, f);
  fclose(f);
  unlink(path);
  return n;
}

START_TEST(same_bytes_twice) {
  static char x[1 << 18], y[1 << 18];
  size_t n = object(names[_i], x, sizeof x);
  ck_assert(n > 1000 && n < sizeof x);
  ck_assert_uint_eq(object(names[_i], y, sizeof y), n);
  ck_assert_mem_eq(x, y, n);
}
END_TEST

/* Nothing is called: neither libm nor conversions of the compiler's own library. */
START_TEST(calls_nothing) {
  Arena *a = arena_new();
  HostModule *m = build(a, names[_i]);
  ck_assert_ptr_null(strstr(host_module_asm(m), "\tcall"));
  host_module_free(m);
  arena_free(a);
}
END_TEST

START_TEST(vectors_are_whole) {
  Arena *a = arena_new();
  HostModule *m = build(a, names[_i]);
  const char *code = host_module_asm(m);
  ck_assert((strstr(code, "%zmm") != NULL) == (processor_named(names[_i])->lanes == 16));
  ck_assert_ptr_nonnull(strstr(code, "%ymm"));
  host_module_free(m);
  arena_free(a);
}
END_TEST

START_TEST(line_tables) {
  Arena *a = arena_new();
  HostModule *m = build(a, "x86-64-v3");
  const char *code = host_module_asm(m);
  ck_assert_ptr_nonnull(strstr(code, "\"models\" \"digpt.tess\""));
  ck_assert_ptr_nonnull(strstr(code, "\"lib\" \"nn.tess\""));
  ck_assert_ptr_nonnull(strstr(code, ".loc\t1 41 "));
  ck_assert_ptr_nonnull(strstr(code, " 12 3"));
  ck_assert_ptr_nonnull(strstr(code, ".asciz\t\"gelu\""));
  host_module_free(m);
  arena_free(a);
}
END_TEST

START_TEST(several_kernels_in_memory) {
  Arena *a = arena_new();
  HostModule *m = build(a, "native");
  ck_assert(host_module_jit(m, "gelu") != NULL && host_module_jit(m, "total") != NULL);
  ck_assert(host_module_jit(m, "gelu") != host_module_jit(m, "total"));
  ck_assert(host_module_jit(m, "absent") == NULL);
  host_module_free(m);
  arena_free(a);
}
END_TEST

START_TEST(unwritable_object_is_reported) {
  Arena *a = arena_new();
  HostModule *m = build(a, "x86-64-v3");
  diag_to(NULL);
  ck_assert(!host_module_object(m, "/nowhere/at/all.o"));
  ck_assert_int_eq(diag_count(), 1);
  host_module_free(m);
  arena_free(a);
}
END_TEST

START_TEST(targets) {
  ck_assert_ptr_null(processor_named("pentium"));
  ck_assert_ptr_nonnull(processor_named("native"));
  ck_assert_ptr_eq(processor_named("native"), processor_named(processor_named("native")->name));
}
END_TEST

SUITE("cpu_module") {
  enum { N = sizeof names / sizeof *names };
  tcase_add_loop_test(t, same_bytes_twice, 0, N);
  tcase_add_loop_test(t, calls_nothing, 0, N);
  tcase_add_loop_test(t, vectors_are_whole, 0, N);
  tcase_add_test(t, line_tables);
  tcase_add_test(t, several_kernels_in_memory);
  tcase_add_test(t, unwritable_object_is_reported);
  tcase_add_test(t, targets);
}
