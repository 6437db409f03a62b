/* replay FILE: runs the steps that a safetensors file describes and compares all that it holds.
 *   param.NAME   sets a parameter before the first step
 *   stepN.NAME   supplies a value that the program reads or computes, or is compared with one that it reports
 *   losses       [steps, losses], compared with the reported losses
 *   grad.NAME    compared with the gradient that step 0 leaves
 *   final.NAME   compared with the parameter after the last step
 * Metadata named like a setting sets it; schedules are switched off. See rt_compare.h for the measures. */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "runtime/rt_base.h"
#include "runtime/verbs/rt_compare.h"
#include "runtime/verbs/rt_culprit.h"
#include "runtime/verbs/rt_report.h"
#include "runtime/verbs/rt_verb.h"

/* Of golden/README: relative for losses, against the reference's norm for gradients and values, against the
 * distance moved for final weights. */
static const double loss_bound = 2e-6, grad_bound = 2e-5, value_bound = 5e-6, final_bound = 1e-3;
/* What an update of a moving average may round off of it, here and there: of two products and a sum. */
static const double average_rounding = 0x1p-22;

/* A replay under way. */
typedef struct RtReplay {
  RtOptions *o;
  RtSession s;
  RtFile *f;
  uint64_t steps;
  RtKind losses, grad, final;
  RtKind *value;      /* one a value of the program */
  RtReport report;    /* of the step in hand */
  RtMeasured *param;  /* one a state of the program: its gradient, or how far it moved */
  uint64_t left_out;  /* elements of final.* */
  int params, frozen; /* that the file sets: trained ones, and others */
  uint64_t given;     /* bits of the values that were supplied in some step */
  bool failed;        /* an error was reported */
} RtReplay;

/* How many losses the program reports. */
static uint64_t count_losses(void) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < tess_program.nvalue; i++)
    n += (tess_program.value[i].flags & TESS_LOSS) && tess_program.value[i].entry == (uint32_t)rt_pass();
  return n;
}

static uint64_t micros(void) {
  return rt_is_training() ? tess_program.accumulate : 1;
}

static RtTensor *find(const RtReplay *r, const char *prefix, const char *name) {
  char *full = rt_format("%s%s", prefix, name);
  RtTensor *t = rt_file_find(r->f, full);
  free(full);
  if (t) t->used = true;
  return t;
}

static RtTensor *find_step(const RtReplay *r, uint64_t step, const char *name) {
  char prefix[32];
  snprintf(prefix, sizeof prefix, "step%" PRIu64 ".", step);
  return find(r, prefix, name);
}

/* Whether the file has anything of a step. */
static bool has_step(const RtFile *f, uint64_t step) {
  char prefix[32];
  int len = snprintf(prefix, sizeof prefix, "step%" PRIu64 ".", step);
  for (int i = 0; i < f->ntensor; i++)
    if (!strncmp(f->tensor[i].name, prefix, (size_t)len)) return true;
  return false;
}

/* Steps are numbered from 0 without gaps. */
static bool count_steps(RtReplay *r) {
  while (has_step(r->f, r->steps)) r->steps++;
  if (r->steps == 0)
    rt_error("%s: found no tensor named step0.NAME, expected the first step's data", r->f->path);
  for (int i = 0; i < r->f->ntensor; i++) {
    const char *name = r->f->tensor[i].name;
    if (strncmp(name, "step", 4) != 0 || !isdigit((unsigned char)name[4])) continue;
    if (strtoull(name + 4, NULL, 10) < r->steps) continue;
    rt_error("%s: found \"%s\", expected a step %" PRIu64 " before it", r->f->path, name, r->steps);
    return false;
  }
  return r->steps > 0;
}

static bool set_settings(RtReplay *r) {
  bool ok = true;
  for (uint32_t i = 0; i < tess_program.nsetting; i++) {
    const char *text = rt_file_meta(r->f, tess_program.setting[i].name);
    if (!text || r->o->setting_given[i]) continue;
    if (rt_parse_float(text, &r->s.step.setting[i])) continue;
    rt_error("%s: metadata \"%s\": found \"%s\", expected a number", r->f->path, tess_program.setting[i].name,
             text);
    ok = false;
  }
  r->s.step.constant = 1;
  r->s.step.total = r->s.step.epoch_steps = (float)r->steps;
  return ok;
}

static bool set_params(RtReplay *r) {
  bool ok = true;
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *st = &tess_program.state[i];
    if (st->kind != TESS_PARAM && st->kind != TESS_FROZEN && st->kind != TESS_CARRIED) continue;
    TessState own = *st; /* a foreign module's plain names are aliases: here they are the student's */
    if (rt_is_foreign(st)) own.alias = NULL;
    RtFound found = rt_load_state(r->f, "param.", &own, r->s.arena);
    if (found == RT_BROKEN) ok = false;
    if (found == RT_LOADED) {
      if (st->kind == TESS_PARAM)
        r->params++;
      else
        r->frozen++;
      rt_state_loaded(&r->s, st);
    }
    if (found == RT_ABSENT && st->kind != TESS_FROZEN)
      rt_note("%s: no param.%s: %s is used", r->f->path, st->name,
              st->from ? tess_program.state[st->from - 1].name : "its initial value");
  }
  return ok;
}

