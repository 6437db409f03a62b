/* What the launches of one kernel compute, for the profile's table: origins with indices starred. */
#include <stdlib.h>
#include <string.h>

#include "runtime/rt_base.h"
#include "runtime/verbs/rt_profile.h"

enum { MOST_SHOWN = 4 };

typedef struct Origin {
  char *text; /* "blocks.*.mlp.fc1.contract" */
  int launches;
} Origin;

static bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/* Numbers at the beginnings of a path's parts become stars. */
static char *starred(const char *origin) {
  char *text = rt_format("%s", origin), *to = text;
  for (const char *p = origin; *p; p++) {
    bool index = is_digit(*p) && (p == origin || p[-1] == '.');
    while (index && is_digit(p[1])) p++;
    *to++ = index ? '*' : *p;
  }
  *to = 0;
  return text;
}

/* Adds a launch to the origins; how many there are then. */
static int add(Origin *o, int n, const char *origin) {
  char *text = starred(origin);
  for (int i = 0; i < n; i++)
    if (!strcmp(o[i].text, text)) {
      o[i].launches++;
      free(text);
      return n;
    }
  o[n] = (Origin){.text = text, .launches = 1};
  return n + 1;
}

static int most_first(const void *a, const void *b) {
  const Origin *x = a, *y = b;
  return x->launches != y->launches ? y->launches - x->launches : strcmp(x->text, y->text);
}

static int gather(const RtProfile *p, int row, Origin *o) {
  int n = 0;
  for (int e = 0; e < TESS_ENTRIES; e++)
    for (uint32_t i = 0; i < tess_program.entry[e].nlaunch; i++)
      if (p->row_of[e][i] == row && p->launch[e][i].runs)
        n = add(o, n, tess_program.entry[e].launch[i].origin);
  return n;
}

void rt_profile_origins(const RtProfile *p, int row, FILE *out) {
  uint32_t all = 0;
  for (int e = 0; e < TESS_ENTRIES; e++) all += tess_program.entry[e].nlaunch;
  Origin *o = RT_NEW(all, Origin);
  int n = gather(p, row, o);
  qsort(o, (size_t)n, sizeof *o, most_first);
  for (int i = 0; i < n && i < MOST_SHOWN; i++)
    fprintf(out, "%s%s x%d", i ? ", " : "", o[i].text, o[i].launches);
  if (n > MOST_SHOWN) fprintf(out, " and %d more", n - MOST_SHOWN);
  for (int i = 0; i < n; i++) free(o[i].text);
  free(o);
}
