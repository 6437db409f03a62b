#include "runtime/verbs/rt_report.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_type.h"

RtReport rt_report_new(void) {
  return (RtReport){RT_NEW(tess_program.nvalue, double), RT_NEW(tess_program.nvalue, double)};
}

void rt_report_free(RtReport *r) {
  free(r->sum);
  free(r->weight);
}

void rt_report_clear(RtReport *r) {
  memset(r->sum, 0, sizeof *r->sum * tess_program.nvalue);
  memset(r->weight, 0, sizeof *r->weight * tess_program.nvalue);
}

void rt_report_add(RtReport *r, const RtSession *s, TessEntryKind e, double weight) {
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    if (v->entry != (uint32_t)e || !rt_value_is_scalar(v)) continue;
    r->sum[i] += weight * rt_type_get(v->t.dtype, rt_fetch(s, &v->t), 0);
    r->weight[i] += weight;
  }
}

/* Calls `put` for each number that was reported, losses first. */
static void each(const RtReport *r, FILE *out, void (*put)(FILE *out, const char *name, double v)) {
  for (int rest = 0; rest < 2; rest++)
    for (uint32_t i = 0; i < tess_program.nvalue; i++) {
      const TessValue *v = &tess_program.value[i];
      bool loss = v->flags & TESS_LOSS;
      if (r->weight[i] > 0 && loss == !rest) put(out, v->name, r->sum[i] / r->weight[i]);
    }
}

static void put_text(FILE *out, const char *name, double v) {
  fprintf(out, "  %s %.4g", name, v);
}

static void put_json(FILE *out, const char *name, double v) {
  fputc(',', out);
  json_put_string(out, name);
  fputc(':', out);
  json_put_number(out, v);
}

void rt_report_text(const RtReport *r, FILE *out) {
  each(r, out, put_text);
}

void rt_report_json(const RtReport *r, FILE *out) {
  each(r, out, put_json);
}
