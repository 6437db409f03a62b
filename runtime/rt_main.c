/* The program's entry: checks that archive, tables and processor fit, then runs the verb. */
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "base/files/infile.h"
#include "base/files/streams.h"
#include "base/machine/cpu_feature.h"
#include "runtime/rt_base.h"
#include "runtime/rt_limit.h"
#include "runtime/verbs/rt_verb.h"

int rt_threads(const RtOptions *o) {
  uint64_t most = tess_program.max_threads ? tess_program.max_threads : 1;
  uint64_t n = RT_GIVEN(o, threads) ? RT_U64(o, threads) : (uint64_t)rt_limits("").processors;
  if (n > most && RT_GIVEN(o, threads))
    rt_note("--threads %" PRIu64 ": the program was built for at most %" PRIu64, n, most);
  return n < 1 ? 1 : n > most ? (int)most : (int)n;
}

bool rt_begin(RtSession *s, const RtOptions *o) {
  if (!rt_session_open(s, rt_threads(o), o->verb == RT_EVAL)) return false;
  s->step.seed = RT_U64(o, seed);
  for (uint32_t i = 0; i < tess_program.nsetting; i++) s->step.setting[i] = o->setting[i];
  if (rt_session_entry(s, TESS_INIT)) return true;
  rt_session_close(s);
  return false;
}

bool rt_load_all(RtSession *s, RtOptions *o, bool all) {
  if (RT_GIVEN(o, init) && !rt_load_init(s, o, all)) return false;
  if (!rt_load_frozen(s, o)) return false;
  rt_take_first_values(s);
  return rt_session_entry(s, TESS_PREPARE);
}

static bool processor_fits(void) {
  char lacks[512], model[49];
  if (cpu_feature_all(tess_program.cpu_needs, lacks, sizeof lacks)) return true;
  cpu_feature_model(model);
  rt_error("this program needs a processor with %s; found %s without %s", tess_program.cpu_needs,
           *model ? model : "one", lacks);
  rt_note("build it for this machine with --target cpu:native");
  return false;
}

static int run_verb(RtOptions *o) {
  if (o->verb == RT_INFO) return rt_info(o);
  if (!processor_fits()) return 1;
  switch (o->verb) {
  case RT_TRAIN: return rt_train(o);
  case RT_EVAL: return rt_eval(o);
  case RT_REPLAY: return rt_replay(o);
  case RT_BENCH: return rt_bench(o);
  case RT_INFO:
  case RT_HELP:
  case RT_VERSION: break; /* answered before */
  }
  return 1;
}

/* Results are printed: they must have arrived. */
static bool printed(void) {
  int lost = streams_lost();
  if (lost) rt_error("the output is not complete%s%s", lost > 0 ? ": " : "", lost > 0 ? strerror(lost) : "");
  return !lost;
}

int main(int argc, char **argv) {
  streams_hold();
  if (tess_program.abi != TESS_ABI) {
    rt_error("the program's tables are of version %" PRIu32 ", the runtime's of %d", tess_program.abi,
             TESS_ABI);
    return 1;
  }
  signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error of writing, not the program's end */
  infile_note("/proc/self/exe", argc ? argv[0] : "that is this program");
  RtOptions o;
  int status = 1;
  if (rt_options_parse(&o, argc, argv)) {
    status = 0;
    if (o.verb == RT_HELP || o.value[RT_OPT_help].flag)
      rt_help(&o);
    else if (o.verb == RT_VERSION)
      rt_version();
    else
      status = run_verb(&o);
  }
  rt_options_free(&o);
  return status == 0 && !printed() ? 1 : status;
}
