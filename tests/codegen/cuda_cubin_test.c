/* The same texts through NVRTC: machine code for sm_80 and sm_90a without a GPU, and what is inside it.
 * Without NVRTC the test fails: a build for CUDA that was never compiled is not tested. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "codegen/cpu/cpu.h"
#include "codegen/cuda/cuda.h"
#include "tests/codegen/cuda/data.h"
#include "tests/codegen/cuda/files.h"
#include "tests/suite.h"

static const char *const archs[] = {"sm_80", "sm_90a"};

static char *messages;
static size_t messages_size;

static FILE *catch_messages(void) {
  FILE *f = open_memstream(&messages, &messages_size);
  ck_assert_ptr_nonnull(f);
  diag_to(f);
  return f;
}

static void release_messages(FILE *f) {
  diag_to(stderr);
  diag_reset();
  (void)fclose(f);
}

static Source *text_source(Arena *a, const char *text) {
  return diag_source(a, "kernels.cu", text, strlen(text));
}

static void check_image(Arena *a, const CudaImage *image, const Source *text, const KernList *list,
                        const CudaLaunch *launch) {
  int *nparam = ARENA_ARRAY(a, list->n, int);
  CudaCode *code;
  for (int i = 0; i < list->n; i++) nparam[i] = cuda_params(list->k[i]);
  ck_assert(cuda_check(a, image, text, list->n, launch, nparam));
  int n = cuda_cubin(a, image->bytes, image->size, &code);
  ck_assert_int_eq(n, list->n);
  for (int i = 0; i < n; i++)
    for (int j = 0; j < list->n; j++) {
      if (strcmp(code[i].name, launch[j].name) != 0) continue;
      ck_assert_int_eq(code[i].max_threads, launch[j].block);
      ck_assert_int_gt(code[i].registers, 0);
      if (!launch[j].mma) ck_assert_int_eq(cuda_count(&code[i], CUDA_HMMA), 0);
    }
}

START_TEST(kernels_compile) {
  Arena *a = arena_new();
  Source *src = diag_read(a, cuda_file(_i));
  KernList *list = kern_parse(a, src, KPLAN_RULES(&cpu_plans, &cuda_plans));
  ck_assert_ptr_nonnull(list);
  DataStep step = data_step(list);
  CudaUnit *u = cuda_unit_new(a, step.setting, step.nsetting);
  for (int i = 0; i < list->n; i++) cuda_unit_add(u, list->k[i], true);
  const CudaLaunch *launch;
  cuda_unit_launches(u, &launch);
  Source *text = text_source(a, cuda_unit_text(u));
  for (int i = 0; i < 2; i++) {
    CudaImage image, again;
    ck_assert(cuda_compile(a, text, archs[i], &image));
    ck_assert(cuda_compile(a, text, archs[i], &again));
    ck_assert_uint_eq(image.size, again.size);
    ck_assert_mem_eq(image.bytes, again.bytes, image.size);
    check_image(a, &image, text, list, launch);
  }
  arena_free(a);
}
END_TEST

/* cp.async and the tensor cores are in the machine code of the kernel that promises them, and nothing spills.
 */
START_TEST(dot_uses_tensor_cores) {
  Arena *a = arena_new();
  Source *src = diag_read(a, TESTS_DIR "/codegen/cuda/dot.kern");
  KernList *list = kern_parse(a, src, KPLAN_RULES(&cpu_plans, &cuda_plans));
  CudaUnit *u = cuda_unit_new(a, NULL, 0);
  ck_assert_ptr_nonnull(list);
  cuda_unit_add(u, list->k[0], true);
  const CudaLaunch *launch;
  cuda_unit_launches(u, &launch);
  ck_assert(launch[0].mma);
  for (int i = 0; i < 2; i++) {
    CudaImage image;
    CudaCode *code;
    ck_assert(cuda_compile(a, text_source(a, cuda_unit_text(u)), archs[i], &image));
    ck_assert_int_eq(cuda_cubin(a, image.bytes, image.size, &code), 1);
    ck_assert_int_gt(cuda_count(code, CUDA_HMMA), 0);
    ck_assert_int_gt(cuda_count(code, CUDA_LDGSTS), 0);
    ck_assert_int_eq(cuda_count(code, CUDA_LDL) + cuda_count(code, CUDA_STL) + code->frame, 0);
    ck_assert_int_le(code->registers, 255);
  }
  arena_free(a);
}
END_TEST

START_TEST(error_names_the_line) {
  Arena *a = arena_new();
  CudaImage image;
  FILE *f = catch_messages();
  ck_assert(!cuda_compile(a, text_source(a, "__global__ void f() {}\n__global__ void g() { oops; }\n"),
                          "sm_80", &image));
  ck_assert_int_eq(diag_count(), 1);
  release_messages(f);
  ck_assert_ptr_nonnull(strstr(messages, "kernels.cu:2:"));
  ck_assert_ptr_nonnull(strstr(messages, "oops"));
  free(messages);
  arena_free(a);
}
END_TEST

