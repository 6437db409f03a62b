/* A text that is written as a stream and grows as needed, as with open_memstream; but memory that could not
 * be had is known when it is closed, whatever wrote, and never a text that is cut. */
#ifndef BASE_TEXT_STREAM_H
#define BASE_TEXT_STREAM_H

#include <stdbool.h>
#include <stdio.h>

typedef struct TextStream {
  FILE *f; /* to write to */
  char *text;
  size_t size; /* without the NUL behind it */
  size_t room;
  bool cut; /* something did not fit into memory */
} TextStream;

/* False where there is no memory; `t` stays where it is until it is closed. */
bool text_stream_open(TextStream *t);
/* False, without a text, where memory did not hold it; else the text is the caller's to free. */
bool text_stream_close(TextStream *t);

#endif