/* Where the values of micro-batch `micro` start in a tensor that holds one micro-batch, or all of the step's
 * along its first dimension; -1 with an error for any other shape. */
static int64_t slice_of(const RtReplay *r, const RtTensor *t, const TessTensor *want, uint64_t micro) {
  bool one = t->count == 1 && want->count == 1;
  if (!one && want->rank > 0 && t->rank == want->rank && micros() > 1 &&
      t->dim[0] == want->dim[0] * micros()) {
    TessTensor whole = *want;
    whole.dim[0] = t->dim[0];
    return rt_file_shape(r->f, t, &whole) ? (int64_t)(micro * want->count) : -1;
  }
  return one || rt_file_shape(r->f, t, want) ? 0 : -1;
}

static bool supply_one(RtReplay *r, const RtTensor *t, const TessValue *v, uint64_t micro) {
  uint64_t inexact = 0;
  int64_t first = slice_of(r, t, &v->t, micro);
  if (first < 0 ||
      !rt_file_read(r->f, t, (uint64_t)first, v->t.count, v->t.dtype, rt_at(&r->s, &v->t), &inexact))
    return false;
  rt_send(&r->s, &v->t);
  if (!inexact) return true;
  if (rt_type_is_float(v->t.dtype)) {
    if (r->s.step.step == 0 && micro == 0)
      rt_note("%s: \"%s\": %" PRIu64 " values of type %s are rounded to %s", r->f->path, t->name, inexact,
              rt_type_name(t->type), rt_type_name(v->t.dtype));
    return true;
  }
  rt_error("%s: \"%s\": found %" PRIu64 " values of type %s that are no %s, as the program's \"%s\" is",
           r->f->path, t->name, inexact, rt_type_name(t->type), rt_type_name(v->t.dtype), v->name);
  return false;
}

static bool is_supplied(const RtReplay *r, uint32_t i) {
  return i < 64 && r->s.step.supplied >> i & 1;
}

/* Whether the pass reads value number i: itself, or through another that the file does not supply. */
static bool is_needed(const RtReplay *r, uint32_t i) {
  if (tess_program.value[i].flags & TESS_READ) return true;
  for (uint32_t k = 0; k < tess_program.nvalue && k < 64; k++)
    if (tess_program.value[i].readers >> k & 1 && !is_supplied(r, k) && is_needed(r, k)) return true;
  return false;
}

/* A datum is computed by nobody. */
static bool has_data(const RtReplay *r, TessEntryKind e) {
  bool ok = true;
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (v->entry != (uint32_t)e || !(v->flags & TESS_DATA) || find_step(r, r->s.step.step, v->name) ||
        !is_needed(r, i))
      continue;
    rt_error("%s: found no step%" PRIu64 ".%s, which the program reads", r->f->path, r->s.step.step, v->name);
    ok = false;
  }
  return ok;
}

static bool supply(RtReplay *r, TessEntryKind e, uint64_t micro) {
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (v->entry != (uint32_t)e || !(v->flags & (TESS_SUPPLY | TESS_DATA))) continue;
    RtTensor *t = find_step(r, r->s.step.step, v->name);
    if (!t) continue;
    if (!supply_one(r, t, v, micro)) return false;
    if (v->flags & TESS_SUPPLY && i < 64) r->s.step.supplied |= 1ull << i;
  }
  r->given |= r->s.step.supplied;
  return has_data(r, e);
}

static bool fill(void *ctx, uint64_t step, uint64_t micro) {
  (void)step;
  RtReplay *r = ctx;
  if (micro == 0) r->s.step.supplied = 0;
  if (!supply(r, rt_pass(), micro)) r->failed = true;
  return !r->failed;
}

static void compare_values(RtReplay *r, TessEntryKind e, uint64_t micro) {
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (v->entry != (uint32_t)e || !(v->flags & TESS_REPORT) || is_supplied(r, i)) continue;
    RtTensor *t = find_step(r, r->s.step.step, v->name);
    if (!t) continue;
    int64_t first = slice_of(r, t, &v->t, micro);
    if (first < 0) {
      r->failed = true;
      continue;
    }
    RtRef ref = {.file = r->f, .want = t, .first = (uint64_t)first};
    RtDistance d = rt_distance(&ref, v->t.dtype, rt_fetch(&r->s, &v->t), v->t.count);
    rt_kind_add(&r->value[i], rt_relative(&d), t->name);
  }
}