START_TEST(wrong_parameters_are_refused) {
  Arena *a = arena_new();
  CudaImage image;
  Source *text = text_source(a, "extern \"C\" __global__ void k_f(float *x, int n) { x[0] = n; }\n");
  ck_assert(cuda_compile(a, text, "sm_80", &image));
  CudaLaunch launch = {.name = "k_f", .grid = 1, .block = 32};
  FILE *f = catch_messages();
  ck_assert(!cuda_check(a, &image, text, 1, &launch, (int[]){2}));
  launch.name = "k_g";
  ck_assert(!cuda_check(a, &image, text, 1, &launch, (int[]){2}));
  release_messages(f);
  ck_assert_ptr_nonnull(strstr(messages, "takes 2 parameters in 12 bytes; the launcher packs 2 of 8 bytes"));
  ck_assert_ptr_nonnull(strstr(messages, "k_g is not in the cubin"));
  free(messages);
  arena_free(a);
}
END_TEST

START_TEST(promised_tensor_cores_are_asked_for) {
  Arena *a = arena_new();
  CudaImage image;
  Source *text = text_source(a, "extern \"C\" __global__ void k_f(float *x, float *y) { x[0] = y[0]; }\n");
  ck_assert(cuda_compile(a, text, "sm_90a", &image));
  CudaLaunch launch = {.name = "k_f", .grid = 1, .block = 32, .mma = true};
  FILE *f = catch_messages();
  ck_assert(!cuda_check(a, &image, text, 1, &launch, (int[]){2}));
  release_messages(f);
  ck_assert_ptr_nonnull(strstr(messages, "no tensor-core instruction"));
  free(messages);
  arena_free(a);
}
END_TEST

/* Cut or damaged images are not read past their end. */
START_TEST(damaged_cubin) {
  Arena *a = arena_new();
  CudaImage image;
  CudaCode *code;
  Source *text = text_source(a, "extern \"C\" __global__ void k_f(float *x, float *y) { x[0] = y[0]; }\n");
  ck_assert(cuda_compile(a, text, "sm_80", &image));
  for (size_t n = 0; n < image.size; n += 7) {
    char *cut = malloc(n ? n : 1);
    memcpy(cut, image.bytes, n);
    cuda_cubin(a, cut, n, &code);
    free(cut);
  }
  ck_assert_uint_gt(image.size, 0);
  for (int i = 0; i < 500; i++) {
    char *bad = malloc(image.size + 1);
    memcpy(bad, image.bytes, image.size);
    for (int j = 0; j < 8; j++) bad[draw_below((uint32_t)image.size)] = (char)draw_below(256);
    cuda_cubin(a, bad, image.size, &code);
    free(bad);
  }
  ck_assert_int_eq(cuda_cubin(a, "text", 4, &code), -1);
  arena_free(a);
}
END_TEST

/* Each section in turn claims to have nothing in the file, at a place far outside it. */
START_TEST(sections_without_contents_are_not_read) {
  Arena *a = arena_new();
  CudaImage image;
  CudaCode *code;
  Elf64_Ehdr head;
  Source *text = text_source(a, "extern \"C\" __global__ void k_f(float *x, float *y) { x[0] = y[0]; }\n");
  ck_assert(cuda_compile(a, text, "sm_80", &image));
  memcpy(&head, image.bytes, sizeof head);
  for (unsigned i = 0; i < head.e_shnum; i++) {
    char *bad = arena_copy(a, image.bytes, image.size);
    char *at = bad + head.e_shoff + i * sizeof(Elf64_Shdr);
    Elf64_Shdr s;
    memcpy(&s, at, sizeof s);
    s.sh_type = SHT_NOBITS;
    s.sh_offset = (uint64_t)1 << 40;
    memcpy(at, &s, sizeof s);
    ck_assert_int_ge(cuda_cubin(a, bad, image.size, &code), 0);
  }
  arena_free(a);
}
END_TEST

START_TEST(architecture_names) {
  static const char *const good[] = {"sm_80", "sm_90a", "sm_100f", "sm_120"};
  static const char *const bad[] = {"", "sm_", "80", "sm_9", "sm_90b", "sm_90aa", "sm_1000", "compute_80"};
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) ck_assert_msg(cuda_arch_ok(good[i]), "%s", good[i]);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) ck_assert_msg(!cuda_arch_ok(bad[i]), "%s", bad[i]);
}
END_TEST

SUITE("cuda_cubin") {
  int n = cuda_find_files();
  tcase_add_loop_test(t, kernels_compile, 0, n);
  tcase_add_test(t, dot_uses_tensor_cores);
  tcase_add_test(t, error_names_the_line);
  tcase_add_test(t, wrong_parameters_are_refused);
  tcase_add_test(t, promised_tensor_cores_are_asked_for);
  tcase_add_test(t, damaged_cubin);
  tcase_add_test(t, sections_without_contents_are_not_read);
  tcase_add_test(t, architecture_names);
}
