/* The profile as a file. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "runtime/rt_base.h"
#include "runtime/verbs/rt_profile.h"

static void put_text(FILE *f, const char *key, const char *text) {
  fprintf(f, ",\"%s\":", key);
  json_put_string(f, text);
}

static void put_launch(FILE *f, const TessLaunch *l, const RtProfileLaunch *p) {
  fputs("\n  {\"kernel\":", f);
  json_put_string(f, l->kernel);
  fprintf(f, ",\"runs\":%" PRIu64 ",\"ns\":%.0f}", p->runs, p->seconds * 1e9);
}

static void put_entry(FILE *f, const RtProfile *p, int e, bool first) {
  const TessEntry *entry = &tess_program.entry[e];
  fprintf(f, "%s\n {\"name\":\"%s\",\"launches\":[", first ? "" : ",", rt_entry_name[e]);
  for (uint32_t i = 0; i < entry->nlaunch; i++) {
    if (i) fputc(',', f);
    put_launch(f, &entry->launch[i], &p->launch[e][i]);
  }
  fputs("]}", f);
}

static bool ran(const RtProfile *p, int e) {
  for (uint32_t i = 0; i < tess_program.entry[e].nlaunch; i++)
    if (p->launch[e][i].runs) return true;
  return false;
}

static void put_all(FILE *f, const RtProfile *p, int threads, uint64_t steps) {
  bool first = true;
  fputs("{\"tessera_profile\":1", f);
  put_text(f, "program", tess_program.name);
  put_text(f, "source_hash", tess_program.source_hash);
  put_text(f, "build", tess_program.build);
  fprintf(f, ",\"threads\":%d,\"steps\":%" PRIu64 ",\"entries\":[", threads, steps);
  for (int e = 0; e < TESS_ENTRIES; e++)
    if (ran(p, e)) {
      put_entry(f, p, e, first);
      first = false;
    }
  fputs("]}\n", f);
}

bool rt_profile_write(const RtProfile *p, int threads, uint64_t steps, const char *path) {
  char *part = rt_format("%s.tmp", path);
  FILE *f = fopen(part, "w");
  if (f) put_all(f, p, threads, steps);
  bool ok = f && !ferror(f);
  if (f && fclose(f) != 0) ok = false;
  if (ok && rename(part, path) != 0) ok = false;
  if (!ok) {
    rt_error("%s: cannot write the profile: %s", path, strerror(errno));
    if (f) unlink(part);
  }
  free(part);
  return ok;
}
