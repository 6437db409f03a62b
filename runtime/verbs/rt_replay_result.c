/* The result of a replay: the worst of each kind, what was missing and what was ignored. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/json.h"
#include "runtime/rt_base.h"
#include "runtime/verbs/rt_replay.h"

uint64_t rt_replay_losses(void) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < tess_program.nvalue; i++)
    n += (tess_program.value[i].flags & TESS_LOSS) && tess_program.value[i].entry == (uint32_t)rt_pass();
  return n;
}

/* Every kind of the program's: RtKinds in the order of the output. */
static int list_kinds(const RtReplay *r, const RtKind **kind) {
  int n = 0;
  kind[n++] = &r->losses;
  kind[n++] = &r->grad;
  kind[n++] = &r->final;
  for (uint32_t i = 0; i < tess_program.nvalue; i++) kind[n++] = &r->value[i];
  return n;
}

static bool has_state(uint32_t kind) {
  for (uint32_t i = 0; i < tess_program.nstate; i++)
    if (tess_program.state[i].kind == kind) return true;
  return false;
}

/* The kinds that the program makes and the file lacks: a comparison without them proves nothing. */
static int list_missing(const RtReplay *r, const char *missing[5]) {
  int n = 0, values = 0;
  for (uint32_t i = 0; i < tess_program.nvalue; i++) values += r->value[i].compared;
  if ((has_state(TESS_PARAM) || has_state(TESS_FROZEN)) && !r->params) missing[n++] = "param";
  if (rt_trains()) {
    if (rt_replay_losses() && !r->losses.compared) missing[n++] = "losses";
    if (has_state(TESS_GRAD) && !r->grad.compared) missing[n++] = "grad";
    if (!r->final.compared) missing[n++] = "final";
  } else if (!values && !r->losses.compared) {
    missing[n++] = "reported values";
  }
  return n;
}

static void json_names(const char *key, const char *const *name, int n) {
  printf(",\"%s\":[", key);
  for (int i = 0; i < n; i++) {
    if (i) putchar(',');
    json_put_string(stdout, name[i]);
  }
  putchar(']');
}

typedef enum Column { WORST, BOUND, TENSOR } Column;

static void json_kinds(const RtReplay *r, const char *key, Column column) {
  const RtKind **kind = RT_NEW(tess_program.nvalue + 3, const RtKind *);
  int n = list_kinds(r, kind), put = 0;
  printf("\"%s\":{", key);
  for (int i = 0; i < n; i++) {
    const RtKind *k = kind[i];
    if (!k->compared) continue;
    if (put++) putchar(',');
    json_put_string(stdout, k->name);
    putchar(':');
    if (column == TENSOR)
      json_put_string(stdout, k->tensor);
    else
      json_put_number(stdout, column == WORST ? k->worst : k->bound);
  }
  putchar('}');
  free(kind);
}

static bool all_pass(const RtReplay *r) {
  const RtKind **kind = RT_NEW(tess_program.nvalue + 3, const RtKind *);
  int n = list_kinds(r, kind);
  bool ok = true;
  for (int i = 0; i < n; i++) {
    if (rt_kind_passes(kind[i])) continue;
    ok = false;
    rt_error("%s: %s is off by %.3g, expected at most %.3g", r->f->path, kind[i]->tensor, kind[i]->worst,
             kind[i]->bound);
  }
  free(kind);
  return ok;
}

/* Keys of the file that the program has no use for, on standard error and in the result; a run that ended
 * early does not know. */
static void json_ignored(const RtReplay *r, bool ran) {
  const char **name = RT_NEW(r->f->ntensor, const char *);
  int n = 0;
  for (int i = 0; ran && i < r->f->ntensor; i++)
    if (!r->f->tensor[i].used) name[n++] = r->f->tensor[i].name;
  for (int i = 0; i < n; i++) rt_note("%s: ignored \"%s\"", r->f->path, name[i]);
  json_names("ignored", name, n);
  free(name);
}

bool rt_replay_print(const RtReplay *r, bool ran) {
  const char *missing[5];
  int n = list_missing(r, missing);
  bool ok = all_pass(r) && ran && n == 0;
  for (int i = 0; i < n && ran; i++)
    rt_error("%s: nothing to compare for %s, expected it", r->f->path, missing[i]);
  putchar('{');
  json_kinds(r, "worst", WORST);
  putchar(',');
  json_kinds(r, "tensor", TENSOR);
  putchar(',');
  json_kinds(r, "bound", BOUND);
  printf(",\"steps\":%" PRIu64 ",\"left_out\":%" PRIu64, r->steps, r->left_out);
  json_names("missing", missing, n);
  json_ignored(r, ran);
  printf(",\"ok\":%s}\n", ok ? "true" : "false");
  return ok;
}