/* Compares PREFIX.NAME with the parameter's memory or its gradient's; `moved`: measured by the distance from
 * param.NAME. Without such a tensor `tensor` is NULL. */
static void measure(RtReplay *r, RtMeasured *m, const char *prefix, const TessTensor *mem, bool moved) {
  RtRef ref = {.file = r->f, .want = rt_state_tensor(r->f, prefix, m->param)};
  m->tensor = NULL;
  if (!ref.want) return;
  if (!rt_file_shape(r->f, ref.want, &m->param->t)) {
    r->failed = true;
    return;
  }
  if (m->param->kind == TESS_CARRIED) ref.rounding = average_rounding * (double)(r->steps * micros());
  if (moved) {
    ref.base = rt_state_tensor(r->f, "param.", m->param);
    ref.grad = rt_state_tensor(r->f, "grad.", m->param);
    bool fits =
        ref.base && ref.base->count == ref.want->count && (!ref.grad || ref.grad->count == ref.want->count);
    if (!fits) {
      rt_error("%s: \"%s\" needs param.%s (and grad.%s) of its shape, to know the distance moved", r->f->path,
               ref.want->name, m->param->name, m->param->name);
      r->failed = true;
      return;
    }
  }
  m->tensor = ref.want->name;
  m->count = mem->count;
  m->d = rt_distance(&ref, mem->dtype, rt_fetch(&r->s, mem), mem->count);
}

static const TessState *gradient_of(const char *name) {
  for (uint32_t i = 0; i < tess_program.nstate; i++)
    if (tess_program.state[i].kind == TESS_GRAD && !strcmp(tess_program.state[i].name, name))
      return &tess_program.state[i];
  return NULL;
}

static void compare_gradients(RtReplay *r) {
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *g = r->param[i].param ? gradient_of(r->param[i].param->name) : NULL;
    if (g) measure(r, &r->param[i], "grad.", &g->t, false);
  }
  rt_judge_gradients(r->param, (int)tess_program.nstate, &r->grad);
}

static void compare_finals(RtReplay *r) {
  for (uint32_t i = 0; i < tess_program.nstate; i++)
    if (r->param[i].param) measure(r, &r->param[i], "final.", &r->param[i].param->t, true);
  rt_judge_finals(r->param, (int)tess_program.nstate, &r->final, &r->left_out);
}

static void seen(void *ctx, uint64_t micro) {
  RtReplay *r = ctx;
  bool last = micro + 1 == micros(), updated = micro == micros();
  TessEntryKind e = updated ? TESS_UPDATE : rt_pass();
  rt_report_add(&r->report, &r->s, e, 1);
  compare_values(r, e, micro);
  if (last && r->s.step.step == 0) compare_gradients(r);
  if (last && rt_is_training() && !supply(r, TESS_UPDATE, 0)) r->failed = true;
}

static void compare_losses(RtReplay *r, const RtTensor *t, uint64_t step) {
  uint64_t column = 0, inexact = 0;
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (!(v->flags & TESS_LOSS) || v->entry != (uint32_t)rt_pass()) continue;
    double want, found = r->report.sum[i] / r->report.weight[i];
    uint64_t columns = t->count / r->steps;
    if (!rt_file_read(r->f, t, step * columns + column++, 1, RT_F64, &want, &inexact)) want = NAN;
    char *name = rt_format("step%" PRIu64 ".%s", step, v->name);
    double off = fabs(found - want);
    rt_kind_add(&r->losses, off == 0 ? 0 : off / fabs(want), name);
    free(name);
  }
}

/* The tensor `losses`, or NULL; *ok false after an error. */
static RtTensor *find_losses(RtReplay *r, bool *ok) {
  uint64_t n = count_losses();
  RtTensor *t = n ? find(r, "", "losses") : NULL;
  char shape[256];
  *ok = !t || t->count == n * r->steps;
  if (!*ok)
    rt_error("%s: \"losses\": found shape %s, expected [%" PRIu64 ", %" PRIu64 "] (steps, losses)",
             r->f->path, rt_shape_text(t->rank, t->dim, shape), r->steps, n);
  return t;
}

static bool run_steps(RtReplay *r) {
  bool ok;
  RtTensor *losses = find_losses(r, &ok);
  for (uint64_t step = 0; ok && step < r->steps; step++) {
    rt_report_clear(&r->report);
    ok = rt_session_step(&r->s, step, fill, seen, r) && !r->failed;
    if (ok && losses) compare_losses(r, losses, step);
    if (ok && rt_is_training() && rt_session_refused(&r->s)) {
      rt_culprit_find(&r->s, step, fill, r);
      ok = false;
    }
  }
  if (!ok) return false;
  if (rt_is_training()) compare_finals(r);
  return !r->failed;
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
  bool set = has_state(TESS_PARAM) ? r->params : !has_state(TESS_FROZEN) || r->frozen || r->o->nfrozen;
  if (!set) missing[n++] = "param";
  if (rt_is_training()) {
    if (count_losses() && !r->losses.compared) missing[n++] = "losses";
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
    rt_error("%s: %s is off by %.3g, expected at most %.3g", r->o->file, kind[i]->tensor, kind[i]->worst,
             kind[i]->bound);
  }
  free(kind);
  return ok;
}

