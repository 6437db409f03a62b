/* info: the program's tables, for people or as JSON. */
#include <inttypes.h>

#include "base/json.h"
#include "runtime/rt_base.h"
#include "runtime/state/rt_safetensors.h"
#include "runtime/verbs/rt_profile.h"
#include "runtime/verbs/rt_verb.h"

static const char *const kind_name[] = {"parameter", "frozen", "state", "gradient", "slot", "temporary"};

static const char *kind_of(const TessState *s) {
  return s->kind < sizeof kind_name / sizeof *kind_name ? kind_name[s->kind] : "?";
}

static uint64_t count_elements(uint32_t kind) {
  uint64_t n = 0;
  for (uint32_t i = 0; i < tess_program.nstate; i++)
    if (tess_program.state[i].kind == kind) n += tess_program.state[i].t.count;
  return n;
}

/* "supply,report" */
static const char *flags_text(const TessValue *v, char buf[64]) {
  snprintf(buf, 64, "%s%s%s%s", v->flags & TESS_SUPPLY ? ",supply" : "",
           v->flags & TESS_REPORT ? ",report" : "", v->flags & TESS_DATA ? ",data" : "",
           v->flags & TESS_LOSS ? ",loss" : "");
  return buf[0] ? buf + 1 : buf;
}

static double entry_flop(int e) {
  double sum = 0;
  for (uint32_t i = 0; i < tess_program.entry[e].nlaunch; i++) sum += tess_program.entry[e].launch[i].flop;
  return sum;
}

static void print_tensors(void) {
  char shape[256], flags[64];
  printf("\nStates (%" PRIu32 "):\n", tess_program.nstate);
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *s = &tess_program.state[i];
    printf("  %-9s %s%s%s %s %s\n", kind_of(s), s->slot, *s->slot ? "." : "", s->name,
           rt_type_name(s->t.dtype), rt_shape_text(s->t.rank, s->t.dim, shape));
  }
  printf("\nValues (%" PRIu32 "):\n", tess_program.nvalue);
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    printf("  %-7s %s %s %s %s%s%s\n", v->entry < TESS_ENTRIES ? rt_entry_name[v->entry] : "?", v->name,
           rt_type_name(v->t.dtype), rt_shape_text(v->t.rank, v->t.dim, shape), flags_text(v, flags),
           *v->data ? " " : "", v->data);
  }
  printf("\nSettings (%" PRIu32 "):\n", tess_program.nsetting);
  for (uint32_t i = 0; i < tess_program.nsetting; i++)
    printf("  %s = %g  %s\n", tess_program.setting[i].name, (double)tess_program.setting[i].value,
           tess_program.setting[i].help);
}

static void print_kernels(void) {
  RtProfile *p = rt_profile_new();
  printf("\nKernels (%d):\n", p->n);
  for (int i = 0; i < p->n; i++) printf("  %s (%s)\n", p->row[i].kernel, p->row[i].source);
  rt_profile_free(p);
}

static void print_text(const RtOptions *o) {
  int threads = rt_threads(o);
  RtMemory m = rt_memory_plan(threads, 0);
  printf("program      %s\ndescription  %s\nsource hash  %s\nbuilt by     %s\nneeds        %s\n",
         tess_program.name, tess_program.description, tess_program.source_hash, tess_program.build,
         tess_program.cpu_needs);
  printf("batch        %" PRIu64 " %s x %" PRIu64 " micro-batches, at most %" PRIu32 " threads\n",
         tess_program.batch, rt_unit(), tess_program.accumulate, tess_program.max_threads);
  printf("parameters   %" PRIu64 " trained, %" PRIu64 " frozen, %" PRIu64 " of states\n",
         count_elements(TESS_PARAM), count_elements(TESS_FROZEN), count_elements(TESS_CARRIED));
  for (int e = 0; e < TESS_ENTRIES; e++)
    if (rt_has_entry((TessEntryKind)e))
      printf("entry        %-7s %5" PRIu32 " launches, %.3f GFLOP\n", rt_entry_name[e],
             tess_program.entry[e].nlaunch, entry_flop(e) * 1e-9);
  rt_memory_print(&m, threads, stdout);
  print_kernels();
  print_tensors();
}

