#include "base/nearest.h"

#include <stddef.h>
#include <string.h>

enum { MOST_NAME = 64, LEAST_PART = 3 };

static int min3(int a, int b, int c) {
  int m = a < b ? a : b;
  return m < c ? m : c;
}

/* Levenshtein's distance of two names that are not long. */
static int edits(const char *a, const char *b) {
  int row[MOST_NAME + 1], n = (int)strlen(b);
  for (int j = 0; j <= n; j++) row[j] = j;
  for (int i = 1; a[i - 1]; i++) {
    int diagonal = row[0];
    row[0] = i;
    for (int j = 1; j <= n; j++) {
      int cost = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = min3(cost, row[j] + 1, row[j - 1] + 1);
    }
  }
  return row[n];
}

static const char *containing(const char *name, const char *const *names, int n) {
  for (int i = 0; i < n && strlen(name) >= LEAST_PART; i++)
    if (strstr(names[i], name)) return names[i];
  return NULL;
}

const char *nearest_name(const char *name, const char *const *names, int n) {
  size_t len = strlen(name);
  if (len > MOST_NAME) return NULL;
  const char *best = containing(name, names, n);
  int least = best ? 1 : (int)len / 3 + 1;
  for (int i = 0; i < n; i++) {
    if (strlen(names[i]) > MOST_NAME) continue;
    int d = edits(name, names[i]);
    if (d <= least) best = names[i], least = d - 1;
  }
  return best;
}
