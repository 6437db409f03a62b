/* Writing nested JSON: commas and indentation of the outer levels are the writer's. */
#ifndef TOOLS_JSON_TREE_H
#define TOOLS_JSON_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct JsonTree {
  FILE *out;
  int depth;
  bool begun; /* the object or array at hand has a member */
} JsonTree;

/* An object or array; `key` is NULL inside an array and at the top. The members of the outer two levels stand
 * on lines of their own. */
void tree_open(JsonTree *j, const char *key, char bracket);
void tree_close(JsonTree *j, char bracket);
/* NULL gives null. */
void tree_text(JsonTree *j, const char *key, const char *value);
void tree_int(JsonTree *j, const char *key, int64_t value);
void tree_bool(JsonTree *j, const char *key, bool value);
/* null when it is not finite. */
void tree_number(JsonTree *j, const char *key, double value);
/* Likewise; null when negative, which stands for unknown. */
void tree_known(JsonTree *j, const char *key, double value);

#endif
