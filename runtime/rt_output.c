#include "runtime/rt_output.h"

#include "runtime/rt_base.h"

bool rt_can_write(const char *option, const char *path, const char *token, OutFile *where) {
  OutFile o;
  bool ok = outfile_try(&o, path, token);
  if (!ok) rt_error("%s %s: cannot write there: %s", option, path, o.why);
  if (where) *where = o;
  return ok;
}

/* What stands under a further name is no less whole. */
static bool write_also(OutFile *o, const RtDest *to) {
  for (int i = 0; i < RT_MOST_NAMES; i++) {
    if (!to->also[i] || outfile_also(o, to->also[i])) continue;
    rt_error("%s: cannot be written: %s; it is as it was", to->also[i], o->why);
    return false;
  }
  return true;
}

bool rt_write_whole(const RtDest *to, const RtPiece *piece, int n) {
  OutFile o;
  int i = 0;
  bool opened = outfile_open(&o, to->path, 0666, to->token), ok = opened, named = true;
  while (ok && i < n) ok = outfile_write(&o, piece[i].data, piece[i].bytes), i++;
  ok = ok && outfile_flush(&o);
  if (ok) named = write_also(&o, to);
  if (ok)
    ok = outfile_commit(&o);
  else if (opened)
    outfile_drop(&o);
  if (!ok && o.replaced)
    rt_error("%s: it was written, but its folder cannot be brought to the disk: %s", to->path, o.why);
  else if (!ok)
    rt_error("%s: cannot be written: %s; it is as it was", to->path, o.why);
  return ok && named;
}