/* Keys of the file that the program has no use for, on standard error and in the result; a run that ended
 * early does not know. */
static void json_ignored(const RtReplay *r, bool ran) {
  int all = ran ? r->f->ntensor : 0, n = 0;
  const char **name = RT_NEW(all, const char *);
  for (int i = 0; i < all; i++)
    if (!r->f->tensor[i].used) name[n++] = r->f->tensor[i].name;
  for (int i = 0; i < n; i++) rt_note("%s: ignored \"%s\"", r->f->path, name[i]);
  json_names("ignored", name, n);
  free(name);
}

/* What the file gave instead of the program, and the gradients that rounding alone made. */
static void json_given(const RtReplay *r) {
  const char **name = RT_NEW(tess_program.nvalue + tess_program.nstate, const char *);
  int n = 0;
  for (uint32_t i = 0; i < tess_program.nvalue && i < 64; i++)
    if (r->given >> i & 1) name[n++] = tess_program.value[i].name;
  json_names("supplied", name, n);
  n = 0;
  for (uint32_t i = 0; i < tess_program.nstate; i++)
    if (r->param[i].left_out) name[n++] = r->param[i].param->name;
  json_names("zero_gradients", name, n);
  free(name);
}

/* Prints the result as one JSON line and each failure as an error; whether all passed. `ran`: all steps
 * were run. */
static bool print_result(const RtReplay *r, bool ran) {
  const char *missing[5];
  int n = ran ? list_missing(r, missing) : 0;
  bool ok = all_pass(r) && ran && n == 0;
  for (int i = 0; i < n; i++) rt_error("%s: nothing to compare for %s, expected it", r->f->path, missing[i]);
  putchar('{');
  json_kinds(r, "worst", WORST);
  putchar(',');
  json_kinds(r, "tensor", TENSOR);
  putchar(',');
  json_kinds(r, "bound", BOUND);
  printf(",\"steps\":%" PRIu64 ",\"left_out\":%" PRIu64, r->steps, r->left_out);
  json_given(r);
  json_names("missing", missing, n);
  json_ignored(r, ran);
  printf(",\"ok\":%s}\n", ok ? "true" : "false");
  return ok;
}

static void open_result(RtReplay *r) {
  double by = (double)r->o->value[RT_OPT_tolerance].f;
  r->losses = (RtKind){.name = "losses", .bound = by * loss_bound};
  r->grad = (RtKind){.name = "grad", .bound = by * grad_bound};
  r->final = (RtKind){.name = "final", .bound = by * final_bound};
  r->value = RT_NEW(tess_program.nvalue, RtKind);
  for (uint32_t i = 0; i < tess_program.nvalue; i++)
    r->value[i] = (RtKind){.name = tess_program.value[i].name, .bound = by * value_bound};
  r->param = RT_NEW(tess_program.nstate, RtMeasured);
  for (uint32_t i = 0; i < tess_program.nstate; i++)
    if (tess_program.state[i].kind == TESS_PARAM || tess_program.state[i].kind == TESS_CARRIED)
      r->param[i].param = &tess_program.state[i];
  r->report = rt_report_new();
}

static void close_result(RtReplay *r) {
  free(r->losses.tensor);
  free(r->grad.tensor);
  free(r->final.tensor);
  for (uint32_t i = 0; i < tess_program.nvalue; i++) free(r->value[i].tensor);
  free(r->value);
  free(r->param);
  rt_report_free(&r->report);
}

/* Runs all steps of the file. */
static bool replay(RtReplay *r) {
  if (!rt_is_training() && !rt_has_entry(TESS_EVAL)) {
    rt_error("%s has nothing to run", tess_program.name);
    return false;
  }
  r->f = rt_file_open(r->o->file);
  if (!r->f || !rt_begin(&r->s, r->o)) return false;
  bool ok =
      count_steps(r) && set_settings(r) && set_params(r) && rt_load_all(&r->s, r->o, false) && run_steps(r);
  rt_session_close(&r->s);
  return ok;
}

/* Whatever becomes of it, standard output is one JSON object. */
int rt_replay(RtOptions *o) {
  RtReplay r = {.o = o};
  open_result(&r);
  bool ran = replay(&r), ok = print_result(&r, ran);
  close_result(&r);
  rt_file_close(r.f);
  return ok ? 0 : 1;
}
