#include "runtime/verbs/rt_report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static const double terminal_pause = 0.2; /* seconds between two renewals of the line */

bool rt_progress_open(RtProgress *p, const char *log, uint64_t every, uint64_t first, uint64_t total,
                      uint64_t epoch_steps) {
  *p = (RtProgress){.terminal = isatty(STDOUT_FILENO) == 1,
                    .every = every ? every : 1,
                    .total = total,
                    .epoch_steps = epoch_steps,
                    .first = first,
                    .last = first};
  if (!rt_log_open(&p->log, log, first)) return false;
  p->step = rt_report_new();
  p->interval = rt_report_new();
  p->start = p->printed = rt_now();
  return true;
}

void rt_progress_add(RtProgress *p, const RtSession *s, TessEntryKind e) {
  rt_report_add(&p->step, s, e, 1);
  rt_report_add(&p->interval, s, e, 1);
}

static double samples(uint64_t steps) {
  return (double)steps * (double)tess_program.batch * (double)tess_program.accumulate;
}

static void print_left(double seconds) {
  uint64_t s = (uint64_t)(seconds + 0.5);
  if (s >= 3600)
    printf("  %" PRIu64 "h %02" PRIu64 "m left", s / 3600, s / 60 % 60);
  else if (s >= 60)
    printf("  %" PRIu64 "m %02" PRIu64 "s left", s / 60, s % 60);
  else
    printf("  %" PRIu64 "s left", s);
}

/* The means since the last line. */
static void print_line(RtProgress *p, uint64_t done, double now) {
  double took = now - p->printed;
  if (p->terminal) fputs("\r\033[K", stdout);
  printf("step %" PRIu64 "/%" PRIu64, done, p->total);
  rt_report_text(&p->interval, stdout);
  if (took > 0) printf("  %.0f %s/s", samples(done - p->last) / took, rt_unit());
  print_left((now - p->start) / (double)(done - p->first) * (double)(p->total - done));
  if (!p->terminal) putchar('\n');
  fflush(stdout);
  p->printed = now;
  p->last = done;
  rt_report_clear(&p->interval);
}

static void log_step(RtProgress *p, uint64_t done, double now) {
  FILE *line = rt_log_begin(&p->log);
  if (!line) return;
  fprintf(line, "{\"step\":%" PRIu64 ",\"epoch\":", done);
  json_put_number(line, (double)done / (double)p->epoch_steps);
  rt_report_json(&p->step, line);
  fprintf(line, ",\"seconds\":%.6f}\n", now - p->start);
  rt_log_end(&p->log);
}

void rt_progress_step(RtProgress *p, uint64_t done) {
  double now = rt_now();
  log_step(p, done, now);
  rt_report_clear(&p->step);
  bool due = p->terminal ? now - p->printed >= terminal_pause : done % p->every == 0;
  if (due || done == p->total) print_line(p, done, now);
}

static void log_validation(RtProgress *p, uint64_t done, uint64_t n, const RtReport *r, bool best) {
  FILE *line = rt_log_begin(&p->log);
  if (!line) return;
  fprintf(line, "{\"step\":%" PRIu64 ",\"epoch\":", done);
  json_put_number(line, (double)done / (double)p->epoch_steps);
  fprintf(line, ",\"validation\":{\"images\":%" PRIu64, n);
  rt_report_json(r, line);
  fprintf(line, "},\"best\":%s,\"seconds\":%.6f}\n", best ? "true" : "false", rt_now() - p->start);
  rt_log_end(&p->log);
}

void rt_progress_validation(RtProgress *p, uint64_t done, uint64_t n, const RtReport *r, bool best) {
  if (p->terminal) fputs("\r\033[K", stdout);
  printf("validation at update %" PRIu64 ": %" PRIu64 " %s", done, n, rt_unit());
  rt_report_text(r, stdout);
  puts(best ? "  best so far" : "");
  fflush(stdout);
  log_validation(p, done, n, r, best);
}

bool rt_progress_close(RtProgress *p, uint64_t done, double *rate) {
  double took = rt_now() - p->start;
  *rate = took > 0 ? samples(done - p->first) / took : 0;
  if (p->terminal && done > p->first) putchar('\n');
  rt_report_free(&p->step);
  rt_report_free(&p->interval);
  return rt_log_close(&p->log);
}