static void put(const char *key, const char *text) {
  json_put_string(stdout, key);
  putchar(':');
  json_put_string(stdout, text);
}

/* Behind another member. */
static void put_member(const char *key, const char *text) {
  putchar(',');
  put(key, text);
}

static void put_tensor(const TessTensor *t) {
  char shape[256];
  printf(",\"dtype\":\"%s\",\"shape\":%s}", rt_type_name(t->dtype), rt_shape_text(t->rank, t->dim, shape));
}

static void json_states(void) {
  fputs(",\"states\":[", stdout);
  for (uint32_t i = 0; i < tess_program.nstate; i++) {
    const TessState *s = &tess_program.state[i];
    fputs(i ? ",{" : "{", stdout);
    put("name", s->name);
    put_member("kind", kind_of(s));
    put_member("slot", s->slot);
    put_member("module", s->module);
    put_tensor(&s->t);
  }
  putchar(']');
}

static void json_values(void) {
  char flags[64];
  fputs(",\"values\":[", stdout);
  for (uint32_t i = 0; i < tess_program.nvalue; i++) {
    const TessValue *v = &tess_program.value[i];
    fputs(i ? ",{" : "{", stdout);
    put("name", v->name);
    put_member("entry", v->entry < TESS_ENTRIES ? rt_entry_name[v->entry] : "?");
    put_member("flags", flags_text(v, flags));
    put_member("data", v->data);
    put_tensor(&v->t);
  }
  putchar(']');
}

static void json_settings(void) {
  fputs(",\"settings\":{", stdout);
  for (uint32_t i = 0; i < tess_program.nsetting; i++) {
    if (i) putchar(',');
    json_put_string(stdout, tess_program.setting[i].name);
    putchar(':');
    json_put_number(stdout, (double)tess_program.setting[i].value);
  }
  putchar('}');
}

static void json_kernels(void) {
  RtProfile *p = rt_profile_new();
  fputs(",\"kernels\":[", stdout);
  for (int i = 0; i < p->n; i++) {
    fputs(i ? ",{" : "{", stdout);
    put("name", p->row[i].kernel);
    put_member("source", p->row[i].source);
    putchar('}');
  }
  putchar(']');
  rt_profile_free(p);
}

static void print_json(const RtOptions *o) {
  putchar('{');
  put("program", tess_program.name);
  put_member("description", tess_program.description);
  put_member("source_hash", tess_program.source_hash);
  put_member("build", tess_program.build);
  put_member("cpu_needs", tess_program.cpu_needs);
  printf(",\"batch\":%" PRIu64 ",\"accumulate\":%" PRIu64 ",\"max_threads\":%" PRIu32, tess_program.batch,
         tess_program.accumulate, tess_program.max_threads);
  printf(",\"arena_bytes\":%" PRIu64 ",\"live_bytes\":%" PRIu64 ",\"scratch_bytes\":%" PRIu64
         ",\"memory_planned\":%" PRIu64,
         tess_program.arena_bytes, tess_program.live_bytes, tess_program.scratch_bytes,
         rt_memory_plan(rt_threads(o), 0).total);
  fputs(",\"gflop\":{", stdout);
  for (int e = 0, n = 0; e < TESS_ENTRIES; e++)
    if (rt_has_entry((TessEntryKind)e))
      printf("%s\"%s\":%.6g", n++ ? "," : "", rt_entry_name[e], entry_flop(e) * 1e-9);
  putchar('}');
  json_kernels();
  json_settings();
  json_states();
  json_values();
  puts("}");
}

int rt_info(const RtOptions *o) {
  if (o->value[RT_OPT_json].flag)
    print_json(o);
  else
    print_text(o);
  return 0;
}
