/* Kernel text read in a test. */
#include "tests/ir/kern_reader.h"

#include <stdlib.h>
#include <string.h>

#include "tests/suite.h"

enum { FLAT = 1 << SK_FLAT, ROWS = 1 << SK_ROWS, DOT = 1 << SK_DOT, CHAIN = 1 << SK_CHAIN };

static const KPlanPlace places[] = {[READER_ACC] = {"acc", DOT, true}, {"row", ROWS | CHAIN, false}};

static const KPlanNumber cpu_numbers[] = {[READER_MR] = {"mr", DOT | CHAIN, 32}, {"tasks", FLAT | ROWS, 64}};
const KPlanRules reader_cpu = {"cpu", FLAT | ROWS | DOT | CHAIN, 2, 3, cpu_numbers, places};

static const KPlanNumber gpu_numbers[] = {{"ring", DOT, 16}, {"warps", DOT, 32}};
const KPlanRules reader_gpu = {"gpu", DOT, 2, 3, gpu_numbers, places};

Arena *arena;
static FILE *messages;
static char *message;
static size_t message_len;

void reader_open(void) {
  arena = arena_new();
  messages = open_memstream(&message, &message_len);
  diag_reset();
  diag_to(messages);
}

void reader_close(void) {
  diag_to(stderr);
  fclose(messages);
  free(message);
  arena_free(arena);
}

const char *reader_said(void) {
  fflush(messages);
  return message;
}

KernList *reader_parse(const char *text) {
  Source *src = diag_source(arena, "k.kern", text, strlen(text));
  return kern_parse(arena, src, KPLAN_RULES(&reader_cpu, &reader_gpu));
}

Kernel *reader_kernel(const char *text) {
  KernList *list = reader_parse(text);
  ck_assert_msg(list != NULL, "does not parse: %s", reader_said());
  return list->k[0];
}
