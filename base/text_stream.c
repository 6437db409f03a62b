#define _GNU_SOURCE /* fopencookie */
#include "base/text_stream.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 256 };

static bool make_room(TextStream *t, size_t n) {
  size_t room = t->room ? t->room : FIRST_ROOM;
  while (room - t->size <= n) room *= 2;
  if (room == t->room) return true;
  char *bigger = realloc(t->text, room);
  if (!bigger) return false;
  t->text = bigger;
  t->room = room;
  return true;
}

static ssize_t take(void *stream, const char *from, size_t n) {
  TextStream *t = stream;
  t->cut = t->cut || !make_room(t, n);
  if (t->cut) return 0;
  memcpy(t->text + t->size, from, n);
  t->size += n;
  t->text[t->size] = '\0';
  return (ssize_t)n;
}

bool text_stream_open(TextStream *t) {
  *t = (TextStream){0};
  t->f = make_room(t, 0) ? fopencookie(t, "w", (cookie_io_functions_t){.write = take}) : NULL;
  if (t->text) *t->text = '\0';
  if (!t->f) free(t->text);
  return t->f;
}

bool text_stream_close(TextStream *t) {
  bool whole = !ferror(t->f);
  whole = fclose(t->f) == 0 && whole && !t->cut;
  if (!whole) {
    free(t->text);
    t->text = NULL;
  }
  return whole;
}
