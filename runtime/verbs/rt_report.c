#include "runtime/verbs/rt_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* Whether the line tells of an update behind `first`, or was cut off while it was written. */
static bool is_stale(const char *line, ssize_t len, uint64_t first) {
  static const char start[] = "{\"step\":";
  if (line[len - 1] != '\n') return true;
  return !strncmp(line, start, sizeof start - 1) && strtoull(line + sizeof start - 1, NULL, 10) > first;
}

/* Where the log's last line ends that a run which goes on behind update `first` does not write again. */
static off_t kept_length(FILE *f, uint64_t first) {
  char *line = NULL;
  size_t size = 0;
  off_t at = 0, end = 0;
  for (ssize_t len; (len = getline(&line, &size, f)) > 0;) {
    at += len;
    if (!is_stale(line, len, first)) end = at;
  }
  free(line);
  return end;
}

/* A run that was killed may have logged updates that its checkpoint does not have: they are made again. */
static bool cut_log(const char *path, uint64_t first) {
  FILE *f = fopen(path, "r");
  struct stat st;
  if (!f) return errno == ENOENT;
  bool ok = fstat(fileno(f), &st) == 0;
  if (ok && S_ISREG(st.st_mode)) {
    off_t end = kept_length(f, first);
    ok = !ferror(f) && (end == st.st_size || truncate(path, end) == 0);
  }
  int why = errno;
  fclose(f);
  errno = why;
  return ok;
}

/* A run from the start leaves what earlier ones wrote, but for a line that was cut off. */
static FILE *open_log(const char *path, uint64_t first) {
  FILE *f = cut_log(path, first ? first : UINT64_MAX) ? fopen(path, "a") : NULL;
  if (!f) rt_error("%s: %s", path, strerror(errno));
  return f;
}

bool rt_progress_open(RtProgress *p, const char *log, uint64_t every, uint64_t first, uint64_t total,
                      uint64_t epoch_steps) {
  *p = (RtProgress){.terminal = isatty(STDOUT_FILENO) == 1,
                    .log_path = log,
                    .every = every ? every : 1,
                    .total = total,
                    .epoch_steps = epoch_steps,
                    .first = first,
                    .last = first};
  p->log = log ? open_log(log, first) : NULL;
  if (log && !p->log) return false;
  p->step = rt_report_new();
  p->interval = rt_report_new();
  p->start = p->printed = rt_now();
  return true;
}

void rt_progress_add(RtProgress *p, const RtSession *s, TessEntryKind e) {
  rt_report_add(&p->step, s, e, 1);
  rt_report_add(&p->interval, s, e, 1);
}

static double images(uint64_t steps) {
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
  if (took > 0) printf("  %.0f images/s", images(done - p->last) / took);
  print_left((now - p->start) / (double)(done - p->first) * (double)(p->total - done));
  if (!p->terminal) putchar('\n');
  fflush(stdout);
  p->printed = now;
  p->last = done;
  rt_report_clear(&p->interval);
}

static void log_step(RtProgress *p, uint64_t done, double now) {
  fprintf(p->log, "{\"step\":%" PRIu64 ",\"epoch\":", done);
  json_put_number(p->log, (double)done / (double)p->epoch_steps);
  rt_report_json(&p->step, p->log);
  fprintf(p->log, ",\"seconds\":%.6f}\n", now - p->start);
  if ((fflush(p->log) != 0 || ferror(p->log)) && !p->log_error) p->log_error = errno;
}

void rt_progress_step(RtProgress *p, uint64_t done) {
  double now = rt_now();
  if (p->log) log_step(p, done, now);
  rt_report_clear(&p->step);
  bool due = p->terminal ? now - p->printed >= terminal_pause : done % p->every == 0;
  if (due || done == p->total) print_line(p, done, now);
}

bool rt_progress_close(RtProgress *p, uint64_t done, double *rate) {
  double took = rt_now() - p->start;
  *rate = took > 0 ? images(done - p->first) / took : 0;
  if (p->terminal && done > p->first) putchar('\n');
  if (p->log && fclose(p->log) != 0 && !p->log_error) p->log_error = errno;
  if (p->log_error) rt_error("%s: the log is not complete: %s", p->log_path, strerror(p->log_error));
  rt_report_free(&p->step);
  rt_report_free(&p->interval);
  return !p->log_error;
}
