/* Writing nested JSON. */
#include <inttypes.h>
#include <math.h>

#include "base/json.h"
#include "tools/report/json_tree.h"

enum { LINES = 3 };

static void line(const JsonTree *j) {
  if (j->depth > LINES) return;
  fputc('\n', j->out);
  for (int i = 0; i < j->depth; i++) fputc(' ', j->out);
}

static void begin(JsonTree *j, const char *key) {
  if (j->begun) fputc(',', j->out);
  if (j->depth) line(j);
  if (key) {
    json_put_string(j->out, key);
    fputc(':', j->out);
  }
  j->begun = true;
}

void tree_open(JsonTree *j, const char *key, char bracket) {
  begin(j, key);
  fputc(bracket, j->out);
  j->depth++;
  j->begun = false;
}

void tree_close(JsonTree *j, char bracket) {
  j->depth--;
  if (j->begun && j->depth < LINES) line(j);
  fputc(bracket, j->out);
  j->begun = true;
  if (!j->depth) fputc('\n', j->out);
}

void tree_text(JsonTree *j, const char *key, const char *value) {
  begin(j, key);
  json_put_string(j->out, value);
}

void tree_int(JsonTree *j, const char *key, int64_t value) {
  begin(j, key);
  fprintf(j->out, "%" PRId64, value);
}

void tree_bool(JsonTree *j, const char *key, bool value) {
  begin(j, key);
  fputs(value ? "true" : "false", j->out);
}

void tree_number(JsonTree *j, const char *key, double value) {
  begin(j, key);
  json_put_number(j->out, value);
}

void tree_known(JsonTree *j, const char *key, double value) {
  tree_number(j, key, value < 0 ? NAN : value);
}
