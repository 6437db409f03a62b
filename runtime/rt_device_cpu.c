/* The arena in this machine's memory: what the host sees is all there is. */
#include "runtime/rt_limit.h"
#include "runtime/rt_session.h"

bool rt_device_open(RtSession *s) {
  RtLimits l = rt_limits("");
  return rt_limit_allows(&l, s->touched);
}

void rt_device_close(RtSession *s) {
  (void)s;
}

void rt_device_run(RtSession *s, TessEntryFn *entry) {
  entry(&s->run, s->arena, &s->step);
}

const void *rt_fetch(const RtSession *s, const TessTensor *t) {
  return rt_at(s, t);
}

void rt_send(const RtSession *s, const TessTensor *t) {
  (void)s;
  (void)t;
}

void tess_launch(TessRun *run, uint32_t id, TessKernel *kernel, void *const *arg, const TessStep *step,
                 int64_t tasks, uint64_t guard) {
  rt_pool_launch(run, id, kernel, arg, step, tasks, guard);
}
