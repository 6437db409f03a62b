/* The numbers that a program reports: their weighted means, as text and as JSON. */
#ifndef RUNTIME_RT_REPORT_H
#define RUNTIME_RT_REPORT_H

#include <stdio.h>

#include "runtime/rt_session.h"

typedef struct RtReport {
  double *sum, *weight; /* one a value of the program */
} RtReport;

RtReport rt_report_new(void);
void rt_report_free(RtReport *r);
void rt_report_clear(RtReport *r);
/* Adds the reported numbers of an entry as they stand in the arena. */
void rt_report_add(RtReport *r, const RtSession *s, TessEntryKind e, double weight);
/* "  ar 1.234  kd 0.51  lr 0.001": losses first, then the rest in the program's order. */
void rt_report_text(const RtReport *r, FILE *out);
/* ","ar":1.234" for each. */
void rt_report_json(const RtReport *r, FILE *out);

#endif
